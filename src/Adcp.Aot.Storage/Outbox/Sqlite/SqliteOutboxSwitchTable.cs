using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>The switches of operators on SQLite.</summary>
internal sealed class SqliteOutboxSwitchTable(SqliteOutboxDatabase database, SqliteOutboxWriter writer, SqliteOutboxStatements sql)
    : OutboxSwitchTable
{
    internal override ValueTask<IReadOnlyList<OutboxSwitch>> ReadAsync(long after, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SqliteOutboxSession session = database.OpenReader();
        try
        {
            List<OutboxSwitch> rows = [];
            using DbDataReader reader = session.Read(sql.ReadSwitches, after);
            while (reader.Read())
            {
                rows.Add(Row(reader));
            }

            return ValueTask.FromResult<IReadOnlyList<OutboxSwitch>>(rows);
        }
        finally
        {
            session.Close();
        }
    }

    internal override ValueTask<OutboxSwitch?> SetAsync(
        string target, bool isStopped, string name, string actor, string? reason, CancellationToken cancellationToken) =>
        writer.RunAsync(
            session =>
            {
                session.Execute(sql.LockSwitches);
                using DbDataReader reader = session.Read(
                    sql.SetSwitch, session.Now(), target, isStopped ? 1L : 0L, name, actor, reason, (long)MaxSwitches);
                return reader.Read() ? Row(reader) : null;
            },
            1, 0, cancellationToken);

    private static OutboxSwitch Row(DbDataReader reader) => new(
        reader.GetString(0), reader.GetInt64(1) != 0, reader.GetString(2), reader.GetString(3),
        reader.IsDBNull(4) ? null : reader.GetString(4), reader.Time(5)!.Value, reader.GetInt64(6));
}
