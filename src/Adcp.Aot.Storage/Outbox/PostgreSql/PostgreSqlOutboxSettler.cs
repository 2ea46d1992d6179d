using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Storage;

/// <summary>
/// Commits changes in one round trip. Every statement locks the worker's row for key share: a burial waits for it, and a renewal does not.
/// If the row is gone, nothing is changed. For one loop.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="statements">The statements.</param>
/// <param name="timeout">Returns how long a settlement may take on the server: less than the lease.</param>
internal sealed class PostgreSqlOutboxSettler(StoreDatabase database, PostgreSqlOutboxStatements statements, Func<TimeSpan> timeout)
    : OutboxSettler
{
    private readonly PostgreSqlOutboxConnection _connection = new(database);

    internal override async ValueTask SettleAsync(Guid worker, IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken)
    {
        if (changes.Count == 0)
        {
            return;
        }

        HashSet<long> applied = new(changes.Count);
        await _connection.RunAsync(
            async (connection, token) =>
            {
                DbBatch batch = connection.GuardedBatch(PostgreSqlOutboxStatements.SettleGuards(timeout()));
                foreach (OutboxChangeKind kind in new[] { OutboxChangeKind.Delivered, OutboxChangeKind.Park, OutboxChangeKind.Dead })
                {
                    AddLog(batch, worker, kind, Of(changes, kind, isParked: false));
                    AddParked(batch, worker, kind, Of(changes, kind, isParked: true));
                }

                await batch.CommitAsync(reader => applied.Add(reader.GetInt64(0)), token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        foreach (OutboxChange change in changes)
        {
            change.IsApplied = applied.Contains(change.Row.Id);
        }
    }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static List<OutboxChange> Of(IReadOnlyList<OutboxChange> changes, OutboxChangeKind kind, bool isParked)
    {
        List<OutboxChange> some = [];
        foreach (OutboxChange change in changes)
        {
            if (change.Kind == kind && change.Row.IsParked == isParked)
            {
                some.Add(change);
            }
        }

        return some;
    }

    private void AddLog(DbBatch batch, Guid worker, OutboxChangeKind kind, List<OutboxChange> changes)
    {
        if (changes.Count == 0)
        {
            return;
        }

        string sql = kind switch
        {
            OutboxChangeKind.Delivered => statements.DeliveredLog,
            OutboxChangeKind.Park => statements.ParkLog,
            _ => statements.DeadLog,
        };
        DbBatchCommand command = batch.Then(sql)
            .With(DbType.Guid, worker)
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => (long)change.Row.Lane))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Transaction))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Id));
        AddValues(command, kind, changes);
    }

    private void AddParked(DbBatch batch, Guid worker, OutboxChangeKind kind, List<OutboxChange> changes)
    {
        if (changes.Count == 0)
        {
            return;
        }

        string sql = kind switch
        {
            OutboxChangeKind.Delivered => statements.DeliveredParked,
            OutboxChangeKind.Park => statements.ParkParked,
            _ => statements.DeadParked,
        };
        DbBatchCommand command = batch.Then(sql)
            .With(DbType.Guid, worker)
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => (long)change.Row.Lane))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Endpoint))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.DueAt))
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Id));
        AddValues(command, kind, changes);
    }

    /// <summary>Adds delay, attempts, horizon, status code and reason by the row's id.</summary>
    private static void AddValues(DbBatchCommand command, OutboxChangeKind kind, List<OutboxChange> changes)
    {
        if (kind == OutboxChangeKind.Delivered)
        {
            return;
        }

        using MemoryStream text = new();
        using (Utf8JsonWriter json = new(text))
        {
            json.WriteStartObject();
            foreach (OutboxChange change in changes)
            {
                json.WriteStartArray(change.Row.Id.ToString(CultureInfo.InvariantCulture));
                json.WriteNumberValue((long)change.Delay.TotalMilliseconds);
                json.WriteNumberValue(change.Attempts);
                json.WriteNumberValue((long)change.Horizon.TotalMilliseconds);
                json.WriteNumberValue(change.StatusCode);
                json.WriteStringValue(change.Reason ?? "");
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        command.With(DbType.String, Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length));
    }
}
