using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Adcp.Aot.Storage;

/// <summary>
/// Commits changes through the writer of the process. The fence is the worker's row, read in the same transaction, which excludes all
/// others.
/// </summary>
/// <param name="writer">The writer.</param>
/// <param name="sql">The statements.</param>
/// <param name="deadKept">The time for which dead letters are kept.</param>
internal sealed class SqliteOutboxSettler(SqliteOutboxWriter writer, SqliteOutboxStatements sql, TimeSpan deadKept) : OutboxSettler
{
    private const int RowBytes = 64;

    internal override async ValueTask SettleAsync(Guid worker, IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken)
    {
        long bytes = 0;
        foreach (OutboxChange change in changes)
        {
            change.IsApplied = false;
            bytes += change.Kind is OutboxChangeKind.Delivered or OutboxChangeKind.Trial ? RowBytes : change.Row.Sealed.Length;
        }

        if (changes.Count == 0)
        {
            return;
        }

        HashSet<long> applied = await writer.RunAsync(
            session => Settle(session, worker, changes), changes.Count, bytes, cancellationToken).ConfigureAwait(false);
        foreach (OutboxChange change in changes)
        {
            change.IsApplied = applied.Contains(change.Row.Id);
        }
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Returns the ids of the rows that were there.</summary>
    private HashSet<long> Settle(SqliteOutboxSession session, Guid worker, IReadOnlyList<OutboxChange> changes)
    {
        HashSet<long> applied = [];
        if (session.Scalar(sql.IsAlive, worker.ToByteArray()) is null)
        {
            return applied;
        }

        long now = session.Now();
        foreach (IGrouping<(OutboxState From, OutboxChangeKind Kind), OutboxChange> group in
            changes.GroupBy(static change => (change.Row.State, change.Kind)))
        {
            Settle(session, group.Key.From, group.Key.Kind, [.. group], now, applied);
        }

        return applied;
    }

    private void Settle(
        SqliteOutboxSession session, OutboxState from, OutboxChangeKind kind, List<OutboxChange> changes, long now, HashSet<long> applied)
    {
        OutboxState to = from.After(kind);
        if (to == from)
        {
            // The row stays in its table.
            TakeIds(
                kind == OutboxChangeKind.Park ? session.Read(sql.ParkAgain, now, Keys(changes))
                    : from == OutboxState.Parked ? session.Read(sql.TrialParked, ParkedIds(changes))
                    : session.Read(sql.TrialLog, Ids(changes)),
                applied, null);
            return;
        }

        if (to == OutboxState.Parked)
        {
            session.Execute(sql.Park, now, Keys(changes));
        }
        else if (to == OutboxState.Dead)
        {
            string end = from == OutboxState.Parked ? sql.EndFromParked : sql.EndFromLog;
            session.Execute(end, now, Keys(changes), Milliseconds(deadKept));
        }

        // The delivery ids of delivered webhooks stay as they are: an id whose webhook is in no table was delivered.
        List<byte[]>? ended = to == OutboxState.Dead ? [] : null;
        DbDataReader deleted = from == OutboxState.Parked
            ? session.Read(sql.DeleteFromParked, ParkedIds(changes))
            : session.Read(sql.DeleteFromLog, Ids(changes));
        TakeIds(deleted, applied, ended);
        foreach (byte[] binding in ended ?? [])
        {
            // Remembered for at least as long as the dead letter.
            session.Execute(sql.EndBinding, now + Milliseconds(deadKept), binding);
        }
    }

    private static void TakeIds(DbDataReader reader, HashSet<long> applied, List<byte[]>? bindings)
    {
        using (reader)
        {
            while (reader.Read())
            {
                applied.Add(reader.GetInt64(0));
                if (bindings is not null && !reader.IsDBNull(1))
                {
                    bindings.Add((byte[])reader.GetValue(1));
                }
            }
        }
    }

    private static string Ids(List<OutboxChange> changes)
    {
        StringBuilder text = new("[", 2 + (changes.Count * 12));
        foreach (OutboxChange change in changes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 1 ? "," : "")}{change.Row.Id}");
        }

        return text.Append(']').ToString();
    }

    private static string ParkedIds(List<OutboxChange> changes)
    {
        StringBuilder text = new("[", 2 + (changes.Count * 28));
        foreach (OutboxChange change in changes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(text.Length > 1 ? "," : "")}[{change.Row.Id},{change.Row.DueAt}]");
        }

        return text.Append(']').ToString();
    }

    /// <summary>
    /// Returns <c>[id, due time, delay, attempts, horizon, reason, status code, deaths, leaves the order, notification type,
    /// hash of the key, time since the attempt]</c> for each change.
    /// </summary>
    private static string Keys(List<OutboxChange> changes)
    {
        StringBuilder text = new("[", 2 + (changes.Count * 64));
        foreach (OutboxChange change in changes)
        {
            string reason = change.Reason is { } said ? $"\"{JsonEncodedText.Encode(said)}\"" : "null";
            text.Append(
                CultureInfo.InvariantCulture,
                $"{(text.Length > 1 ? "," : "")}[{change.Row.Id},{change.Row.DueAt},{Milliseconds(change.Delay)},{change.Attempts},"
                + $"{Milliseconds(change.Horizon)},{reason},{Number(change.StatusCode)},{change.Unclean},{(change.LeavesOrder ? 1 : 0)},"
                + $"{Number(change.NotificationType)},{Number(change.KeyHash)},{Milliseconds(change.SinceAttempt)}]");
        }

        return text.Append(']').ToString();
    }

    private static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "null";

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;
}
