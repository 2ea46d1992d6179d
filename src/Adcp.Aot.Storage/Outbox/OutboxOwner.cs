using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Owns lanes and reads their rows into the schedule: one loop on one connection. It takes free lanes up to its share, gives back the
/// lanes above it after their last row was settled, and reads new rows and parked rows that are due.
/// </summary>
internal sealed partial class OutboxOwner : IAsyncDisposable
{
    /// <summary>The most rows of one read.</summary>
    private const int PageRows = 1000;

    /// <summary>The most endpoints whose parked rows are read before new rows are read again.</summary>
    internal const int MaxParkedReads = 16;

    /// <summary>The most streams whose first rows are read at once.</summary>
    private const int MaxHeads = 256;

    /// <summary>The fewest rows worth a read.</summary>
    internal const int MinRoom = 64;

    /// <summary>
    /// The time of reads of parked rows after which new rows are read again. One read may take longer: it passes rows that were deleted and
    /// that no vacuum has removed.
    /// </summary>
    internal static readonly TimeSpan MaxParkedTime = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan BusyPoll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);

    private readonly OutboxStore _store;
    private readonly OutboxReader _reader;
    private readonly OutboxLease _lease;
    private readonly OutboxSchedule _schedule;
    private readonly Action<OutboxChange> _settle;
    private readonly Action _pump;
    private readonly Func<bool> _mayReadBacklog;
    private readonly OutboxSwitches _switches;
    private readonly TimeProvider _time;
    private readonly TimeSpan _poll;
    private readonly TimeSpan _listeningPoll;
    private readonly ILogger _logger;
    private readonly AsyncWake _wake;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<short, LaneState> _lanes = [];
    private readonly List<OutboxRow> _rows = [];
    private Task _running = Task.CompletedTask;
    private long _epoch;
    private long _sharedAt;
    private long _movedAt;
    private int _share;
    private bool _lanesAreInDoubt;
    private volatile bool _isLeaving;
    private volatile bool _switchesMayHaveChanged;
    private volatile bool _isHinted;
    private volatile bool _isListening;
    private volatile bool _hasFailed;
    private volatile bool _mayTake;
    private bool _mustReadSwitches = true;
    private int _owned;
    private int _pageRows = PageRows;

    internal OutboxOwner(
        OutboxStore store, OutboxLease lease, OutboxSchedule schedule, Action<OutboxChange> settle, Action pump,
        Func<bool> mayReadBacklog, OutboxSwitches switches, TimeSpan poll, TimeSpan listeningPoll, TimeProvider time, ILogger logger)
    {
        _store = store;
        _reader = store.OpenReader();
        _lease = lease;
        _schedule = schedule;
        _settle = settle;
        _pump = pump;
        _mayReadBacklog = mayReadBacklog;
        _switches = switches;
        _poll = poll;
        _listeningPoll = listeningPoll > poll ? listeningPoll : poll;
        _time = time;
        _logger = logger;
        _wake = new AsyncWake(time, hasThread: time == TimeProvider.System);
        lease.Changed += OnRenewed;
    }

    /// <summary>The states of a lane.</summary>
    private enum LaneState
    {
        /// <summary>The lane is owned, and the reader does not read it yet.</summary>
        Joining,

        /// <summary>The reader reads the lane; its parked endpoints are to be listed.</summary>
        Listing,

        /// <summary>The lane is read and delivered.</summary>
        Active,

        /// <summary>The lane is given back when none of its rows is in memory.</summary>
        Leaving,
    }

    /// <summary>Gets the number of lanes that are owned.</summary>
    internal int Owned => Volatile.Read(ref _owned);

    /// <summary>Gets how long the loop still sleeps if nothing wakes it; <see langword="null"/> while it works.</summary>
    internal TimeSpan? SleepLeft => _wake.SleepLeft;

    /// <summary>Begins the loop.</summary>
    internal void Start() => _running = RunAsync();

    /// <summary>Reads soon instead of at the next poll.</summary>
    internal void Wake()
    {
        _isHinted = true;
        _wake.Set();
    }

    /// <summary>Sets whether a wake-up reports the commits of other processes, and reads soon: some may have come before.</summary>
    internal void SetListening(bool isListening)
    {
        _isListening = isListening;
        Wake();
    }

    /// <summary>Reads no more, and gives each lane back after its last row was settled.</summary>
    internal void Leave()
    {
        _isLeaving = true;
        _wake.Set();
    }

    /// <summary>Completes when no lane is owned any more after <see cref="Leave"/>, or with the cancellation.</summary>
    internal async Task WhenLeftAsync(CancellationToken cancellationToken) =>
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public async ValueTask DisposeAsync()
    {
        _lease.Changed -= OnRenewed;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _reader.DisposeAsync().ConfigureAwait(false);
        await _wake.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        TimeSpan delay = FirstDelay;
        while (!_stop.IsCancellationRequested)
        {
            TimeSpan wait;
            try
            {
                wait = await TurnAsync(_stop.Token).ConfigureAwait(false);
                delay = FirstDelay;
                _hasFailed = false;
                if (_isLeaving && _lanes.Count == 0)
                {
                    return;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                ReadFailed(_logger, fault.Message);
                _hasFailed = true;
                wait = delay;
                delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
            }

            if (wait > TimeSpan.Zero)
            {
                await _wake.WaitAsync(wait, _stop.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Makes one turn and returns how long the next one may wait.</summary>
    private async ValueTask<TimeSpan> TurnAsync(CancellationToken cancellationToken)
    {
        (Guid worker, long epoch) = _lease.Current;
        if (epoch != _epoch)
        {
            Reset(epoch);
        }

        if (epoch == 0)
        {
            return _poll;
        }

        await ShareAsync(worker, cancellationToken).ConfigureAwait(false);
        await LeaveLanesAsync(worker, cancellationToken).ConfigureAwait(false);
        if (_isLeaving)
        {
            return BusyPoll;
        }

        await ReadSwitchesAsync(isJoining: false, cancellationToken).ConfigureAwait(false);
        await JoinLanesAsync(cancellationToken).ConfigureAwait(false);
        if (_schedule.IsPaused)
        {
            // Rows would only fill memory.
            return IdlePoll;
        }

        _schedule.IsReading = true;
        bool newOnly = !_mayReadBacklog();
        bool hasMore = await ReadNewAsync(newOnly, cancellationToken).ConfigureAwait(false);
        hasMore |= await ReadParkedAsync(cancellationToken).ConfigureAwait(false);
        hasMore |= await ReadHeadsAsync(cancellationToken).ConfigureAwait(false);
        _schedule.IsReading = hasMore && HasRoom;
        _pump();
        if (!HasRoom)
        {
            // The end of an attempt makes room.
            foreach (OutboxChange change in _schedule.Relieve())
            {
                _settle(change);
            }

            return BusyPoll;
        }

        if (hasMore)
        {
            return newOnly ? BusyPoll : TimeSpan.Zero;
        }

        return _schedule.UntilNextTimer(_schedule.Held > 0 ? BusyPoll : IdlePoll);
    }

    /// <summary>Gets how long an idle worker sleeps. No wake-up reports a lane that becomes free.</summary>
    private TimeSpan IdlePoll => _isListening && (_lanes.Count >= _share || !HaveLanesMoved(_time.GetTimestamp()))
        ? _listeningPoll
        : _poll;

    private bool HaveLanesMoved(long now) => _time.GetElapsedTime(_movedAt, now) <= _lease.Duration;

    private bool HasRoom => _schedule.Room.Rows >= MinRoom;

    private void Reset(long epoch)
    {
        _reader.Reset();
        _schedule.Leave();
        _lanes.Clear();
        Volatile.Write(ref _owned, 0);
        _sharedAt = 0;
        _share = 0;
        _lanesAreInDoubt = false;
        _mustReadSwitches = true;
        Volatile.Write(ref _epoch, epoch);
    }

    /// <summary>Wakes the loop if the renewal leaves it something to do. So an idle worker only polls.</summary>
    private void OnRenewed()
    {
        _mayTake = true;
        if (_switches.MayHaveChanged)
        {
            _switchesMayHaveChanged = true;
        }
        else if (!_hasFailed && Owned == Share && _lease.Current.Epoch == Volatile.Read(ref _epoch))
        {
            return;
        }

        _wake.Set();
    }

    /// <summary>Gets the number of lanes that this worker may own.</summary>
    private int Share => _isLeaving ? 0 : (OutboxLanes.Count + _lease.Workers - 1) / _lease.Workers;

    /// <summary>Applies the switches that operators changed: after each renewal of the lease, and before lanes join.</summary>
    private async ValueTask ReadSwitchesAsync(bool isJoining, CancellationToken cancellationToken)
    {
        if (!_mustReadSwitches && !_switchesMayHaveChanged && !isJoining)
        {
            return;
        }

        bool all = _mustReadSwitches;
        _mustReadSwitches = false;
        _switchesMayHaveChanged = false;
        try
        {
            await _switches.RefreshAsync(all, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            _mustReadSwitches = all;
            _switchesMayHaveChanged = true;
            throw;
        }
    }

    /// <summary>Takes lanes up to this worker's share, or begins to give back those above it.</summary>
    private async ValueTask ShareAsync(Guid worker, CancellationToken cancellationToken)
    {
        if (_lanesAreInDoubt)
        {
            await SettleDoubtAsync(worker, cancellationToken).ConfigureAwait(false);
        }

        int share = Share;
        int kept = _lanes.Values.Count(static state => state != LaneState.Leaving);
        foreach (short lane in _lanes.Where(static entry => entry.Value != LaneState.Leaving).Select(static entry => entry.Key).ToArray())
        {
            if (kept <= share)
            {
                break;
            }

            kept--;
            BeginToLeave(lane);
        }

        // Free lanes appear when a worker leaves or is buried, which is looked for as often as the lease is renewed. While lanes move they
        // are looked for at each turn.
        long now = _time.GetTimestamp();
        _movedAt = share == _share ? _movedAt : now;
        _share = share;
        if (kept >= share || _time.GetElapsedTime(_sharedAt, now) < BusyPoll
            || (!_mayTake && !HaveLanesMoved(now)))
        {
            return;
        }

        _mayTake = false;
        _sharedAt = now;
        int before = _lanes.Count;
        _lanesAreInDoubt = true;
        foreach ((short lane, int _) in await _store.TakeLanesAsync(worker, share - kept, cancellationToken).ConfigureAwait(false))
        {
            _lanes[lane] = LaneState.Joining;
            _movedAt = now;
        }

        _lanesAreInDoubt = false;
        LanesCounted(worker, before);
    }

    private async ValueTask SettleDoubtAsync(Guid worker, CancellationToken cancellationToken)
    {
        IReadOnlyList<(short Lane, int Unclean)> owned = await _store.OwnedLanesAsync(worker, cancellationToken).ConfigureAwait(false);
        HashSet<short> lanes = [.. owned.Select(static entry => entry.Lane)];
        foreach (short lane in lanes)
        {
            _lanes.TryAdd(lane, LaneState.Joining);
        }

        foreach (short lane in _lanes.Keys.Where(lane => !lanes.Contains(lane)).ToArray())
        {
            // Its return was committed.
            _lanes.Remove(lane);
        }

        _lanesAreInDoubt = false;
    }

    private void BeginToLeave(short lane)
    {
        if (_lanes[lane] != LaneState.Joining)
        {
            _reader.Leave(lane);
        }

        _lanes[lane] = LaneState.Leaving;
        _schedule.Leave(lane);
    }

    private async ValueTask LeaveLanesAsync(Guid worker, CancellationToken cancellationToken)
    {
        int before = _lanes.Count;
        foreach (short lane in _lanes.Where(static entry => entry.Value == LaneState.Leaving).Select(static entry => entry.Key).ToArray())
        {
            if (_schedule.HoldsRows(lane))
            {
                continue;
            }

            // Attempts that ended since may have parked rows, whose timers are the next owner's.
            _schedule.Leave(lane);
            _lanesAreInDoubt = true;
            await _store.ReturnLaneAsync(worker, lane, cancellationToken).ConfigureAwait(false);
            _lanes.Remove(lane);
            _lanesAreInDoubt = false;
        }

        LanesCounted(worker, before);
    }

    private async ValueTask JoinLanesAsync(CancellationToken cancellationToken)
    {
        short[] joining = [.. _lanes.Where(static entry => entry.Value == LaneState.Joining).Select(static entry => entry.Key)];
        if (joining.Length > 0)
        {
            // An endpoint of such a lane may have been isolated while another worker owned it.
            await ReadSwitchesAsync(isJoining: true, cancellationToken).ConfigureAwait(false);
            _reader.Join(joining);
            foreach (short lane in joining)
            {
                _lanes[lane] = LaneState.Listing;
            }
        }

        foreach (short lane in _lanes.Where(static entry => entry.Value == LaneState.Listing).Select(static entry => entry.Key).ToArray())
        {
            foreach (OutboxParkedEndpoint parked in await _reader.ListParkedAsync(lane, cancellationToken).ConfigureAwait(false))
            {
                _schedule.AddParked(lane, parked);
            }

            _lanes[lane] = LaneState.Active;
        }
    }

    private async ValueTask<bool> ReadNewAsync(bool newOnly, CancellationToken cancellationToken)
    {
        if (_lanes.Count == 0 || !HasRoom)
        {
            return false;
        }

        bool isHinted = _isHinted;
        _isHinted = false;
        if (!isHinted && !await _reader.MayFindAsync(cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        _rows.Clear();
        (int room, long maxBytes) = _schedule.Room;
        bool hasMore = await _reader.ReadAsync(_rows, Math.Min(room, _pageRows), maxBytes, newOnly, cancellationToken)
            .ConfigureAwait(false);

        // A page that ended by its bytes may have left rows out that the database sent. The next one asks for fewer.
        _pageRows = Bytes(_rows) >= maxBytes ? Math.Max(1, _rows.Count) : Math.Min(PageRows, _pageRows * 2);
        Admit();
        return hasMore;
    }

    private async ValueTask<bool> ReadParkedAsync(CancellationToken cancellationToken)
    {
        bool hasRead = false;
        long began = _time.GetTimestamp();
        for (int reads = 0; reads < MaxParkedReads && HasRoom && _time.GetElapsedTime(began) < MaxParkedTime; reads++)
        {
            if (_schedule.TakeDueEndpoint() is not { } due)
            {
                break;
            }

            if (_lanes.GetValueOrDefault(due.Lane, LaneState.Leaving) != LaneState.Active)
            {
                _schedule.ParkedRead(due.Key, [], FirstDelay);
                continue;
            }

            _rows.Clear();
            TimeSpan? next;
            try
            {
                next = await _reader.ReadParkedAsync(due.Lane, due.Key, due.Floor, due.Limit, due.MaxBytes, _rows, cancellationToken)
                    .ConfigureAwait(false);
            }
            catch
            {
                _schedule.ParkedRead(due.Key, [], FirstDelay);
                throw;
            }

            _schedule.ParkedRead(due.Key, _rows, next);
            hasRead |= _rows.Count > 0;
            Admit();
        }

        return hasRead;
    }

    /// <summary>Reads the first rows of ordered streams.</summary>
    private async ValueTask<bool> ReadHeadsAsync(CancellationToken cancellationToken)
    {
        if (_schedule.TakeWanted(MaxHeads) is not { Count: > 0 } wanted)
        {
            return false;
        }

        _rows.Clear();
        long maxBytes = _schedule.Room.Bytes;
        try
        {
            await _reader.ReadHeadsAsync([.. wanted.Select(static some => some.Stream)], maxBytes, _rows, cancellationToken)
                .ConfigureAwait(false);
        }
        catch
        {
            foreach ((long stream, short lane) in wanted)
            {
                _schedule.Want(stream, lane);
            }

            throw;
        }

        if (Bytes(_rows) >= maxBytes)
        {
            // The read ended by its bytes: the streams behind the last row are read next.
            HashSet<long?> read = [.. _rows.Select(static row => row.Stream)];
            foreach ((long stream, short lane) in wanted.Where(some => !read.Contains(some.Stream)))
            {
                _schedule.Want(stream, lane);
            }
        }

        long now = _time.GetTimestamp();
        foreach (OutboxRow row in _rows)
        {
            row.Epoch = _epoch;
            row.ReadAt = now;
            if (_lanes.GetValueOrDefault(row.Lane, LaneState.Leaving) == LaneState.Active && _schedule.AdmitHead(row) is { } change)
            {
                _settle(change);
            }
        }

        _rows.Clear();
        return _schedule.HasWanted;
    }

    private static long Bytes(List<OutboxRow> rows) => rows.Sum(static row => (long)row.Sealed.Length);

    private void Admit()
    {
        long now = _time.GetTimestamp();
        foreach (OutboxRow row in _rows)
        {
            row.Epoch = _epoch;
            row.ReadAt = now;
            if (_schedule.Admit(row) is { } change)
            {
                _settle(change);
            }
        }

        _rows.Clear();
    }

    private void LanesCounted(Guid worker, int before)
    {
        if (_lanes.Count != before)
        {
            Volatile.Write(ref _owned, _lanes.Count);
            LanesChanged(_logger, worker, _lanes.Count, _lease.Workers);
        }
    }

    [LoggerMessage(
        StorageEventIds.OutboxReadFailed, LogLevel.Warning,
        "The outbox worker could not read its lanes: {Fault}. It tries again; no webhook is lost. Check the outbox's database.")]
    private static partial void ReadFailed(ILogger logger, string fault);

    [LoggerMessage(
        StorageEventIds.OutboxLanesChanged, LogLevel.Information,
        "Outbox worker {Worker} owns {Lanes} of 64 lanes among {Workers} workers.")]
    private static partial void LanesChanged(ILogger logger, Guid worker, int lanes, int workers);
}
