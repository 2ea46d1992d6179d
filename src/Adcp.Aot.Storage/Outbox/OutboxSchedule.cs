namespace Adcp.Aot.Storage;

/// <summary>
/// The rows in the memory of a worker, and which of them is attempted next: turns go round the tenants, and within a tenant round its
/// endpoints. While fresh rows are ready, retries get at most every second turn. Thread-safe; one lock, held for a few hundred
/// nanoseconds.
/// </summary>
/// <remarks>
/// <para>A row in memory is in one of these states. The store has it until it is settled.</para>
/// <code>
/// state      leaves by        to
/// read       Admit            ready | a change (park, too old): unsettled | forgotten (parked, and its endpoint is isolated)
/// ready      TryTake          in flight
///            TakeSuspects     in flight, after a change (trial): the attempts before it may have killed their processes
///            Block, Isolate, Relieve   a change (park): unsettled; a parked row is forgotten and read again
/// in flight  Complete         unsettled (a change) | forgotten (cancelled)
/// unsettled  Settled          forgotten
/// any        Forget           forgotten, because the lane was lost or is given back
/// </code>
/// <para>
/// A row of a stream whose order is kept is only noted when it is read from the log: its stream is wanted. The first row of a wanted
/// stream is read by itself (<see cref="AdmitHead"/>), and the stream is wanted again when that row has ended. A parked row of such a
/// stream is its first one, and returns as any other.
/// </para>
/// <para>
/// An endpoint whose circuit refuses is blocked: it leaves the rotation, its fresh rows are parked, and one timer holds it. After that
/// one parked row is read, and one attempt is made at a time until the circuit has closed. Each success admits one more after that, so
/// that the attempts of a round trip double. An endpoint begins so when its lane is taken, if its parked rows tell that its circuit was
/// open.
/// </para>
/// </remarks>
internal sealed class OutboxSchedule(OutboxScheduleLimits limits, TimeProvider time)
{
    /// <summary>The most parked rows of one endpoint in memory.</summary>
    internal const int FullRamp = 256;

    /// <summary>The most rows that are on trial together.</summary>
    internal const int MaxOnTrial = 16;

    /// <summary>The most rows of one endpoint that are on trial together.</summary>
    internal const int MaxOnTrialPerEndpoint = 4;

    /// <summary>The part of memory, an eighth, that a slow tenant may have, and that rows may have which wait for their trial.</summary>
    private const int SlowPart = 8;

    /// <summary>The longest time that attempts may need for the rows that wait for them in memory. Above it they are slow.</summary>
    private static readonly TimeSpan MaxDrain = TimeSpan.FromSeconds(5);

    /// <summary>The time between two looks at the tenants' rates while memory is full.</summary>
    private static readonly TimeSpan RatePeriod = TimeSpan.FromSeconds(1);

    private static readonly (long DueAt, long Id) Beginning = (long.MinValue, long.MinValue);

    private readonly Lock _lock = new();
    private readonly Dictionary<long, OutboxEndpoint> _endpoints = [];
    private readonly OutboxRotation _fresh = new();
    private readonly OutboxRotation _retries = new();
    private readonly OutboxRotation _trials = new();
    private readonly Dictionary<long, OutboxTenant> _tenants = [];
    private readonly Queue<OutboxTenant> _starving = new();
    private readonly PriorityQueue<OutboxEndpoint, long> _timers = new();
    private readonly int[] _heldByLane = new int[OutboxLanes.Count];
    private readonly Dictionary<long, short> _wanted = [];
    private readonly HashSet<long> _isolated = [];
    private readonly HashSet<long> _heads = [];
    private Queue<OutboxRow> _alone = new();
    private int _suspects;
    private int _onTrial;
    private bool _isOneAlone;
    private int _trialsEnded;
    private int _held;
    private long _heldBytes;
    private int _ready;
    private int _inFlight;
    private bool _retryWasLast;
    private long _relievedAt;
    private TaskCompletionSource? _idle;
    private volatile bool _isPaused;
    private volatile bool _hasIsolated;

    /// <summary>Gets the rows in memory.</summary>
    internal int Held => Volatile.Read(ref _held);

    /// <summary>Gets the rows that wait for their attempt.</summary>
    internal int Ready => Volatile.Read(ref _ready);

    /// <summary>Gets the attempts under way.</summary>
    internal int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Gets how many more rows may be read.</summary>
    internal int Room
    {
        get
        {
            lock (_lock)
            {
                return IsFullOfBytes ? 0 : Math.Max(0, limits.MaxRows - _held - _wanted.Count);
            }
        }
    }

    /// <summary>Gets how many more bytes of rows may be read.</summary>
    internal long RoomBytes
    {
        get
        {
            lock (_lock)
            {
                return Math.Max(0, limits.MaxBytes - _heldBytes);
            }
        }
    }

    /// <summary>
    /// Gets how many first rows of streams may be read. The streams that wait for their first row have their place in memory already:
    /// they are left out of <see cref="Room"/>.
    /// </summary>
    internal int RoomForHeads
    {
        get
        {
            lock (_lock)
            {
                return IsFullOfBytes ? 0 : Math.Max(0, limits.MaxRows - _held);
            }
        }
    }

    /// <summary>Gets whether a stream waits for the read of its first row.</summary>
    internal bool HasWanted
    {
        get
        {
            lock (_lock)
            {
                return _wanted.Count > 0;
            }
        }
    }

    /// <summary>Gets or sets whether an operator paused all deliveries: no row is taken.</summary>
    internal bool IsPaused
    {
        get => _isPaused;
        set => _isPaused = value;
    }

    /// <summary>Gets the number of endpoints that are remembered.</summary>
    internal int Endpoints
    {
        get
        {
            lock (_lock)
            {
                return _endpoints.Count;
            }
        }
    }

    /// <summary>
    /// Takes a row that was read. It counts as held until <see cref="Settled"/>, <see cref="Complete"/> or
    /// <see cref="Forget"/>.
    /// </summary>
    /// <returns>The change to settle instead of an attempt; <see langword="null"/> if the row is ready.</returns>
    internal OutboxChange? Admit(OutboxRow row)
    {
        lock (_lock)
        {
            if (row is { Stream: { } stream, IsParked: false, IsHead: false })
            {
                _wanted[stream] = row.Lane;
                return null;
            }

            OutboxEndpoint endpoint = Get(row);
            Hold(endpoint, row);
            OutboxChange? change = Judge(endpoint, row);
            if (change is null && endpoint.IsIsolated)
            {
                // A read of parked rows was under way when the endpoint was isolated.
                Unread(endpoint, row);
            }
            else if (change is null)
            {
                (row.Unclean == 0 ? row.IsParked ? endpoint.Retries : endpoint.Fresh
                    : row.Unclean < limits.QuarantineAfter - 1 ? endpoint.Suspects : _alone).Enqueue(row);
                _suspects += row.Unclean > 0 ? 1 : 0;
                _ready++;
                List(endpoint);
            }

            return change;
        }
    }

    /// <summary>Takes a row that was read as the first one of its stream. A row that is parked, or in memory, is left out.</summary>
    /// <returns>The change to settle instead of an attempt; <see langword="null"/> if there is none.</returns>
    internal OutboxChange? AdmitHead(OutboxRow row)
    {
        lock (_lock)
        {
            if (row.IsParked || !_heads.Add(row.Stream!.Value))
            {
                return null;
            }

            row.IsHead = true;
            return Admit(row);
        }
    }

    /// <summary>Takes streams whose first rows are to be read now.</summary>
    internal IReadOnlyList<(long Stream, short Lane)> TakeWanted(int most)
    {
        lock (_lock)
        {
            (long Stream, short Lane)[] taken = [.. _wanted.Take(most).Select(static wanted => (wanted.Key, wanted.Value))];
            foreach ((long stream, short _) in taken)
            {
                _wanted.Remove(stream);
            }

            // A first row in memory may be settled while it is read again. Its end wants the stream anew.
            return [.. taken.Where(wanted => !_heads.Contains(wanted.Stream))];
        }
    }

    /// <summary>Notes that the first row of a stream is to be read.</summary>
    internal void Want(long stream, short lane)
    {
        lock (_lock)
        {
            _wanted[stream] = lane;
        }
    }

    /// <summary>
    /// Takes rows that may have killed processes, so that at most <see cref="MaxOnTrial"/> are under way. A tenant has at most as many as
    /// places are free, so that its slow endpoints do not hold up the others. A row that the next death puts into quarantine is attempted
    /// alone, after the others.
    /// </summary>
    internal IReadOnlyList<OutboxRow> TakeSuspects()
    {
        lock (_lock)
        {
            if (_suspects == 0 || _isOneAlone || _isPaused)
            {
                return [];
            }

            List<OutboxRow> taken = [];
            for (int left = _trials.Count; left > 0 && MayTry && _trials.TryTake(out OutboxEndpoint? endpoint); left--)
            {
                endpoint.IsTrialListed = false;
                if (endpoint.OnTrial < MaxOnTrialPerEndpoint && endpoint.Tenant.OnTrial < MaxOnTrial - _onTrial
                    && endpoint.InFlight < Concurrency(endpoint) && endpoint.Suspects.TryDequeue(out OutboxRow? row))
                {
                    Try(endpoint, row, taken);
                    left = _trials.Count + 2;
                }

                List(endpoint);
            }

            if (_onTrial == 0 && MayTry && _alone.TryDequeue(out OutboxRow? alone))
            {
                _isOneAlone = true;
                Try(Get(alone), alone, taken);
            }

            return taken;
        }
    }

    /// <summary>Takes the next row to attempt.</summary>
    internal bool TryTake(out OutboxRow? row)
    {
        lock (_lock)
        {
            bool retriesFirst = !_retryWasLast;
            row = null;
            if (_inFlight < limits.MaxConcurrency && !_isPaused)
            {
                row = retriesFirst ? TakeFrom(_retries) ?? TakeFrom(_fresh) : TakeFrom(_fresh) ?? TakeFrom(_retries);
            }

            return row is not null;
        }
    }

    /// <summary>Ends an attempt. The row stays held if a change of it follows.</summary>
    /// <param name="row">The row.</param>
    /// <param name="isDelivered">Whether the receiver took it, which speeds up the endpoint's recovery.</param>
    /// <param name="changeFollows">Whether the row is settled next; otherwise it is forgotten.</param>
    internal void Complete(OutboxRow row, bool isDelivered, bool changeFollows)
    {
        lock (_lock)
        {
            OutboxEndpoint endpoint = Get(row);
            endpoint.InFlight--;
            if (row.IsOnTrial)
            {
                row.IsOnTrial = false;
                endpoint.OnTrial--;
                endpoint.Tenant.OnTrial--;
                _isOneAlone &= --_onTrial > 0;
                _trialsEnded++;
            }

            if (--_inFlight == 0)
            {
                _idle?.TrySetResult();
            }

            OutboxTenant tenant = endpoint.Tenant;
            tenant.InFlight--;
            tenant.InFlightBytes -= row.Sealed.Length;
            tenant.Ended++;
            if (isDelivered)
            {
                endpoint.BlockedUntil = endpoint.IsIsolated ? OutboxEndpoint.Isolated : 0;
                endpoint.Probes = Math.Max(0, endpoint.Probes - 1);
                if (endpoint.Probes == 0)
                {
                    // Each success admits one more, which doubles the attempts of a round trip.
                    endpoint.Ramp = Math.Min(FullRamp, endpoint.Ramp + 1);
                }
            }

            List(endpoint);
            if (!changeFollows)
            {
                Release(endpoint, row);
            }
        }
    }

    /// <summary>
    /// Notes that the circuit of an endpoint refuses for a time. Its rows that are ready leave the rotation; the parked ones among them
    /// are forgotten, and read again later.
    /// </summary>
    /// <returns>The fresh rows, which are to be parked.</returns>
    internal IReadOnlyList<OutboxRow> Block(OutboxRow refused, TimeSpan duration)
    {
        lock (_lock)
        {
            OutboxEndpoint endpoint = Get(refused);
            endpoint.BlockedUntil = Math.Max(endpoint.BlockedUntil, After(duration));
            endpoint.Ramp = 1;
            endpoint.Probes = limits.Circuit().SuccessThreshold;
            return Clear(endpoint);
        }
    }

    /// <summary>
    /// Notes that an operator isolated an endpoint, also one that is not known yet. Its rows that are ready leave the rotation; the parked
    /// ones among them are forgotten, and read again after <see cref="Reset"/>.
    /// </summary>
    /// <returns>The fresh rows, which are to be parked.</returns>
    internal IReadOnlyList<OutboxRow> Isolate(long key)
    {
        lock (_lock)
        {
            _isolated.Add(key);
            _hasIsolated = true;
            if (!_endpoints.TryGetValue(key, out OutboxEndpoint? endpoint))
            {
                return [];
            }

            endpoint.BlockedUntil = OutboxEndpoint.Isolated;
            OutboxRow[] alone = TakeAlone(endpoint);
            _ready -= alone.Length;
            _suspects -= alone.Length;
            foreach (OutboxRow row in alone.Where(static row => row.IsParked))
            {
                Unread(endpoint, row);
            }

            return [.. Clear(endpoint), .. alone.Where(static row => !row.IsParked)];
        }
    }

    /// <summary>
    /// Notes that an operator reset an endpoint: it is not isolated, its circuit is closed, and its parked rows are read now.
    /// </summary>
    internal void Reset(long key)
    {
        lock (_lock)
        {
            _isolated.Remove(key);
            _hasIsolated = _isolated.Count > 0;
            if (_endpoints.TryGetValue(key, out OutboxEndpoint? endpoint))
            {
                endpoint.BlockedUntil = 0;
                endpoint.Probes = 0;
                if (endpoint.HasParked)
                {
                    Arm(endpoint, time.GetTimestamp());
                }

                List(endpoint);
                ForgetIfIdle(endpoint);
            }
        }
    }

    /// <summary>Returns the rows of an endpoint in memory that are not parked in the store.</summary>
    internal int FreshOf(long key)
    {
        lock (_lock)
        {
            return _endpoints.TryGetValue(key, out OutboxEndpoint? endpoint) ? endpoint.Held - endpoint.ParkedHeld : 0;
        }
    }

    /// <summary>Returns the reason for which no attempt at an endpoint starts; <see langword="null"/> if it may.</summary>
    internal string? StopOf(long key)
    {
        if (_isPaused)
        {
            return OutboxReasons.Paused;
        }

        if (!_hasIsolated)
        {
            return null;
        }

        lock (_lock)
        {
            return _isolated.Contains(key) ? OutboxReasons.Isolated : null;
        }
    }

    /// <summary>
    /// Makes room in memory that is full: the tenants whose endpoints are too slow for the rows that they have in memory keep only their
    /// share, and so do the rows that wait for their trial.
    /// </summary>
    /// <returns>The changes to settle: the rows that are parked.</returns>
    internal IReadOnlyList<OutboxChange> Relieve()
    {
        lock (_lock)
        {
            TimeSpan elapsed = time.GetElapsedTime(_relievedAt);
            if (elapsed < RatePeriod)
            {
                return [];
            }

            // After a longer time memory was not full throughout, and the rates say nothing.
            bool isMeasured = elapsed < 2 * RatePeriod;
            _relievedAt = time.GetTimestamp();
            List<OutboxChange> changes = [];
            foreach (OutboxTenant tenant in _tenants.Values)
            {
                if (isMeasured && IsOverShare(tenant) && IsBusy(tenant) && tenant.Ended * (MaxDrain / elapsed) < tenant.Held)
                {
                    tenant.IsSlow = true;
                    Spill(tenant, changes);
                }

                tenant.Ended = 0;
            }

            if (isMeasured && _trialsEnded * (MaxDrain / elapsed) < _suspects)
            {
                SpillSuspects(_trialsEnded / elapsed.TotalSeconds, changes);
            }

            _trialsEnded = 0;
            return changes;
        }
    }

    /// <summary>Forgets a row whose change was committed, and arms the timer of an endpoint that has parked rows.</summary>
    internal void Settled(OutboxChange change)
    {
        lock (_lock)
        {
            OutboxRow row = change.Row;
            OutboxEndpoint endpoint = Get(row);
            if (change.Kind == OutboxChangeKind.Park)
            {
                // Armed after the commit: before it, the read would pass the row.
                endpoint.HasParked = true;
                endpoint.IsExhausted = false;
                Arm(endpoint, After(change.Delay));
            }

            Release(endpoint, row);
            if (row.Stream is { } stream && (change.Kind != OutboxChangeKind.Park || change.LeavesOrder))
            {
                _wanted[stream] = row.Lane;
            }
        }
    }

    /// <summary>
    /// Notes that an endpoint has parked rows in the store, when its lane is taken. If these tell that its circuit was open, their first
    /// read is a probe.
    /// </summary>
    internal void AddParked(short lane, OutboxParkedEndpoint parked)
    {
        lock (_lock)
        {
            OutboxEndpoint endpoint = Get(lane, parked.Endpoint, parked.Tenant);
            endpoint.HasParked = true;
            CircuitBreakerPolicy circuit = limits.Circuit();
            if (parked.WasRefused || parked.Attempts >= circuit.FailureThreshold)
            {
                endpoint.Ramp = 1;
                endpoint.Probes = circuit.SuccessThreshold;
            }

            Arm(endpoint, After(parked.DueIn));
        }
    }

    /// <summary>Takes an endpoint whose parked rows are to be read now.</summary>
    /// <returns>
    /// The lane, the key, the floor, and the number of rows and the bytes to read; <see langword="null"/> if none is due.
    /// </returns>
    internal (short Lane, long Key, (long DueAt, long Id) Floor, int Limit, long MaxBytes)? TakeDueEndpoint()
    {
        lock (_lock)
        {
            ArmStarved();
            while (_timers.TryPeek(out OutboxEndpoint? endpoint, out long at) && at <= time.GetTimestamp())
            {
                _timers.Dequeue();
                if (endpoint.ReadAt != at || !ReferenceEquals(_endpoints.GetValueOrDefault(endpoint.Key), endpoint))
                {
                    continue;
                }

                endpoint.ReadAt = long.MaxValue;
                if (endpoint.BlockedUntil > time.GetTimestamp())
                {
                    Arm(endpoint, endpoint.BlockedUntil);
                }
                else if (ParkedShare(endpoint) > (endpoint.IsFloorStale ? 0 : endpoint.ParkedHeld)
                    && (!endpoint.IsFloorStale || endpoint.ParkedHeld == 0))
                {
                    int room = RoomOf(endpoint.Tenant);
                    if (room == 0)
                    {
                        Starve(endpoint);
                        continue;
                    }

                    if (endpoint.IsFloorStale)
                    {
                        endpoint.IsFloorStale = false;
                        endpoint.Floor = Beginning;
                    }

                    endpoint.IsReading = true;
                    return (
                        endpoint.Lane, endpoint.Key, endpoint.Floor, Math.Min(room, ParkedShare(endpoint) - endpoint.ParkedHeld),
                        Math.Min(limits.MaxBytesPerEndpoint - endpoint.HeldBytes, limits.MaxBytes - _heldBytes));
                }

                // Otherwise the release of one of its rows arms the timer.
            }

            return null;
        }
    }

    /// <summary>Takes the rows that were read for <see cref="TakeDueEndpoint"/>, before they are admitted.</summary>
    /// <param name="key">The endpoint.</param>
    /// <param name="rows">The rows read.</param>
    /// <param name="nextIn">The time until the next row is due; <see langword="null"/> if there is none behind those read.</param>
    internal void ParkedRead(long key, IReadOnlyList<OutboxRow> rows, TimeSpan? nextIn)
    {
        lock (_lock)
        {
            if (!_endpoints.TryGetValue(key, out OutboxEndpoint? endpoint))
            {
                return;
            }

            endpoint.IsReading = false;
            if (rows.Count > 0)
            {
                endpoint.Floor = (rows[^1].DueAt, rows[^1].Id);
            }

            if (nextIn is { } next)
            {
                Arm(endpoint, After(next));
                return;
            }

            endpoint.IsExhausted = endpoint.ReadAt == long.MaxValue;
            if (endpoint.ParkedHeld > 0 || rows.Count > 0)
            {
                // The end of the last of these rows leads here again.
                return;
            }

            if (endpoint.Floor != Beginning)
            {
                // A database clock that stepped back may have left rows before the floor.
                endpoint.Floor = Beginning;
                Arm(endpoint, time.GetTimestamp());
            }
            else if (endpoint.ReadAt == long.MaxValue)
            {
                // No row was parked while the read was under way.
                endpoint.HasParked = false;
                ForgetIfIdle(endpoint);
            }
        }
    }

    /// <summary>Arms the timer of an endpoint whose read failed.</summary>
    internal void ParkedReadFailed(long key, TimeSpan delay)
    {
        lock (_lock)
        {
            if (_endpoints.TryGetValue(key, out OutboxEndpoint? endpoint))
            {
                endpoint.IsReading = false;
                Arm(endpoint, After(delay));
            }
        }
    }

    /// <summary>Returns how long until the next timer, at most a given time.</summary>
    internal TimeSpan UntilNextTimer(TimeSpan most)
    {
        lock (_lock)
        {
            if (!_timers.TryPeek(out _, out long at))
            {
                return most;
            }

            TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), at);
            return left < TimeSpan.Zero ? TimeSpan.Zero : left < most ? left : most;
        }
    }

    /// <summary>Drops the ready rows of a lane and its timers. Rows in flight or unsettled stay until they end.</summary>
    internal void LeaveLane(short lane)
    {
        lock (_lock)
        {
            foreach (long stream in _wanted.Where(wanted => wanted.Value == lane).Select(static wanted => wanted.Key).ToArray())
            {
                _wanted.Remove(stream);
            }

            Drop(endpoint => endpoint.Lane == lane);
        }
    }

    /// <summary>Drops all rows that are ready, when the worker stops.</summary>
    internal void LeaveAll()
    {
        lock (_lock)
        {
            _wanted.Clear();
            Drop(static _ => true);
        }
    }

    /// <summary>Completes when no attempt is under way, or with the cancellation.</summary>
    internal Task WhenIdleAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_inFlight == 0)
            {
                return Task.CompletedTask;
            }

            _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return SuppressAsync(_idle.Task.WaitAsync(cancellationToken));
        }

        static async Task SuppressAsync(Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Returns whether a lane has rows in memory.</summary>
    internal bool HoldsRows(short lane)
    {
        lock (_lock)
        {
            return _heldByLane[lane] > 0;
        }
    }

    /// <summary>Forgets a row that is held: its lane is not owned any more.</summary>
    internal void Forget(OutboxRow row)
    {
        lock (_lock)
        {
            Release(Get(row), row);
        }
    }

    private static void ThrowIfNotHeld(int held)
    {
        if (held < 0)
        {
            throw new InvalidOperationException("A row of the outbox was released twice.");
        }
    }

    /// <summary>Gets whether the bytes that are left are too few to be worth a read.</summary>
    private bool IsFullOfBytes => _heldBytes > limits.MaxBytes - (limits.MaxBytes / 16);

    private OutboxChange? Judge(OutboxEndpoint endpoint, OutboxRow row)
    {
        if (row.TimeLeft <= TimeSpan.Zero)
        {
            return OutboxChanges.Expired(row);
        }

        if (row.Unclean >= limits.QuarantineAfter)
        {
            return OutboxChanges.Dead(row, OutboxReasons.Poison);
        }

        if (row.IsParked)
        {
            return null;
        }

        return row.DueIn > TimeSpan.Zero
            ? OutboxChanges.Wait(row, row.DueIn, OutboxReasons.NotBefore)
            : endpoint.BlockedUntil > time.GetTimestamp()
                ? OutboxChanges.Wait(
                    row, TimeSpan.Zero, endpoint.IsIsolated ? OutboxReasons.Isolated : OutboxReasons.CircuitOpen)
                : endpoint.Held - endpoint.ParkedHeld > FreshShare(endpoint) || endpoint.HeldBytes > limits.MaxBytesPerEndpoint
                    || (IsLimited(endpoint.Tenant) && IsOverShare(endpoint.Tenant))
                    ? OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.OverShare)
                    : null;
    }

    /// <summary>
    /// Gets the most rows of one endpoint in memory. While memory is half full, an endpoint gets as many as it may have attempts under
    /// way, so that slow endpoints leave room for the others.
    /// </summary>
    private int Share =>
        _held > limits.MaxRows / 2 ? Math.Min(limits.MaxRowsPerEndpoint, limits.MaxConcurrencyPerEndpoint) : limits.MaxRowsPerEndpoint;

    /// <summary>Returns the most fresh rows of an endpoint in memory: half of its share if it has parked rows too.</summary>
    private int FreshShare(OutboxEndpoint endpoint) => endpoint.HasParked ? Share / 2 : Share;

    /// <summary>Returns the most parked rows of an endpoint in memory: the rest of its share, and not more than its ramp.</summary>
    private int ParkedShare(OutboxEndpoint endpoint) =>
        endpoint.HeldBytes >= limits.MaxBytesPerEndpoint ? 0 : Math.Min(endpoint.Ramp, Share - (endpoint.Held - endpoint.ParkedHeld));

    /// <summary>
    /// Returns whether parked rows are read now: half of their share is free, or none of them is in memory if the next
    /// read begins again from the first.
    /// </summary>
    private bool MayRead(OutboxEndpoint endpoint)
    {
        int most = ParkedShare(endpoint);
        return most > 0 && endpoint.ParkedHeld <= (endpoint.IsExhausted || endpoint.IsFloorStale ? 0 : most / 2);
    }

    /// <summary>Returns whether a tenant has more than its share of memory.</summary>
    private bool IsOverShare(OutboxTenant tenant) =>
        tenant.Held > limits.MaxRows / SlowPart || tenant.HeldBytes > limits.MaxBytes / SlowPart;

    /// <summary>Returns whether a tenant has attempts under way for at least half of its share.</summary>
    private bool IsBusy(OutboxTenant tenant) =>
        tenant.InFlight * 2 >= Math.Min(limits.MaxRows / SlowPart, limits.MaxConcurrencyPerTenant)
        || tenant.InFlightBytes * 2 >= limits.MaxBytes / SlowPart;

    /// <summary>Returns whether a tenant has only its share of memory now: the half of memory that is left is for the others.</summary>
    private bool IsLimited(OutboxTenant tenant) => tenant.IsSlow && (_held > limits.MaxRows / 2 || _heldBytes > limits.MaxBytes / 2);

    /// <summary>Returns how many parked rows of a tenant may be read.</summary>
    private int RoomOf(OutboxTenant tenant) =>
        !IsLimited(tenant) ? int.MaxValue : IsOverShare(tenant) ? 0 : (limits.MaxRows / SlowPart) - tenant.Held;

    /// <summary>Parks the ready rows of a tenant above its share.</summary>
    private void Spill(OutboxTenant tenant, List<OutboxChange> changes)
    {
        int over = tenant.Held - (limits.MaxRows / SlowPart);
        long overBytes = tenant.HeldBytes - (limits.MaxBytes / SlowPart);
        foreach (OutboxEndpoint endpoint in _endpoints.Values.Where(endpoint => endpoint.Tenant == tenant).ToArray())
        {
            if (over <= 0 && overBytes <= 0)
            {
                break;
            }

            over -= endpoint.Fresh.Count + endpoint.Retries.Count + endpoint.Suspects.Count;
            overBytes -= endpoint.Fresh.Concat(endpoint.Retries).Concat(endpoint.Suspects).Sum(static row => (long)row.Sealed.Length);
            changes.AddRange(Clear(endpoint).Select(static row => OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.OverShare)));
        }
    }

    /// <summary>Parks the rows that wait for their trial, above their share, until their turn comes.</summary>
    /// <param name="rate">The trials of a second.</param>
    /// <param name="changes">The list that gets the changes.</param>
    private void SpillSuspects(double rate, List<OutboxChange> changes)
    {
        int kept = limits.MaxRows / SlowPart;
        OutboxRow[] over =
        [
            .. _endpoints.Values.SelectMany(static endpoint => endpoint.Suspects.Select(static (row, i) => (i, row)))
                .OrderBy(static some => some.i).Select(static some => some.row).Skip(kept),
        ];
        foreach (IGrouping<long, OutboxRow> rows in over.GroupBy(static row => row.Endpoint))
        {
            Queue<OutboxRow> suspects = _endpoints[rows.Key].Suspects;
            OutboxRow[] first = [.. suspects.Take(suspects.Count - rows.Count())];
            suspects.Clear();
            foreach (OutboxRow row in first)
            {
                suspects.Enqueue(row);
            }
        }

        _suspects -= over.Length;
        _ready -= over.Length;
        changes.AddRange(over.Select((row, i) =>
            OutboxChanges.Wait(row, TimeSpan.FromSeconds((kept + i) / Math.Max(rate, 1)), OutboxReasons.OverShare)));
    }

    /// <summary>
    /// Takes the ready rows of an endpoint out of the rotation. Parked ones among them are forgotten, and read again later.
    /// </summary>
    /// <returns>The fresh rows, which are to be parked.</returns>
    private OutboxRow[] Clear(OutboxEndpoint endpoint)
    {
        OutboxRow[] ready = [.. endpoint.Fresh, .. endpoint.Retries, .. endpoint.Suspects];
        _ready -= ready.Length;
        _suspects -= endpoint.Suspects.Count;
        endpoint.Fresh.Clear();
        endpoint.Retries.Clear();
        endpoint.Suspects.Clear();
        foreach (OutboxRow row in ready.Where(static row => row.IsParked))
        {
            Unread(endpoint, row);
        }

        return [.. ready.Where(static row => !row.IsParked)];
    }

    /// <summary>Notes that the parked rows of an endpoint wait for room in its tenant's share.</summary>
    private void Starve(OutboxEndpoint endpoint)
    {
        if (endpoint.IsStarved)
        {
            return;
        }

        if (endpoint.Tenant.Starved.Count == 0)
        {
            _starving.Enqueue(endpoint.Tenant);
        }

        endpoint.IsStarved = true;
        endpoint.Tenant.Starved.Enqueue(endpoint);
    }

    /// <summary>Arms the timer of the endpoint that has waited longest, for each tenant whose share has room.</summary>
    private void ArmStarved()
    {
        for (int turns = _starving.Count; turns > 0 && _starving.TryDequeue(out OutboxTenant? tenant); turns--)
        {
            while (RoomOf(tenant) >= Math.Max(1, limits.MaxRows / SlowPart / 16) && tenant.Starved.TryDequeue(out OutboxEndpoint? endpoint))
            {
                if (endpoint.IsStarved)
                {
                    endpoint.IsStarved = false;
                    Arm(endpoint, time.GetTimestamp());
                    break;
                }
            }

            if (tenant.Starved.Count > 0)
            {
                _starving.Enqueue(tenant);
            }
        }
    }

    private OutboxEndpoint Get(OutboxRow row) => Get(row.Lane, row.Endpoint, row.Tenant);

    private OutboxEndpoint Get(short lane, long key, long tenant)
    {
        if (!_endpoints.TryGetValue(key, out OutboxEndpoint? endpoint))
        {
            endpoint = new OutboxEndpoint(lane, key, TenantOf(tenant))
            {
                BlockedUntil = _isolated.Contains(key) ? OutboxEndpoint.Isolated : 0,
            };
            endpoint.Tenant.Endpoints++;
            _endpoints.Add(key, endpoint);
        }

        return endpoint;
    }

    private OutboxTenant TenantOf(long key)
    {
        if (!_tenants.TryGetValue(key, out OutboxTenant? tenant))
        {
            tenant = new OutboxTenant(key);
            _tenants.Add(key, tenant);
        }

        return tenant;
    }

    private void Hold(OutboxEndpoint endpoint, OutboxRow row)
    {
        endpoint.Tenant.Held++;
        endpoint.Tenant.HeldBytes += row.Sealed.Length;
        endpoint.Held++;
        endpoint.HeldBytes += row.Sealed.Length;
        endpoint.ParkedHeld += row.IsParked ? 1 : 0;
        _heldByLane[row.Lane]++;
        _held++;
        _heldBytes += row.Sealed.Length;
    }

    private void Release(OutboxEndpoint endpoint, OutboxRow row)
    {
        OutboxTenant tenant = endpoint.Tenant;
        tenant.Held--;
        tenant.HeldBytes -= row.Sealed.Length;
        tenant.IsSlow &= tenant.Starved.Count > 0 || tenant.Held * 2 > limits.MaxRows / SlowPart
            || tenant.HeldBytes * 2 > limits.MaxBytes / SlowPart;
        endpoint.Held--;
        endpoint.HeldBytes -= row.Sealed.Length;
        _heldByLane[row.Lane]--;
        _held--;
        _heldBytes -= row.Sealed.Length;
        ThrowIfNotHeld(endpoint.Held);
        if (row is { Stream: { } stream, IsHead: true })
        {
            _heads.Remove(stream);
        }

        endpoint.ParkedHeld -= row.IsParked ? 1 : 0;
        if (endpoint.HasParked && !endpoint.IsReading && endpoint.ReadAt == long.MaxValue && MayRead(endpoint))
        {
            Arm(endpoint, Math.Max(time.GetTimestamp(), endpoint.BlockedUntil));
        }

        ForgetIfIdle(endpoint);
    }

    /// <summary>A parked row leaves memory as it is: the endpoint is read again from its beginning when none of its rows is held.</summary>
    private void Unread(OutboxEndpoint endpoint, OutboxRow row)
    {
        endpoint.HasParked = true;
        endpoint.IsFloorStale = true;
        Release(endpoint, row);
    }

    private void ForgetIfIdle(OutboxEndpoint endpoint)
    {
        if (endpoint.BlockedUntil != 0 && endpoint.BlockedUntil <= time.GetTimestamp())
        {
            endpoint.BlockedUntil = 0;
        }

        if (endpoint.IsIdle && _endpoints.Remove(endpoint.Key) && --endpoint.Tenant.Endpoints == 0)
        {
            _tenants.Remove(endpoint.Tenant.Key);
        }
    }

    private void Arm(OutboxEndpoint endpoint, long at)
    {
        at = Math.Max(at, endpoint.BlockedUntil);
        if (at < endpoint.ReadAt)
        {
            endpoint.ReadAt = at;
            _timers.Enqueue(endpoint, at);
        }
    }

    private long After(TimeSpan delay) => time.GetTimestamp() + (long)(delay.TotalSeconds * time.TimestampFrequency);

    private void List(OutboxEndpoint endpoint)
    {
        if (!endpoint.IsTrialListed && endpoint.Suspects.Count > 0)
        {
            endpoint.IsTrialListed = true;
            _trials.Add(endpoint);
        }

        if (endpoint.InFlight >= Concurrency(endpoint))
        {
            return;
        }

        if (!endpoint.IsFreshListed && endpoint.Fresh.Count > 0)
        {
            endpoint.IsFreshListed = true;
            _fresh.Add(endpoint);
        }

        if (!endpoint.IsRetryListed && endpoint.Retries.Count > 0)
        {
            endpoint.IsRetryListed = true;
            _retries.Add(endpoint);
        }
    }

    private OutboxRow? TakeFrom(OutboxRotation rotation)
    {
        bool isRetry = ReferenceEquals(rotation, _retries);
        for (int turns = rotation.Count; turns > 0 && rotation.TryTake(out OutboxEndpoint? endpoint); turns--)
        {
            if (endpoint.Tenant.InFlight >= limits.MaxConcurrencyPerTenant)
            {
                rotation.Add(endpoint);
                continue;
            }

            _ = isRetry ? endpoint.IsRetryListed = false : endpoint.IsFreshListed = false;
            Queue<OutboxRow> queue = isRetry ? endpoint.Retries : endpoint.Fresh;
            if (endpoint.InFlight < Concurrency(endpoint) && queue.TryDequeue(out OutboxRow? row))
            {
                Begin(endpoint, row);
                _retryWasLast = isRetry;
                List(endpoint);
                return row;
            }
        }

        return null;
    }

    private int Concurrency(OutboxEndpoint endpoint) => endpoint.Probes > 0 ? 1
        : endpoint.Ramp < FullRamp ? Math.Min(endpoint.Ramp, limits.MaxConcurrencyPerEndpoint)
        : limits.MaxConcurrencyPerEndpoint;

    private bool MayTry => _onTrial < MaxOnTrial && _inFlight < limits.MaxConcurrency;

    private void Try(OutboxEndpoint endpoint, OutboxRow row, List<OutboxRow> taken)
    {
        row.IsOnTrial = true;
        endpoint.OnTrial++;
        endpoint.Tenant.OnTrial++;
        _onTrial++;
        _suspects--;
        Begin(endpoint, row);
        taken.Add(row);
    }

    /// <summary>A row that is ready begins its attempt.</summary>
    private void Begin(OutboxEndpoint endpoint, OutboxRow row)
    {
        row.IsProbe = endpoint.Probes > 0;
        _ready--;
        _inFlight++;
        endpoint.InFlight++;
        endpoint.Tenant.InFlight++;
        endpoint.Tenant.InFlightBytes += row.Sealed.Length;
    }

    /// <summary>Takes the rows of an endpoint out of those that are attempted alone. The caller counts them.</summary>
    private OutboxRow[] TakeAlone(OutboxEndpoint endpoint)
    {
        OutboxRow[] alone = [.. _alone.Where(row => row.Endpoint == endpoint.Key)];
        if (alone.Length > 0)
        {
            _alone = new Queue<OutboxRow>(_alone.Except(alone));
        }

        return alone;
    }

    private void Drop(Func<OutboxEndpoint, bool> isMeant)
    {
        lock (_lock)
        {
            foreach (OutboxEndpoint endpoint in _endpoints.Values.Where(isMeant).ToArray())
            {
                endpoint.HasParked = false;
                endpoint.IsStarved = false;
                endpoint.ReadAt = long.MaxValue;
                endpoint.IsReading = false;
                endpoint.BlockedUntil = endpoint.IsIsolated ? OutboxEndpoint.Isolated : 0;
                endpoint.Probes = 0;
                endpoint.Floor = Beginning;
                OutboxRow[] alone = TakeAlone(endpoint);
                _suspects -= endpoint.Suspects.Count + alone.Length;
                foreach (OutboxRow row in endpoint.Fresh.Concat(endpoint.Retries).Concat(endpoint.Suspects).Concat(alone).ToArray())
                {
                    _ready--;
                    Release(endpoint, row);
                }

                endpoint.Fresh.Clear();
                endpoint.Retries.Clear();
                endpoint.Suspects.Clear();
                ForgetIfIdle(endpoint);
            }
        }
    }
}

/// <summary>The bounds of an <see cref="OutboxSchedule"/>.</summary>
internal sealed record OutboxScheduleLimits
{
    private static readonly CircuitBreakerPolicy DefaultCircuit = new();

    /// <summary>Gets the most rows in memory.</summary>
    internal int MaxRows { get; init; } = 8192;

    /// <summary>Gets the bytes of rows in memory from which no more are read.</summary>
    internal long MaxBytes { get; init; } = 64 << 20;

    /// <summary>Gets the most rows of one endpoint in memory; further fresh ones are parked.</summary>
    internal int MaxRowsPerEndpoint { get; init; } = 256;

    /// <summary>Gets the most bytes of one endpoint in memory; further fresh rows are parked.</summary>
    internal long MaxBytesPerEndpoint { get; init; } = 4 << 20;

    /// <summary>
    /// Gets a function that returns the present policy of circuits, which may change while the worker runs. Its success threshold is the
    /// number of attempts that must succeed before an endpoint that failed works again. Its failure threshold is the number of attempts of
    /// a parked row from which its endpoint counts as failed.
    /// </summary>
    internal Func<CircuitBreakerPolicy> Circuit { get; init; } = static () => DefaultCircuit;

    /// <summary>Gets how often owners may die while a row is under way before it ends as poison.</summary>
    internal int QuarantineAfter { get; init; } = 3;

    /// <summary>Gets the most attempts under way.</summary>
    internal int MaxConcurrency { get; init; } = 8192;

    /// <summary>Gets the most attempts under way for one tenant.</summary>
    internal int MaxConcurrencyPerTenant { get; init; } = 1024;

    /// <summary>Gets the most attempts under way at one endpoint.</summary>
    internal int MaxConcurrencyPerEndpoint { get; init; } = 64;
}
