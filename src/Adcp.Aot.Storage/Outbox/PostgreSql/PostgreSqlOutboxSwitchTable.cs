using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The switches of operators on PostgreSQL.</summary>
internal sealed class PostgreSqlOutboxSwitchTable(StoreDatabase database, PostgreSqlStoreStatements sql) : OutboxSwitchTable
{
    private long _renewed = -1;

    internal override long? Renewed => Volatile.Read(ref _renewed) is >= 0 and var revision ? revision : null;

    /// <summary>Notes the newest revision, which a renewal saw.</summary>
    internal void NoteRenewed(long revision) => Volatile.Write(ref _renewed, revision);

    internal override ValueTask<IReadOnlyList<OutboxSwitch>> ReadAsync(long after, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync<IReadOnlyList<OutboxSwitch>>(
            database,
            mayRepeat: true,
            async (connection, token) => await connection.Command(sql.ReadSwitches).With(DbType.Int64, after)
                .AllAsync(Row, token).ConfigureAwait(false),
            cancellationToken);

    internal override ValueTask<OutboxSwitch?> SetAsync(
        string target, bool isStopped, string name, string actor, string? reason, CancellationToken cancellationToken) =>
        PostgreSqlOutboxConnection.OnceAsync(
            database,
            mayRepeat: true,
            async (connection, token) =>
            {
                OutboxSwitch? set = null;
                DbBatch batch = connection.GuardedBatch();
                batch.Then(sql.LockSwitches);
                batch.Then(sql.SetSwitch)
                    .With(DbType.String, target).With(DbType.Boolean, isStopped).With(DbType.String, name).With(DbType.String, actor)
                    .With(DbType.String, reason).With(DbType.Int64, (long)MaxSwitches);
                await batch.CommitAsync(reader => set = Row(reader), token).ConfigureAwait(false);
                return set;
            },
            cancellationToken);

    internal static OutboxSwitch Row(DbDataReader reader) => new(
        reader.GetString(0), reader.GetBoolean(1), reader.GetString(2), reader.GetString(3),
        reader.IsDBNull(4) ? null : reader.GetString(4), DateTimeOffset.FromUnixTimeMilliseconds(reader.GetInt64(5)), reader.GetInt64(6));
}
