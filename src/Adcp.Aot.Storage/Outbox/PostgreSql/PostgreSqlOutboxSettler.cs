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
                // Changes of the log come first, then those of parked rows: the order in which all transactions lock tables.
                DbBatch batch = connection.GuardedBatch(PostgreSqlOutboxStatements.SettleGuards(timeout()));
                foreach (IGrouping<(OutboxState State, OutboxChangeKind Kind), OutboxChange> group in
                    changes.GroupBy(static change => (change.Row.State, change.Kind))
                        .OrderBy(static group => (int)group.Key.State).ThenBy(static group => (int)group.Key.Kind))
                {
                    Add(batch, worker, group.Key.State, group.Key.Kind, [.. group]);
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

    private void Add(DbBatch batch, Guid worker, OutboxState from, OutboxChangeKind kind, List<OutboxChange> changes)
    {
        DbBatchCommand command = batch.Then(StatementOf(from, kind))
            .With(DbType.Guid, worker)
            .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => (long)change.Row.Lane));
        if (from == OutboxState.Parked)
        {
            command
                .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Endpoint))
                .With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.DueAt));
        }
        else
        {
            command.With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Transaction));
        }

        command.With(DbType.String, PostgreSqlCommands.ArrayOf(changes, static change => change.Row.Id));
        if (kind is OutboxChangeKind.Park or OutboxChangeKind.Dead)
        {
            AddValues(command, changes);
        }
    }

    private string StatementOf(OutboxState from, OutboxChangeKind kind) => (from, from.After(kind)) switch
    {
        (OutboxState.Waiting, OutboxState.Delivered) => statements.DeliveredLog,
        (_, OutboxState.Delivered) => statements.DeliveredParked,
        (OutboxState.Waiting, OutboxState.Dead) => statements.DeadLog,
        (_, OutboxState.Dead) => statements.DeadParked,
        (OutboxState.Waiting, OutboxState.Parked) => statements.ParkLog,
        (OutboxState.Parked, _) when kind == OutboxChangeKind.Park => statements.ParkParked,
        (OutboxState.Parked, _) => statements.TrialParked,
        _ => statements.TrialLog,
    };

    /// <summary>
    /// Adds delay, attempts, horizon, status code, reason, deaths, whether the order is left, the notification type, the key's hash and the
    /// time since the attempt, by the row's id.
    /// </summary>
    private static void AddValues(DbBatchCommand command, List<OutboxChange> changes)
    {
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
                Write(json, change.StatusCode);
                json.WriteStringValue(change.Reason ?? "");
                json.WriteNumberValue(change.Unclean);
                json.WriteBooleanValue(change.LeavesOrder);
                Write(json, change.NotificationType);
                Write(json, change.KeyHash);
                json.WriteNumberValue((long)change.SinceAttempt.TotalMilliseconds);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        command.With(DbType.String, Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length));
    }

    private static void Write(Utf8JsonWriter json, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
