using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>
/// The contract of <see cref="OutboxStore"/> in memory, with one lock and a clock of its own.
/// </summary>
internal sealed class InMemoryOutboxStore(TimeProvider clock) : OutboxStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, (long ExpiresAt, bool IsDraining, string Name, OutboxFigures Figures)> _workers = [];
    private readonly (Guid? Worker, int Unclean)[] _lanes = new (Guid?, int)[OutboxLanes.Count];
    private readonly SortedDictionary<long, Row> _log = [];
    private readonly SortedDictionary<(long DueAt, long Id), Row> _parked = [];
    private readonly Dictionary<long, (Row Row, OutboxChange Change)> _dead = [];
    private readonly Dictionary<string, long> _numbers = [];
    private readonly Guid _installation = Guid.NewGuid();
    private readonly List<OutboxSwitch> _switches = [new(OutboxSwitch.All, false, "", "", null, DateTimeOffset.UnixEpoch, 1)];
    private long _lastId;
    private int _looks;
    private int _renewals;

    /// <summary>Gets or sets whether settlements are made without the fence: a mutation that the checks must find.</summary>
    public bool IsUnfenced { get; set; }

    /// <summary>Gets or sets whether a takeover leaves lanes to a dead worker: a mutation that the checks must find.</summary>
    public bool NeverBuries { get; set; }

    /// <summary>
    /// Gets or sets whether a reader continues after a round of pages after the last page's snapshot, instead of after the
    /// first page's: a mutation that the checks must find.
    /// </summary>
    public bool AdvancesToLastSnapshot { get; set; }

    /// <summary>Gets or sets whether the last row of a stream counts as its head: a mutation that the checks must find.</summary>
    public bool TakesLastOfStream { get; set; }

    /// <summary>Gets or sets the most rows of a page of new rows.</summary>
    public int MaxPageRows { get; set; } = int.MaxValue;

    /// <summary>
    /// Gets or sets the action that is called with the name of a worker whose row is removed, and whether another worker removed it.
    /// </summary>
    public Action<string, bool> Removed { get; set; } = static (_, _) => { };

    /// <summary>Gets or sets how often a lease asks for dead workers, as on SQLite.</summary>
    public TimeSpan? Watch { get; set; }

    /// <summary>Gets or sets whether a worker is known to be dead before its lease has ended.</summary>
    public bool HasDeadWorker { get; set; }

    /// <summary>Gets how often a lease asked for dead workers.</summary>
    public int Looks => Volatile.Read(ref _looks);

    /// <summary>Gets how often a lease was renewed.</summary>
    public int Renewals => Volatile.Read(ref _renewals);

    internal override TimeSpan? DeathWatch => Watch;

    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _log.Count + _parked.Count;
            }
        }
    }

    /// <summary>Gets how often the rows were counted since the last <see cref="Reset"/>.</summary>
    public int Counts { get; private set; }

    public void Reset() => Counts = 0;

    /// <summary>Gets the shortest time until the lease of a worker ends; zero if there is no worker.</summary>
    public TimeSpan LeaseLeft
    {
        get
        {
            lock (_lock)
            {
                return _workers.Count == 0
                    ? TimeSpan.Zero
                    : TimeSpan.FromMilliseconds(_workers.Values.Min(static worker => worker.ExpiresAt) - Now);
            }
        }
    }

    /// <summary>Makes the rows look as if a newer program had written them.</summary>
    public void ChangeFormat()
    {
        lock (_lock)
        {
            foreach (Row row in _log.Values.Concat(_parked.Values))
            {
                row.Entry.Sealed[0]++;
            }
        }
    }

    /// <summary>Gets the time until the last parked row is due; zero if there is none or all are due.</summary>
    public TimeSpan LongestWait
    {
        get
        {
            lock (_lock)
            {
                return TimeSpan.FromMilliseconds(Math.Max(0, _parked.Keys.Max(static key => (long?)key.DueAt) - Now ?? 0));
            }
        }
    }

    public int Parked
    {
        get
        {
            lock (_lock)
            {
                return _parked.Count;
            }
        }
    }

    public IReadOnlyList<(long Id, string Reason, int Attempts)> DeadRows
    {
        get
        {
            lock (_lock)
            {
                return [.. _dead.Select(static entry => (entry.Key, entry.Value.Change.Reason!, entry.Value.Change.Attempts))];
            }
        }
    }

    /// <summary>Removes rows from the log, the newest first, as a worker does that delivers them.</summary>
    public void Deliver(int rows = int.MaxValue)
    {
        lock (_lock)
        {
            foreach (long id in _log.Keys.Reverse().Take(rows).ToArray())
            {
                _log.Remove(id);
            }
        }
    }

    /// <summary>Describes the rows that wait, for the message of a test that failed.</summary>
    public string Describe()
    {
        lock (_lock)
        {
            return string.Join("; ", _log.Values.Concat(_parked.Values).Select(row =>
            {
                Guid? owner = _lanes[row.Entry.Lane].Worker;
                return $"row {row.Id} in {(_log.ContainsKey(row.Id) ? "log" : $"parked, due in {row.DueAt - Now} ms")}, "
                    + $"lane {row.Entry.Lane} of "
                    + $"{(owner is { } known && _workers.ContainsKey(known) ? "a living worker" : "no worker")}, {row.Attempts} attempts";
            })) + $"; {_workers.Count} workers";
        }
    }

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    internal override ValueTask<Guid> InstallationAsync(CancellationToken cancellationToken) => ValueTask.FromResult(_installation);

    internal override ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken) => default;

    internal override ValueTask CheckAsync(CancellationToken cancellationToken) => default;

    internal override ValueTask<long[]> DrawNumbersAsync(
        DbTransaction transaction, IReadOnlyList<string> streams, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<long[]>([.. streams.Select(stream => _numbers[stream] = _numbers.GetValueOrDefault(stream) + 1)]);
        }
    }

    internal override ValueTask<OutboxBinding?[]> BindAsync(
        DbTransaction transaction, IReadOnlyList<OutboxBinding> bindings, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    internal override ValueTask KeepNumbersAsync(
        DbTransaction transaction, IReadOnlyList<(byte[] Hash, long Number)> numbers, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    internal override ValueTask<long[]> AppendAsync(
        DbTransaction? transaction, IReadOnlyList<OutboxEntry> entries, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<long[]>([.. entries.Select(Append)]);
        }
    }

    /// <summary>Begins a transaction that holds nothing: each call takes effect at once.</summary>
    internal override ValueTask<OutboxTransaction> BeginAsync(CancellationToken cancellationToken)
    {
        SqliteConnection connection = new("Data Source=:memory:");
        connection.Open();
        return ValueTask.FromResult(new OutboxTransaction(connection, connection.BeginTransaction()));
    }

    internal override ValueTask RequireSameDatabaseAsync(DbTransaction transaction, CancellationToken cancellationToken) => default;

    internal override ValueTask<OutboxBinding?> FindAsync(byte[] hash, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    internal override ValueTask JoinAsync(Guid worker, string name, TimeSpan lease, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _workers.Add(worker, (Now + (long)lease.TotalMilliseconds, false, name, default));
            return default;
        }
    }

    internal override bool SeesDeadWorker()
    {
        Interlocked.Increment(ref _looks);
        return HasDeadWorker;
    }

    internal override ValueTask<(bool IsAlive, int Workers)> RenewAsync(
        Guid worker, TimeSpan lease, bool isDraining, OutboxFigures figures, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _renewals);
        lock (_lock)
        {
            bool isAlive = _workers.TryGetValue(worker, out (long ExpiresAt, bool IsDraining, string Name, OutboxFigures Figures) self);
            if (isAlive)
            {
                _workers[worker] = (Now + (long)lease.TotalMilliseconds, isDraining, self.Name, figures);
            }

            foreach (Guid dead in NeverBuries
                ? []
                : _workers.Where(entry => entry.Value.ExpiresAt < Now).Select(static entry => entry.Key).ToArray())
            {
                Remove(dead, byAnother: true);
            }

            return ValueTask.FromResult((isAlive, _workers.Values.Count(static entry => !entry.IsDraining)));
        }
    }

    internal override ValueTask<IReadOnlyList<(short Lane, int Unclean)>> TakeLanesAsync(
        Guid worker, int most, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            List<(short, int)> taken = [];
            for (short lane = 0; lane < _lanes.Length && taken.Count < most; lane++)
            {
                (Guid? owner, int unclean) = _lanes[lane];
                if (owner is not { } known || !_workers.ContainsKey(known))
                {
                    _lanes[lane] = (worker, owner is null ? 0 : unclean + 1);
                    if (owner is not null)
                    {
                        Count(lane);
                    }

                    taken.Add((lane, _lanes[lane].Unclean));
                }
            }

            return ValueTask.FromResult<IReadOnlyList<(short, int)>>(taken);
        }
    }

    internal override ValueTask<IReadOnlyList<(short Lane, int Unclean)>> OwnedLanesAsync(Guid worker, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<(short, int)>>(
                [.. _lanes.Select(static (lane, index) => (Lane: (short)index, lane.Worker, lane.Unclean))
                    .Where(lane => lane.Worker == worker).Select(static lane => (lane.Lane, lane.Unclean))]);
        }
    }

    internal override ValueTask ReturnLaneAsync(Guid worker, short lane, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_lanes[lane].Worker == worker)
            {
                _lanes[lane] = (null, 0);
            }

            return default;
        }
    }

    internal override ValueTask LeaveAsync(Guid worker, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Remove(worker, byAnother: false);
            for (int lane = 0; lane < _lanes.Length; lane++)
            {
                _lanes[lane] = _lanes[lane].Worker == worker ? (null, 0) : _lanes[lane];
            }

            return default;
        }
    }

    internal override OutboxReader OpenReader() => new Reader(this);

    internal override OutboxSettler OpenSettler() => new Settler(this);

    internal override ValueTask<OutboxCounts> CountAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Counts++;
            int unowned = _lanes.Count(lane => lane.Worker is not { } owner || !_workers.ContainsKey(owner));
            long oldest = _log.Values.Concat(_parked.Values).Min(static row => (long?)row.DueAt) ?? long.MaxValue;
            TimeSpan? oldestDue = oldest <= Now ? TimeSpan.FromMilliseconds(Now - oldest) : null;
            OutboxFigures figures = _workers.Values.Select(static worker => worker.Figures).Aggregate(
                default(OutboxFigures),
                static (sum, one) => new OutboxFigures(
                    sum.InFlight + one.InFlight, sum.InMemory + one.InMemory, sum.Delivered + one.Delivered, sum.Deferred + one.Deferred,
                    sum.FencedOff + one.FencedOff));
            return ValueTask.FromResult(
                new OutboxCounts(_log.Count, _parked.Count, _dead.Count, oldestDue, _workers.Count, unowned, figures));
        }
    }

    internal override ValueTask<int> PurgeAsync(CancellationToken cancellationToken) => ValueTask.FromResult(0);

    internal override ValueTask<IReadOnlyList<WaitingWebhook>> ListWaitingAsync(
        int limit, Func<OutboxWaitingRow, WaitingWebhook> describe, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<WaitingWebhook>>(
            [
                .. _parked.Values.Concat(_log.Values).Take(limit).Select(row => describe(WaitingRow(row))),
            ]);
        }
    }

    internal override ValueTask<IReadOnlyList<OutboxWorkerRow>> ListWorkersAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<OutboxWorkerRow>>(
            [
                .. _workers.Select(worker => new OutboxWorkerRow(
                    worker.Key, "worker", TimeSpan.FromMilliseconds(worker.Value.ExpiresAt - Now), worker.Value.IsDraining,
                    [.. Enumerable.Range(0, _lanes.Length).Where(lane => _lanes[lane].Worker == worker.Key)])),
            ]);
        }
    }

    internal override OutboxDeadTable Dead => new DeadTable(this);

    internal override OutboxSwitchTable Switches => new SwitchTable(this);

    internal override ValueTask<IReadOnlyList<T>> ListParkedEndpointsAsync<T>(
        int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<T>>(
                [.. _parked.Values.DistinctBy(static row => row.Entry.Endpoint).Take(limit).Select(row => describe(WaitingRow(row)))]);
        }
    }

    internal override ValueTask<IReadOnlyList<long>> CountParkedAsync(
        IReadOnlyList<long> endpoints, int most, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<long>>(
                [.. endpoints.Select(endpoint => Math.Min(most, _parked.Values.LongCount(row => row.Entry.Endpoint == endpoint)))]);
        }
    }

    internal override ValueTask<OutboxWaitingRow?> FindParkedAsync(long endpoint, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult(
                _parked.Values.FirstOrDefault(row => row.Entry.Endpoint == endpoint) is { } row ? WaitingRow(row) : null);
        }
    }

    internal override ValueTask<IReadOnlyList<T>> ListParkedByKeyAsync<T>(
        long? keyHash, int limit, Func<OutboxWaitingRow, T> describe, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return ValueTask.FromResult<IReadOnlyList<T>>(
            [
                .. _parked.Values.Where(row => row.KeyHash == keyHash).OrderByDescending(static row => row.Id).Take(limit)
                    .Select(row => describe(WaitingRow(row))),
            ]);
        }
    }

    internal override ValueTask SearchLogAsync(
        long? tenant, int maxRows, long maxBytes, Func<OutboxWaitingRow, bool> isFound, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _ = _log.Values.Take(maxRows).Any(row => (tenant ?? row.Entry.Tenant) == row.Entry.Tenant && isFound(WaitingRow(row)));
            return default;
        }
    }

    private static OutboxWaitingRow WaitingRow(Row row) => new(
        row.Id, row.Entry.Lane, row.Entry.Endpoint, row.Entry.Tenant, row.Entry.KeyId, row.Attempts, DateTimeOffset.UnixEpoch,
        row.Entry.Sealed);

    private long Append(OutboxEntry entry)
    {
        long now = Now;
        Row row = new(
            ++_lastId, entry, Math.Max(now, entry.NotBefore?.ToUnixTimeMilliseconds() ?? now),
            entry.MaxAge is { } age ? now + (long)age.TotalMilliseconds : null);
        _log.Add(row.Id, row);
        return row.Id;
    }

    private void Remove(Guid worker, bool byAnother)
    {
        if (_workers.Remove(worker, out (long ExpiresAt, bool IsDraining, string Name, OutboxFigures Figures) removed))
        {
            Removed(removed.Name, byAnother);
        }
    }

    private void Settle(Guid worker, IReadOnlyList<OutboxChange> changes)
    {
        lock (_lock)
        {
            foreach (OutboxChange change in changes)
            {
                change.IsApplied = (IsUnfenced || _workers.ContainsKey(worker)) && Apply(change);
            }
        }
    }

    private void Count(short lane)
    {
        foreach (Row row in _log.Values.Concat(_parked.Values.Where(row => row.DueAt <= Now))
            .Where(row => row.Entry.Lane == lane && (row.IsOnTrial || row.Unclean == 0)))
        {
            row.Unclean++;
            row.IsOnTrial = false;
        }
    }

    private bool Apply(OutboxChange change)
    {
        OutboxRow read = change.Row;
        Row? row = read.IsParked ? _parked.GetValueOrDefault((read.DueAt, read.Id)) : _log.GetValueOrDefault(read.Id);
        if (row is null)
        {
            return false;
        }

        if (change.Kind == OutboxChangeKind.Trial)
        {
            row.IsOnTrial = true;
            return true;
        }

        _ = read.IsParked ? _parked.Remove((read.DueAt, read.Id)) : _log.Remove(read.Id);
        row.KeyHash = change.KeyHash ?? row.KeyHash;
        if (change.Kind == OutboxChangeKind.Park)
        {
            row.Attempts = change.Attempts;
            row.Unclean = change.Unclean;
            row.IsOnTrial = false;
            row.Reason = change.Reason;
            row.HasLeftOrder |= change.LeavesOrder;
            row.HorizonAt ??= change.Attempts > 0 ? Now + (long)(change.Horizon - change.SinceAttempt).TotalMilliseconds : null;
            row.DueAt = Math.Max(Now + (long)change.Delay.TotalMilliseconds, read.IsParked ? read.DueAt + 1 : 0);
            _parked.Add((row.DueAt, row.Id), row);
        }
        else if (change.Kind == OutboxChangeKind.Dead)
        {
            _dead.Add(row.Id, (row, change));
        }

        return true;
    }

    private OutboxRow Read(Row row, bool isParked) => new()
    {
        Lane = row.Entry.Lane,
        Id = row.Id,
        Endpoint = row.Entry.Endpoint,
        Tenant = row.Entry.Tenant,
        KeyId = row.Entry.KeyId,
        Sealed = row.Entry.Sealed,
        IsParked = isParked,
        DueAt = isParked ? row.DueAt : 0,
        Attempts = row.Attempts,
        Unclean = row.Unclean,
        Stream = row.Stream,
        DueIn = TimeSpan.FromMilliseconds(row.DueAt - Now),
        TimeLeft = (row.Attempts > 0 ? row.HorizonAt : row.MaxAt) is { } end ? TimeSpan.FromMilliseconds(end - Now) : null,
    };

    private sealed class Row(long id, OutboxEntry entry, long dueAt, long? maxAt)
    {
        public long Id { get; } = id;

        public OutboxEntry Entry { get; } = entry;

        public long DueAt { get; set; } = dueAt;

        public long? MaxAt { get; } = maxAt;

        public int Attempts { get; set; }

        public int Unclean { get; set; }

        public bool IsOnTrial { get; set; }

        public string? Reason { get; set; }

        public bool HasLeftOrder { get; set; }

        public long? KeyHash { get; set; }

        public long? Stream => HasLeftOrder ? null : Entry.Stream;

        public long? HorizonAt { get; set; }
    }

    private sealed class SwitchTable(InMemoryOutboxStore store) : OutboxSwitchTable
    {
        internal override ValueTask<IReadOnlyList<OutboxSwitch>> ReadAsync(long after, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult<IReadOnlyList<OutboxSwitch>>(
                    [.. store._switches.Where(row => row.Revision > after).OrderBy(static row => row.Revision)]);
            }
        }

        internal override ValueTask<OutboxSwitch?> SetAsync(
            string target, bool isStopped, string name, string actor, string? reason, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                long revision = store._switches.Max(static row => row.Revision) + 1;
                OutboxSwitch set = new(
                    target, isStopped, name, actor, reason, DateTimeOffset.FromUnixTimeMilliseconds(store.Now), revision);
                store._switches.RemoveAll(row => row.Target == target);
                store._switches.Add(set);
                return ValueTask.FromResult<OutboxSwitch?>(set);
            }
        }
    }

    private sealed class Reader(InMemoryOutboxStore store) : OutboxReader
    {
        private readonly HashSet<short> _lanes = [];
        private readonly Dictionary<short, long> _watermarks = [];
        private readonly List<short> _joining = [];
        private long? _snapshot;
        private long _cursor;

        internal override void Join(IReadOnlyList<short> lanes)
        {
            _joining.AddRange(lanes);
            if (_snapshot is null)
            {
                JoinAll();
            }
        }

        internal override void Leave(short lane)
        {
            _lanes.Remove(lane);
            _joining.Remove(lane);
        }

        internal override void Reset()
        {
            _lanes.Clear();
            _joining.Clear();
            _snapshot = null;
        }

        private static long Bytes(List<OutboxRow> rows, int from) => rows.Skip(from).Sum(static row => (long)row.Sealed.Length);

        /// <summary>
        /// Reads a page of a round. The pages of a round are of one snapshot, and the round ends with a page that is not full. Lanes join
        /// between rounds.
        /// </summary>
        internal override ValueTask<bool> ReadAsync(
            List<OutboxRow> rows, int limit, long maxBytes, bool newOnly, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                limit = Math.Min(limit, store.MaxPageRows);
                int before = rows.Count;
                if (_snapshot is null)
                {
                    (_snapshot, _cursor) = (store._lastId, 0);
                }

                foreach (Row row in store._log.Values.Where(row => row.Id > _cursor && row.Id <= _snapshot
                    && _lanes.Contains(row.Entry.Lane) && row.Id > _watermarks[row.Entry.Lane]).Take(limit).ToArray())
                {
                    rows.Add(store.Read(row, isParked: false));
                    _cursor = row.Id;
                    if (Bytes(rows, before) >= maxBytes)
                    {
                        return ValueTask.FromResult(true);
                    }
                }

                if (rows.Count - before == limit)
                {
                    return ValueTask.FromResult(true);
                }

                foreach (short lane in _lanes)
                {
                    _watermarks[lane] = store.AdvancesToLastSnapshot ? store._lastId : _snapshot.Value;
                }

                _snapshot = null;
                return ValueTask.FromResult(JoinAll());
            }
        }

        private bool JoinAll()
        {
            bool hasJoined = _joining.Count > 0;
            foreach (short lane in _joining)
            {
                _lanes.Add(lane);
                _watermarks[lane] = 0;
            }

            _joining.Clear();
            return hasJoined;
        }

        internal override ValueTask<IReadOnlyList<OutboxParkedEndpoint>> ListParkedAsync(short lane, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult<IReadOnlyList<OutboxParkedEndpoint>>(
                    [.. store._parked.Values.Where(row => row.Entry.Lane == lane).GroupBy(static row => row.Entry.Endpoint)
                        .Select(group => Parked(group.Key, [.. group.OrderBy(static row => (row.DueAt, row.Id))]))]);
            }

            OutboxParkedEndpoint Parked(long endpoint, Row[] rows)
            {
                Row[] sample = [.. rows.Where((_, i) => i < OutboxParkedEndpoint.Sample || i >= rows.Length - OutboxParkedEndpoint.Sample)];
                return new OutboxParkedEndpoint(
                    endpoint,
                    rows[0].Entry.Tenant,
                    TimeSpan.FromMilliseconds(Math.Max(0, rows[0].DueAt - store.Now)),
                    sample.Sum(static row => row.Attempts),
                    sample.Any(static row => row.Reason == OutboxReasons.CircuitOpen));
            }
        }

        internal override ValueTask<TimeSpan?> ReadParkedAsync(
            short lane, long endpoint, (long DueAt, long Id) after, int limit, long maxBytes, List<OutboxRow> rows,
            CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                int before = rows.Count;
                foreach (Row row in store._parked.Values.Where(row =>
                    row.Entry.Endpoint == endpoint && (row.DueAt, row.Id).CompareTo(after) > 0))
                {
                    if (row.DueAt > store.Now || rows.Count == limit || Bytes(rows, before) >= maxBytes)
                    {
                        return ValueTask.FromResult<TimeSpan?>(TimeSpan.FromMilliseconds(Math.Max(0, row.DueAt - store.Now)));
                    }

                    rows.Add(store.Read(row, isParked: true));
                }

                return ValueTask.FromResult<TimeSpan?>(null);
            }
        }

        internal override ValueTask ReadHeadsAsync(
            IReadOnlyList<long> streams, long maxBytes, List<OutboxRow> rows, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                int before = rows.Count;
                foreach (long stream in streams.TakeWhile(_ => Bytes(rows, before) < maxBytes))
                {
                    Row[] waiting = [.. store._log.Values.Concat(store._parked.Values).Where(row => row.Stream == stream)];
                    Row? head = store.TakesLastOfStream
                        ? waiting.MaxBy(static row => row.Entry.Number)
                        : waiting.MinBy(static row => row.Entry.Number);
                    if (head is not null)
                    {
                        rows.Add(store.Read(head, isParked: !store._log.ContainsKey(head.Id)));
                    }
                }

                return default;
            }
        }

        public override ValueTask DisposeAsync() => default;
    }

    private sealed class DeadTable(InMemoryOutboxStore store) : OutboxDeadTable
    {
        internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListAsync(
            OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult<IReadOnlyList<OutboxDeadRow>>(
                    [.. Matching(filter).Where(row => row.Id < before).OrderByDescending(static row => row.Id).Take(limit)]);
            }
        }

        internal override async ValueTask<IReadOnlyList<long>> ListIdsAsync(
            OutboxDeadFilter filter, long before, int limit, CancellationToken cancellationToken) =>
            [.. (await ListAsync(filter, before, limit, cancellationToken)).Select(static row => row.Id)];

        internal override ValueTask<IReadOnlyList<OutboxDeadRow>> ListByKeyAsync(
            long? keyHash, int limit, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult<IReadOnlyList<OutboxDeadRow>>(
                [
                    .. store._dead.Values.Where(dead => dead.Row.KeyHash == keyHash).Select(dead => Describe(dead.Row, dead.Change))
                        .OrderByDescending(static row => row.Id).Take(limit),
                ]);
            }
        }

        internal override ValueTask<(long Count, bool IsEstimate)> CountAsync(
            OutboxDeadFilter filter, int exact, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult(((long)Matching(filter).Count(), false));
            }
        }

        internal override ValueTask<IReadOnlyList<(long Count, bool IsEstimate)>> CountReasonsAsync(
            IReadOnlyList<string> reasons, int exact, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult<IReadOnlyList<(long Count, bool IsEstimate)>>(
                    [.. reasons.Select(reason => ((long)Matching(new OutboxDeadFilter(null, null, reason)).Count(), false))]);
            }
        }

        internal override ValueTask<OutboxRedriven> RedriveAsync(
            IReadOnlyList<OutboxRedrive> redrives, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                HashSet<long> moved = [];
                long last = store._lastId;
                foreach (OutboxRedrive redrive in redrives)
                {
                    if (store._dead.Remove(redrive.Id, out (Row Row, OutboxChange Change) dead))
                    {
                        Row row = store._log[store.Append(dead.Row.Entry)];
                        (row.Attempts, row.HorizonAt) = redrive.Renewal is null ? (dead.Change.Attempts, dead.Row.HorizonAt) : (0, null);
                        moved.Add(redrive.Id);
                    }
                }

                return ValueTask.FromResult(new OutboxRedriven(moved, last + 1, store._lastId));
            }
        }

        internal override ValueTask<int> CountLeftAsync(OutboxRedriven redriven, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult(store._log.Keys.Count(id => id >= redriven.First && id <= redriven.Last));
            }
        }

        internal override ValueTask<int> CountOthersAsync(OutboxRedriven redriven, int most, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult(store._log.Keys.Where(id => id < redriven.First || id > redriven.Last).Take(most).Count());
            }
        }

        internal override ValueTask<int> DiscardAsync(IReadOnlyList<long> ids, CancellationToken cancellationToken)
        {
            lock (store._lock)
            {
                return ValueTask.FromResult(ids.Count(store._dead.Remove));
            }
        }

        private IEnumerable<OutboxDeadRow> Matching(OutboxDeadFilter filter) => store._dead.Values
            .Where(dead => filter.NotificationType is null || dead.Change.NotificationType == filter.NotificationType)
            .Select(dead => Describe(dead.Row, dead.Change))
            .Where(row => (filter.Tenant ?? row.Tenant) == row.Tenant && (filter.Endpoint ?? row.Endpoint) == row.Endpoint
                && (filter.Reason ?? row.Reason) == row.Reason && filter.Ids?.Contains(row.Id) != false);

        private OutboxDeadRow Describe(Row row, OutboxChange change) => new(
            row.Id, row.Entry.Lane, row.Entry.Endpoint, row.Entry.Tenant, row.Entry.KeyId, row.Entry.Sealed, change.Attempts,
            change.Reason!, change.StatusCode ?? 0, DateTimeOffset.UnixEpoch, null, DateTimeOffset.UnixEpoch,
            (row.HorizonAt ?? row.MaxAt ?? long.MaxValue) > store.Now);
    }

    private sealed class Settler(InMemoryOutboxStore store) : OutboxSettler
    {
        internal override ValueTask SettleAsync(Guid worker, IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken)
        {
            store.Settle(worker, changes);
            return default;
        }

        public override ValueTask DisposeAsync() => default;
    }
}
