using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Storage;

/// <summary>
/// The rows in the memory of a worker, and which of them is attempted next. Fresh rows, retries and suspects have a rotation each. While
/// fresh rows are ready, retries get at most every second turn. Thread-safe: one lock guards it and its parts. It is held for a few
/// hundred nanoseconds, except once a second while memory is full, and when a lane is left.
/// </summary>
/// <remarks>
/// <para>A row in memory is in one of these states. The store has it until it is settled.</para>
/// <code>
/// state      leaves by        to
/// read       Admit            ready | a change (park, too old): unsettled | forgotten (parked, and its endpoint is isolated)
/// ready      TryTake          in flight
///            TakeSuspects     in flight, after a change (trial): the attempts before it may have killed their processes
///            Block, Isolate,  a change (park): unsettled; a parked row is forgotten and read again
///            Relieve
/// in flight  Complete         unsettled (a change) | forgotten (cancelled)
/// unsettled  Settled          forgotten
/// any        Forget           forgotten, because the lane was lost or is given back
/// </code>
/// <para>
/// An endpoint whose circuit refuses is blocked: it leaves the rotations, its fresh rows are parked, and one timer holds it. After that
/// one parked row is read, and one attempt is made at a time until the circuit has closed. Each success admits one more after that, so
/// that the attempts of a round trip double. An endpoint begins so when its lane is taken, if its parked rows show that its circuit was
/// open.
/// </para>
/// <para>
/// The parts are <see cref="OutboxMemory"/>, <see cref="OutboxTrials"/>, <see cref="OutboxParkedReads"/> and <see cref="OutboxStreams"/>.
/// </para>
/// </remarks>
internal sealed class OutboxSchedule
{
    /// <summary>The time between two looks at the rates while memory is full.</summary>
    private static readonly TimeSpan RatePeriod = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly OutboxScheduleLimits _limits;
    private readonly TimeProvider _time;
    private readonly OutboxEndpoints _endpoints;
    private readonly OutboxMemory _memory;
    private readonly OutboxTrials _trials;
    private readonly OutboxParkedReads _parked;
    private readonly OutboxStreams _streams = new();
    private readonly OutboxRotation _fresh;
    private readonly OutboxRotation _retries;
    private int _inFlight;
    private bool _retryWasLast;
    private long _relievedAt;
    private TaskCompletionSource? _idle;
    private volatile bool _isPaused;

    internal OutboxSchedule(OutboxScheduleLimits limits, TimeProvider time)
    {
        _limits = limits;
        _time = time;
        _endpoints = new OutboxEndpoints(time);
        _memory = new OutboxMemory(limits);
        _trials = new OutboxTrials(limits, _endpoints, time);
        _parked = new OutboxParkedReads(limits, _endpoints, _memory, time);
        _fresh = new OutboxRotation(static endpoint => endpoint.Fresh, MayBeginOf, MayBegin);
        _retries = new OutboxRotation(static endpoint => endpoint.Retries, MayBeginOf, MayBegin);

        bool MayBeginOf(OutboxTenant tenant) => tenant.InFlight < limits.MaxConcurrencyPerTenant;

        bool MayBegin(OutboxEndpoint endpoint) => endpoint.MayBegin(limits);
    }

    /// <summary>Gets the number of rows in memory.</summary>
    internal int Held => _memory.Held;

    /// <summary>Gets the number of attempts under way.</summary>
    internal int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Gets how many more rows and bytes of rows may be read. Room for the heads of wanted streams is left out.</summary>
    internal (int Rows, long Bytes) Room
    {
        get
        {
            using Lock.Scope scope = _lock.EnterScope();
            return (Math.Max(0, _memory.Room - _streams.Wanted), _memory.RoomBytes);
        }
    }

    /// <summary>Gets or sets whether an operator paused all deliveries: no row is taken.</summary>
    internal bool IsPaused
    {
        get => _isPaused;
        set => _isPaused = value;
    }

    /// <summary>Gets or sets whether rows are being read, so that more may follow those in memory.</summary>
    internal bool IsReading
    {
        get
        {
            using Lock.Scope scope = _lock.EnterScope();
            return _trials.IsReading;
        }

        set
        {
            using Lock.Scope scope = _lock.EnterScope();
            _trials.IsReading = value;
        }
    }

    /// <summary>Gets whether a stream waits for the read of its head.</summary>
    internal bool HasWanted
    {
        get
        {
            using Lock.Scope scope = _lock.EnterScope();
            return _streams.Wanted > 0;
        }
    }

    /// <summary>
    /// Takes a row that was read. It counts as held until <see cref="Settled"/>, <see cref="Complete"/> or
    /// <see cref="Forget"/>.
    /// </summary>
    /// <returns>The change to settle instead of an attempt; <see langword="null"/> if the row is ready.</returns>
    internal OutboxChange? Admit(OutboxRow row)
    {
        using Lock.Scope scope = _lock.EnterScope();
        if (row is { Stream: { } stream, IsParked: false, IsHead: false })
        {
            _streams.Want(stream, row.Lane);
            return null;
        }

        OutboxEndpoint endpoint = _endpoints.Get(row);
        _memory.Hold(endpoint, row);
        if (Judge(endpoint, row) is { } change)
        {
            return change;
        }

        if (endpoint.IsIsolated)
        {
            // A read of parked rows was under way when the endpoint was isolated.
            Unread(endpoint, row);
            return null;
        }

        if (row.Unclean > 0)
        {
            _trials.Add(endpoint, row);
        }
        else
        {
            (row.IsRetry ? endpoint.Retries : endpoint.Fresh).Enqueue(row);
        }

        List(endpoint);
        return null;
    }

    /// <summary>Takes a row that was read as the head of its stream. A row that is parked, or in memory, is left out.</summary>
    /// <returns>The change to settle instead of an attempt; <see langword="null"/> if there is none.</returns>
    internal OutboxChange? AdmitHead(OutboxRow row)
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _streams.TryHold(row) ? Admit(row) : null;
    }

    /// <summary>Takes streams whose heads are to be read now, at most as many as memory has room for.</summary>
    internal IReadOnlyList<(long Stream, short Lane)> TakeWanted(int most)
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _streams.TakeWanted(Math.Min(most, _memory.Room));
    }

    /// <summary>Notes that the head of a stream is to be read.</summary>
    internal void Want(long stream, short lane)
    {
        using Lock.Scope scope = _lock.EnterScope();
        _streams.Want(stream, lane);
    }

    /// <summary>Takes the suspects whose trials may begin.</summary>
    /// <param name="mayTake">As in <see cref="TryTake"/>.</param>
    internal IReadOnlyList<OutboxRow> TakeSuspects(Func<bool>? mayTake = null)
    {
        using Lock.Scope scope = _lock.EnterScope();
        List<OutboxRow>? taken = null;
        while (_inFlight < _limits.MaxConcurrency && !_isPaused && mayTake?.Invoke() != false
            && _trials.TryTake(out OutboxEndpoint? endpoint, out OutboxRow? row))
        {
            Begin(endpoint, row);
            (taken ??= []).Add(row);
        }

        return taken ?? [];
    }

    /// <summary>Takes the next row to attempt.</summary>
    /// <param name="row">The row.</param>
    /// <param name="mayTake">
    /// Asked while no other row is taken and no attempt makes room. <see langword="null"/> if a row may always be taken.
    /// </param>
    internal bool TryTake([NotNullWhen(true)] out OutboxRow? row, Func<bool>? mayTake = null)
    {
        using Lock.Scope scope = _lock.EnterScope();
        row = null;
        (OutboxRotation first, OutboxRotation second) = _retryWasLast ? (_fresh, _retries) : (_retries, _fresh);
        if (_inFlight >= _limits.MaxConcurrency || _isPaused || mayTake?.Invoke() == false
            || (!first.TryTake(out OutboxEndpoint? endpoint, out row) && !second.TryTake(out endpoint, out row)))
        {
            return false;
        }

        _retryWasLast = row.IsRetry;
        Begin(endpoint, row);
        return true;
    }

    /// <summary>Ends an attempt. The row stays held if a change of it follows.</summary>
    /// <param name="row">The row.</param>
    /// <param name="isDelivered">Whether the receiver took it, which speeds up the endpoint's recovery.</param>
    /// <param name="changeFollows">Whether the row is settled next; otherwise it is forgotten.</param>
    internal void Complete(OutboxRow row, bool isDelivered, bool changeFollows)
    {
        using Lock.Scope scope = _lock.EnterScope();
        OutboxEndpoint endpoint = _endpoints.Get(row);
        endpoint.InFlight--;
        endpoint.Tenant.InFlight--;
        endpoint.Tenant.InFlightBytes -= row.Sealed.Length;
        endpoint.Tenant.Ended++;
        _trials.End(endpoint, row);
        if (--_inFlight == 0)
        {
            _idle?.TrySetResult();
        }

        if (isDelivered)
        {
            endpoint.Succeeded();
        }

        List(endpoint);
        if (!changeFollows)
        {
            Release(endpoint, row);
        }
    }

    /// <summary>
    /// Notes that the circuit of an endpoint refuses for a time. Its rows that are ready leave the rotations; the parked ones among them
    /// are forgotten, and read again later.
    /// </summary>
    /// <param name="refused">A row whose attempt was refused.</param>
    /// <param name="duration">How long the circuit refuses.</param>
    /// <param name="begun">When the attempt began, a timestamp. If the endpoint was reset since, nothing is noted.</param>
    /// <returns>The fresh rows, which are to be parked.</returns>
    internal IReadOnlyList<OutboxRow> Block(OutboxRow refused, TimeSpan duration, long begun)
    {
        using Lock.Scope scope = _lock.EnterScope();
        OutboxEndpoint endpoint = _endpoints.Get(refused);
        if (begun <= endpoint.ResetAt)
        {
            // An operator has closed the circuit since it was asked.
            return [];
        }

        endpoint.BlockedUntil = Math.Max(endpoint.BlockedUntil, _parked.After(duration));
        endpoint.Failed(_limits);
        return Clear(endpoint);
    }

    /// <summary>
    /// Notes that an operator isolated an endpoint, also one that is not known yet. Its rows that are ready leave the rotations; the
    /// parked ones among them are forgotten, and read again after <see cref="Reset"/>.
    /// </summary>
    /// <returns>The fresh rows, which are to be parked.</returns>
    internal IReadOnlyList<OutboxRow> Isolate(long key)
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _endpoints.Isolate(key) is { } endpoint
            ? Clear(endpoint, [.. Remove(endpoint), .. _trials.RemoveAlone(row => row.Endpoint == key)])
            : [];
    }

    /// <summary>
    /// Notes that an operator reset an endpoint: it is not isolated, its circuit is closed, and its parked rows are read now.
    /// </summary>
    internal void Reset(long key)
    {
        using Lock.Scope scope = _lock.EnterScope();
        if (_endpoints.Reset(key, _time.GetTimestamp()) is not { } endpoint)
        {
            return;
        }

        if (endpoint.HasParked)
        {
            _parked.Add(endpoint, TimeSpan.Zero);
        }

        List(endpoint);
        _endpoints.ForgetIfIdle(endpoint);
    }

    /// <summary>Returns the number of rows of an endpoint in memory that are not parked in the store.</summary>
    internal int FreshOf(long key)
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _endpoints.Find(key) is { } endpoint ? endpoint.Held - endpoint.ParkedHeld : 0;
    }

    /// <summary>Returns the reason for which no attempt at an endpoint starts; <see langword="null"/> if it may.</summary>
    internal string? StopOf(long key)
    {
        if (_isPaused)
        {
            return OutboxReasons.Paused;
        }

        if (!_endpoints.HasIsolated)
        {
            return null;
        }

        using Lock.Scope scope = _lock.EnterScope();
        return _endpoints.IsIsolated(key) ? OutboxReasons.Isolated : null;
    }

    /// <summary>
    /// Makes room in memory that is full: slow tenants keep only their share, and so do suspects whose trials are too slow.
    /// </summary>
    /// <returns>The changes to settle: the rows that are parked.</returns>
    internal IReadOnlyList<OutboxChange> Relieve()
    {
        using Lock.Scope scope = _lock.EnterScope();
        TimeSpan elapsed = _time.GetElapsedTime(_relievedAt);
        if (elapsed < RatePeriod)
        {
            return [];
        }

        // After a longer time memory was not full throughout, and the rates say nothing.
        bool isMeasured = elapsed < 2 * RatePeriod;
        _relievedAt = _time.GetTimestamp();
        List<OutboxChange> changes = [];
        foreach (OutboxTenant tenant in _endpoints.Tenants)
        {
            if (isMeasured && _memory.IsSlow(tenant, elapsed))
            {
                tenant.IsSlow = true;
                changes.AddRange(Spill(tenant)
                    .Select(static row => OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.OverShare)));
            }

            tenant.Ended = 0;
        }

        _trials.Relieve(isMeasured ? elapsed : null, changes);
        return changes;
    }

    /// <summary>Forgets a row whose change was committed, and arms the timer of an endpoint that has parked rows.</summary>
    internal void Settled(OutboxChange change)
    {
        using Lock.Scope scope = _lock.EnterScope();
        OutboxRow row = change.Row;
        OutboxEndpoint endpoint = _endpoints.Get(row);
        if (change.Kind == OutboxChangeKind.Park)
        {
            // Armed after the commit: before it, the read would pass the row.
            _parked.Add(endpoint, change.Delay);
        }

        Release(endpoint, row);
        if (row.Stream is { } stream && (change.Kind != OutboxChangeKind.Park || change.LeavesOrder))
        {
            _streams.Want(stream, row.Lane);
        }
    }

    /// <summary>
    /// Notes that an endpoint has parked rows in the store, when its lane is taken. If these show that its circuit was open, their first
    /// read is a probe.
    /// </summary>
    internal void AddParked(short lane, OutboxParkedEndpoint parked)
    {
        using Lock.Scope scope = _lock.EnterScope();
        OutboxEndpoint endpoint = _endpoints.Get(lane, parked.Endpoint, parked.Tenant);
        if (parked.WasRefused || parked.Attempts >= _limits.Circuit().FailureThreshold)
        {
            endpoint.Failed(_limits);
        }

        _parked.Add(endpoint, parked.DueIn);
    }

    /// <inheritdoc cref="OutboxParkedReads.TakeDue"/>
    internal (short Lane, long Key, (long DueAt, long Id) Floor, int Limit, long MaxBytes)? TakeDueEndpoint()
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _parked.TakeDue();
    }

    /// <inheritdoc cref="OutboxParkedReads.Read"/>
    internal void ParkedRead(long key, IReadOnlyList<OutboxRow> rows, TimeSpan? nextIn)
    {
        using Lock.Scope scope = _lock.EnterScope();
        _parked.Read(key, rows, nextIn);
    }

    /// <inheritdoc cref="OutboxParkedReads.UntilNext"/>
    internal TimeSpan UntilNextTimer(TimeSpan most)
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _parked.UntilNext(most);
    }

    /// <summary>
    /// Drops the ready rows of a lane, or of all lanes, and their timers. Rows in flight or unsettled stay until they end.
    /// </summary>
    internal void Leave(short? lane = null)
    {
        using Lock.Scope scope = _lock.EnterScope();
        _streams.Leave(lane);
        foreach (OutboxEndpoint endpoint in _endpoints.All.Where(endpoint => lane is null || endpoint.Lane == lane).ToArray())
        {
            endpoint.Leave();
            foreach (OutboxRow row in Remove(endpoint))
            {
                Release(endpoint, row);
            }

            _endpoints.ForgetIfIdle(endpoint);
        }

        foreach (OutboxRow row in _trials.RemoveAlone(row => lane is null || row.Lane == lane))
        {
            Release(_endpoints.Get(row), row);
        }
    }

    /// <summary>Completes when no attempt is under way, or with the cancellation.</summary>
    internal Task WhenIdleAsync(CancellationToken cancellationToken)
    {
        using Lock.Scope scope = _lock.EnterScope();
        if (_inFlight == 0)
        {
            return Task.CompletedTask;
        }

        _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return SuppressAsync(_idle.Task.WaitAsync(cancellationToken));

        static async Task SuppressAsync(Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Returns whether a lane has rows in memory.</summary>
    internal bool HoldsRows(short lane)
    {
        using Lock.Scope scope = _lock.EnterScope();
        return _memory.HoldsRows(lane);
    }

    /// <summary>Forgets a row that is held: its lane is not owned any more.</summary>
    internal void Forget(OutboxRow row)
    {
        using Lock.Scope scope = _lock.EnterScope();
        Release(_endpoints.Get(row), row);
    }

    private OutboxChange? Judge(OutboxEndpoint endpoint, OutboxRow row)
    {
        if (row.TimeLeft <= TimeSpan.Zero)
        {
            return OutboxChanges.Expired(row);
        }

        if (row.Unclean >= _limits.QuarantineAfter)
        {
            return OutboxChanges.Dead(row, OutboxReasons.Poison);
        }

        return row.IsParked ? null
            : row.DueIn > TimeSpan.Zero ? OutboxChanges.Wait(row, row.DueIn, OutboxReasons.NotBefore)
            : endpoint.IsIsolated ? OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.Isolated)
            : endpoint.BlockedUntil > _time.GetTimestamp() ? OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.CircuitOpen)
            : !_memory.FitsFresh(endpoint) ? OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.OverShare)
            : null;
    }

    /// <summary>Adds an endpoint to the rotations of the kinds of which it has ready rows, if it may begin an attempt.</summary>
    private void List(OutboxEndpoint endpoint)
    {
        _fresh.Add(endpoint);
        _retries.Add(endpoint);
        _trials.List(endpoint);
    }

    /// <summary>A row that was taken from a rotation begins its attempt.</summary>
    private void Begin(OutboxEndpoint endpoint, OutboxRow row)
    {
        row.IsProbe = endpoint.Probes > 0;
        _inFlight++;
        endpoint.InFlight++;
        endpoint.Tenant.InFlight++;
        endpoint.Tenant.InFlightBytes += row.Sealed.Length;
        List(endpoint);
    }

    private void Release(OutboxEndpoint endpoint, OutboxRow row)
    {
        _memory.Release(endpoint, row);
        _streams.Release(row);
        _parked.Released(endpoint);
        _endpoints.ForgetIfIdle(endpoint);
    }

    /// <summary>Takes out the ready rows of a tenant above its share. Parked ones among them are forgotten, and read again later.</summary>
    /// <returns>The fresh rows, which are to be parked.</returns>
    private List<OutboxRow> Spill(OutboxTenant tenant)
    {
        List<OutboxRow> fresh = [];
        long bytes = 0;
        foreach (OutboxEndpoint endpoint in _endpoints.All.Where(endpoint => endpoint.Tenant == tenant).ToArray())
        {
            if (!_memory.IsOverShare(tenant, fresh.Count, bytes))
            {
                break;
            }

            OutboxRow[] cleared = Clear(endpoint);
            fresh.AddRange(cleared);
            bytes += cleared.Sum(static row => (long)row.Sealed.Length);
        }

        return fresh;
    }

    /// <summary>Takes out the ready rows of an endpoint. Parked ones among them are forgotten, and read again later.</summary>
    /// <returns>The fresh rows, which are to be parked.</returns>
    private OutboxRow[] Clear(OutboxEndpoint endpoint) => Clear(endpoint, Remove(endpoint));

    private OutboxRow[] Clear(OutboxEndpoint endpoint, OutboxRow[] ready)
    {
        foreach (OutboxRow row in ready.Where(static row => row.IsParked))
        {
            Unread(endpoint, row);
        }

        return [.. ready.Where(static row => !row.IsParked)];
    }

    /// <summary>A parked row leaves memory as it is: the endpoint is read again from its beginning when none of its rows is held.</summary>
    private void Unread(OutboxEndpoint endpoint, OutboxRow row)
    {
        endpoint.HasParked = true;
        endpoint.IsFloorStale = true;
        Release(endpoint, row);
    }

    /// <summary>Takes the ready rows of an endpoint out of the rotations, without those that are attempted alone.</summary>
    private OutboxRow[] Remove(OutboxEndpoint endpoint)
    {
        OutboxRow[] ready = [.. endpoint.Fresh, .. endpoint.Retries, .. _trials.Remove(endpoint)];
        endpoint.Fresh.Clear();
        endpoint.Retries.Clear();
        return ready;
    }
}
