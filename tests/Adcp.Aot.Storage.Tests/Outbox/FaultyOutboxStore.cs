using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The fate of one call of a store.</summary>
internal enum StoreFault
{
    None,

    /// <summary>The call fails, and nothing is changed.</summary>
    Before,

    /// <summary>The call is made, and its answer is lost.</summary>
    After,

    /// <summary>The process ends before the call: this call and all later ones are not made and never return.</summary>
    Crash,

    /// <summary>The call is made, and the process ends before its answer: this call and all later ones never return.</summary>
    CrashAfter,
}

/// <summary>
/// The connections of one process to a store. A test plans the fate of each call. The awaits of the outbox at which a process can leave
/// something half done are these calls and its attempts.
/// </summary>
internal sealed class FaultyOutboxStore(OutboxStore inner, Func<string, StoreFault> plan) : OutboxStore
{
    private bool _hasCrashed;

    /// <summary>Gets whether the process has ended.</summary>
    public bool HasCrashed => Volatile.Read(ref _hasCrashed);

    /// <summary>Gets the wait of a process that is paused. Calls are made, and answers are seen, when it is over.</summary>
    public Func<Task> WhileRunning { get; init; } = static () => Task.CompletedTask;

    /// <summary>Gets the exception of a call that fails.</summary>
    public Func<string, Exception> Fault { get; init; } = static call => new IOException(call);

    /// <summary>Gets whether the database refuses a commit because of a change.</summary>
    public Func<OutboxChange, bool> Refuses { get; init; } = static _ => false;

    /// <summary>Gets the action that is called when the process ends.</summary>
    public Action Crashed { get; init; } = static () => { };

    /// <summary>Ends the process.</summary>
    public void Crash()
    {
        if (!Interlocked.Exchange(ref _hasCrashed, true))
        {
            Crashed();
        }
    }

    internal override ValueTask<Guid> InstallationAsync(CancellationToken cancellationToken) =>
        ReadAsync("installation", () => inner.InstallationAsync(cancellationToken), cancellationToken);

    internal override ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken) => inner.CreateIfAbsentAsync(cancellationToken);

    internal override async ValueTask CheckAsync(CancellationToken cancellationToken) =>
        await ReadAsync("check", () => Done(inner.CheckAsync(cancellationToken)), cancellationToken);

    internal override ValueTask<long[]> DrawNumbersAsync(
        DbTransaction transaction, IReadOnlyList<string> streams, CancellationToken cancellationToken) =>
        inner.DrawNumbersAsync(transaction, streams, cancellationToken);

    internal override ValueTask<OutboxBinding?[]> BindAsync(
        DbTransaction transaction, IReadOnlyList<OutboxBinding> bindings, CancellationToken cancellationToken) =>
        inner.BindAsync(transaction, bindings, cancellationToken);

    internal override ValueTask KeepNumbersAsync(
        DbTransaction transaction, IReadOnlyList<(byte[] Hash, long Number)> numbers, CancellationToken cancellationToken) =>
        inner.KeepNumbersAsync(transaction, numbers, cancellationToken);

    internal override ValueTask<long[]> AppendAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken) =>
        inner.AppendAsync(transaction, entries, cancellationToken);

    internal override ValueTask<OutboxTransaction> BeginAsync(CancellationToken cancellationToken) => inner.BeginAsync(cancellationToken);

    internal override ValueTask RequireSameDatabaseAsync(DbTransaction transaction, CancellationToken cancellationToken) =>
        inner.RequireSameDatabaseAsync(transaction, cancellationToken);

    internal override ValueTask<OutboxBinding?> FindAsync(byte[] hash, CancellationToken cancellationToken) =>
        inner.FindAsync(hash, cancellationToken);

    internal override async ValueTask JoinAsync(Guid worker, string name, TimeSpan lease, CancellationToken cancellationToken) =>
        await RunAsync("join", () => Done(inner.JoinAsync(worker, name, lease, cancellationToken)), cancellationToken);

    internal override ValueTask<(bool IsAlive, int Workers)> RenewAsync(
        Guid worker, TimeSpan lease, bool isDraining, OutboxFigures figures, CancellationToken cancellationToken) =>
        RunAsync("renew", () => inner.RenewAsync(worker, lease, isDraining, figures, cancellationToken), cancellationToken);

    internal override ValueTask<IReadOnlyList<(short Lane, int Unclean)>> TakeLanesAsync(
        Guid worker, int most, CancellationToken cancellationToken) =>
        RunAsync("take", () => inner.TakeLanesAsync(worker, most, cancellationToken), cancellationToken);

    internal override ValueTask<IReadOnlyList<(short Lane, int Unclean)>> OwnedLanesAsync(Guid worker,
        CancellationToken cancellationToken) =>
        RunAsync("owned", () => inner.OwnedLanesAsync(worker, cancellationToken), cancellationToken);

    internal override async ValueTask ReturnLaneAsync(Guid worker, short lane, CancellationToken cancellationToken) =>
        await RunAsync("return", () => Done(inner.ReturnLaneAsync(worker, lane, cancellationToken)), cancellationToken);

    internal override async ValueTask LeaveAsync(Guid worker, CancellationToken cancellationToken) =>
        await RunAsync("leave", () => Done(inner.LeaveAsync(worker, cancellationToken)), cancellationToken);

    internal override OutboxReader OpenReader() => new Reader(this, inner.OpenReader());

    internal override OutboxSettler OpenSettler() => new Settler(this, inner.OpenSettler());

    internal override ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken) =>
        ReadAsync("count", () => inner.CountAsync(cancellationToken), cancellationToken);

    internal override ValueTask<int> PurgeAsync(CancellationToken cancellationToken) => inner.PurgeAsync(cancellationToken);

    internal override ValueTask<IReadOnlyList<WaitingWebhook>> ListWaitingAsync(
        int limit, Func<OutboxWaitingRow, WaitingWebhook> describe, CancellationToken cancellationToken) =>
        ReadAsync("waiting", () => inner.ListWaitingAsync(limit, describe, cancellationToken), cancellationToken);

    internal override ValueTask<IReadOnlyList<OutboxWorkerRow>> ListWorkersAsync(CancellationToken cancellationToken) =>
        plan("workers") == StoreFault.Before ? throw new IOException("planned") : inner.ListWorkersAsync(cancellationToken);

    internal override OutboxDeadTable Dead => inner.Dead;

    internal override OutboxSwitchTable Switches => new SwitchTable(this, inner.Switches);

    internal override ValueTask<IReadOnlyList<T>> ListParkedEndpointsAsync<T>(
        int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken) =>
        inner.ListParkedEndpointsAsync(limit, describe, cancellationToken);

    internal override ValueTask<IReadOnlyList<long>> CountParkedAsync(
        IReadOnlyList<long> endpoints, int most, CancellationToken cancellationToken) =>
        plan("backlog") == StoreFault.Before
            ? throw new IOException("planned")
            : inner.CountParkedAsync(endpoints, most, cancellationToken);

    internal override ValueTask<OutboxWaitingRow?> FindParkedAsync(long endpoint, CancellationToken cancellationToken) =>
        inner.FindParkedAsync(endpoint, cancellationToken);

    internal override ValueTask<IReadOnlyList<T>> ListParkedByKeyAsync<T>(
        long? keyHash, int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken) =>
        inner.ListParkedByKeyAsync(keyHash, limit, describe, cancellationToken);

    internal override ValueTask SearchLogAsync(
        long? tenant, int maxRows, long maxBytes, Func<OutboxWaitingRow, bool> isFound, CancellationToken cancellationToken) =>
        inner.SearchLogAsync(tenant, maxRows, maxBytes, isFound, cancellationToken);

    private static async ValueTask<bool> Done(ValueTask call)
    {
        await call;
        return true;
    }

    /// <summary>Makes a call of a reader, which remembers nothing of a call that fails: there is no answer to lose.</summary>
    private ValueTask<T> ReadAsync<T>(string call, Func<ValueTask<T>> make, CancellationToken cancellationToken) =>
        RunAsync(call, make, cancellationToken, hasAnswerToLose: false);

    private async ValueTask<T> RunAsync<T>(
        string call, Func<ValueTask<T>> make, CancellationToken cancellationToken, bool hasAnswerToLose = true)
    {
        // Another call of the process may come in between.
        await Task.Yield();
        await WhileRunning();
        StoreFault fault = HasCrashed ? StoreFault.Crash : plan(call);
        if (fault == StoreFault.Crash)
        {
            Crash();
        }

        // The plan may have paused or ended the process.
        await WhileRunning();
        await WhileAliveAsync(cancellationToken);

        if (fault == StoreFault.Before || (fault == StoreFault.After && !hasAnswerToLose))
        {
            throw Fault($"{call}: no connection");
        }

        T result = await make();
        if (fault == StoreFault.CrashAfter)
        {
            Crash();
        }

        await WhileRunning();
        await WhileAliveAsync(cancellationToken);
        return fault == StoreFault.After ? throw Fault($"{call}: answer lost") : result;
    }

    /// <summary>Never returns if the process has ended. A test that disposes the rest of it cancels the wait.</summary>
    private Task WhileAliveAsync(CancellationToken cancellationToken) =>
        HasCrashed ? Task.Delay(Timeout.Infinite, cancellationToken) : Task.CompletedTask;

    private sealed class SwitchTable(FaultyOutboxStore store, OutboxSwitchTable inner) : OutboxSwitchTable
    {
        internal override ValueTask<IReadOnlyList<OutboxSwitch>> ReadAsync(long after, CancellationToken cancellationToken) =>
            store.ReadAsync("switches", () => inner.ReadAsync(after, cancellationToken), cancellationToken);

        internal override ValueTask<OutboxSwitch?> SetAsync(
            string target, bool isStopped, string name, string actor, string? reason, CancellationToken cancellationToken) =>
            inner.SetAsync(target, isStopped, name, actor, reason, cancellationToken);
    }

    private sealed class Reader(FaultyOutboxStore store, OutboxReader inner) : OutboxReader
    {
        internal override void Join(IReadOnlyList<short> lanes) => inner.Join(lanes);

        internal override void Leave(short lane) => inner.Leave(lane);

        internal override void Reset() => inner.Reset();

        internal override ValueTask<bool> ReadAsync(
            List<OutboxRow> rows, int limit, long maxBytes, bool newOnly, CancellationToken cancellationToken) =>
            store.ReadAsync("read", () => inner.ReadAsync(rows, limit, maxBytes, newOnly, cancellationToken), cancellationToken);

        internal override ValueTask<IReadOnlyList<OutboxParkedEndpoint>> ListParkedAsync(short lane,
            CancellationToken cancellationToken) =>
            store.ReadAsync("list", () => inner.ListParkedAsync(lane, cancellationToken), cancellationToken);

        internal override ValueTask<TimeSpan?> ReadParkedAsync(
            short lane, long endpoint, (long DueAt, long Id) after, int limit, long maxBytes, List<OutboxRow> rows,
            CancellationToken cancellationToken) =>
            store.ReadAsync(
                "parked", () => inner.ReadParkedAsync(lane, endpoint, after, limit, maxBytes, rows, cancellationToken), cancellationToken);

        internal override async ValueTask ReadHeadsAsync(
            IReadOnlyList<long> streams, long maxBytes, List<OutboxRow> rows, CancellationToken cancellationToken) =>
            await store.ReadAsync("heads", () => Done(inner.ReadHeadsAsync(streams, maxBytes, rows, cancellationToken)), cancellationToken);

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Settler(FaultyOutboxStore store, OutboxSettler inner) : OutboxSettler
    {
        internal override async ValueTask SettleAsync(Guid worker, IReadOnlyList<OutboxChange> changes,
            CancellationToken cancellationToken) =>
            await store.RunAsync(
                "settle",
                () => changes.Any(store.Refuses)
                    ? throw store.Fault("settle: refused")
                    : Done(inner.SettleAsync(worker, changes, cancellationToken)),
                cancellationToken);

        public override ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
