using System.Collections.Concurrent;
using System.Numerics;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>The endpoints that a supervisor knows, with their circuits and limits.</summary>
/// <remarks>
/// <para>
/// The key of an endpoint is its tenant, its origin and its path. Path segments that equal the operation id or the task id are
/// replaced, and the query is dropped.
/// <see cref="DeliveryOptions.BreakerKey"/> replaces origin and path. <see cref="KeyOf"/> returns the key of a destination.
/// </para>
/// <para>
/// Failures to connect (refused, unreachable, TLS, connect timeout) also count for the origin. Its row appears with the first
/// such failure, and its circuit stops deliveries to
/// every path. A key such as <c>https://buyer.example</c> isolates an origin.
/// </para>
/// <para>
/// The table is bounded. An endpoint is forgotten if its circuit is closed, no attempt is under way, and it was not used for
/// <see cref="WebhookSupervisorOptions.EndpointIdleTimeout"/>. Thread-safe; finding a known endpoint takes no lock.
/// </para>
/// </remarks>
public sealed class EndpointTable
{
    private readonly ConcurrentDictionary<string, Endpoint> _endpoints = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Endpoint>.AlternateLookup<ReadOnlySpan<char>> _byOrigin;
    private readonly Dictionary<string, TenantState> _tenants = new(StringComparer.Ordinal);
    private readonly TenantState _withoutTenant;
    private readonly int _capacity;
    private readonly long _idleMilliseconds;
    private readonly MonotonicClock _clock;
    private readonly int _tickShift;
    private readonly int _idleTicks;
    private int _openCircuits;
    private CircuitBreakerPolicy _policy;
    private int _count;
    private int _origins;
    private int _sweeping;
    private long _overflows;
    private long _sweptAt;

    internal EndpointTable(CircuitBreakerPolicy policy, int capacity, TimeSpan idleTimeout, MonotonicClock clock)
    {
        TimeProvider time = clock.Time;
        _policy = policy;
        _byOrigin = _endpoints.GetAlternateLookup<ReadOnlySpan<char>>();
        _withoutTenant = new TenantState(null, this);
        _capacity = capacity;
        _idleMilliseconds = (long)idleTimeout.TotalMilliseconds;
        _clock = clock;
        long idleStamps = (long)(idleTimeout.TotalSeconds * time.TimestampFrequency);
        _tickShift = BitOperations.Log2((ulong)Math.Max(1, idleStamps / 8));
        _idleTicks = (int)(idleStamps >> _tickShift);
    }

    /// <summary>
    /// Raised after a circuit changed state, on the thread that changed it, outside any lock. Every handler is called,
    /// and an exception of a handler is ignored. Handlers should be quick.
    /// </summary>
    public event Action<CircuitTransition>? StateChanged;

    /// <summary>Gets the number of known endpoints.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>
    /// Gets the number of deliveries to endpoints that the full table could not hold. Such a delivery has its own
    /// breaker, which is forgotten with it.
    /// </summary>
    public long Overflows => Volatile.Read(ref _overflows);

    /// <summary>
    /// Gets or sets the policy of all circuits. A change holds for the next result, permit or probe of each circuit: states and counted
    /// failures stay as they are.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public CircuitBreakerPolicy Policy
    {
        get => Volatile.Read(ref _policy);
        set => Volatile.Write(ref _policy, Require.NotNull(value, nameof(Policy)));
    }

    /// <summary>Gets the number of circuits that are open or isolated.</summary>
    public int OpenCircuits => Math.Max(0, Volatile.Read(ref _openCircuits));

    /// <summary>Gets whether a row for any origin exists, which is rare. Only then is it looked for before an attempt.</summary>
    internal bool HasOrigins => Volatile.Read(ref _origins) != 0;

    /// <summary>Returns the key by which the endpoint of a destination is known.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="tenant">The tenant of its deliveries, as in <see cref="DeliveryOptions.Tenant"/>; <see
    /// langword="null"/> for none.</param>
    /// <param name="taskId">The task that its webhooks report on, if the url may contain it; <see langword="null"/> for none.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    public static string KeyOf(WebhookDestination destination, string? tenant = null, string? taskId = null)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return EndpointKey.Of(destination, tenant, taskId, out _);
    }

    /// <summary>Returns a row for each endpoint, in no order. The circuit's members of a row belong to the same moment.</summary>
    public IReadOnlyList<EndpointSnapshot> Snapshot()
    {
        List<EndpointSnapshot> rows = new(Count);
        foreach (KeyValuePair<string, Endpoint> entry in _endpoints)
        {
            rows.Add(Describe(entry.Value));
        }

        return rows;
    }

    /// <summary>Returns whether an endpoint is known, and its row.</summary>
    /// <param name="key">The key, from <see cref="KeyOf"/> or <see cref="EndpointSnapshot.Key"/>.</param>
    /// <param name="snapshot">The row.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    public bool TryGet(string key, out EndpointSnapshot snapshot)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        bool known = _endpoints.TryGetValue(key, out Endpoint? endpoint);
        snapshot = known ? Describe(endpoint!) : default;
        return known;
    }

    /// <summary>Returns whether the endpoint of a destination is known, and its row.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="snapshot">The row.</param>
    /// <param name="tenant">The tenant of its deliveries; <see langword="null"/> for none.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    public bool TryGet(WebhookDestination destination, out EndpointSnapshot snapshot, string? tenant = null) =>
        TryGet(KnownKeyOf(destination, tenant), out snapshot);

    /// <summary>Refuses every delivery to an endpoint until <see cref="Reset(string)"/>. Adds the endpoint if it is not known.</summary>
    /// <param name="key">The key, from <see cref="KeyOf"/> or <see cref="EndpointSnapshot.Key"/>, or an origin.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    public void Isolate(string key) => Force(key, CircuitState.Isolated);

    /// <summary>Refuses every delivery to the endpoint of a destination until <see cref="Reset(WebhookDestination, string?)"/>.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="tenant">The tenant of its deliveries; <see langword="null"/> for none.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    public void Isolate(WebhookDestination destination, string? tenant = null) =>
        Force(KnownKeyOf(destination, tenant), CircuitState.Isolated);

    /// <summary>Closes an endpoint's circuit and forgets its counts.</summary>
    /// <param name="key">The key, from <see cref="KeyOf"/> or <see cref="EndpointSnapshot.Key"/>, or an origin.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    public void Reset(string key) => Force(key, CircuitState.Closed);

    /// <summary>Closes the circuit of a destination's endpoint and forgets its counts.</summary>
    /// <param name="destination">The destination.</param>
    /// <param name="tenant">The tenant of its deliveries; <see langword="null"/> for none.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    public void Reset(WebhookDestination destination, string? tenant = null) => Force(KnownKeyOf(destination, tenant), CircuitState.Closed);

    /// <summary>Returns the endpoint of a caller's own key.</summary>
    internal Endpoint Get(string key, string? tenant)
    {
        string full = EndpointKey.OfTenant(tenant, key);
        return _endpoints.TryGetValue(full, out Endpoint? known) ? known : Add(full, tenant, 0);
    }

    /// <summary>Returns the endpoint of a destination, which is then remembered in it.</summary>
    internal Endpoint Get(WebhookDestination destination, string? tenant, string? taskId)
    {
        if (Remembered(destination, tenant) is { Evicted: false } remembered)
        {
            return remembered;
        }

        string key = EndpointKey.Of(destination, tenant, taskId, out int originLength);
        Endpoint endpoint = _endpoints.TryGetValue(key, out Endpoint? known) ? known : Add(key, tenant, originLength);
        endpoint.OriginLength = (ushort)originLength; // one that an operator added does not know it yet
        destination.Endpoint = endpoint;
        return endpoint;
    }

    /// <summary>
    /// Returns the endpoint that now has the key of one that was forgotten, so that a delivery that waited meets the circuit that
    /// operators see.
    /// </summary>
    internal Endpoint Renew(Endpoint forgotten)
    {
        if (_endpoints.TryGetValue(forgotten.Key, out Endpoint? known))
        {
            return known;
        }

        if (Interlocked.Increment(ref _count) <= _capacity)
        {
            return Insert(forgotten.Key, EndpointKey.TenantOf(forgotten.Key), forgotten.OriginLength);
        }

        Interlocked.Decrement(ref _count);
        return forgotten;
    }

    /// <summary>Returns the row of an endpoint's origin; <see langword="null"/> if there is none.</summary>
    internal Endpoint? FindOrigin(Endpoint endpoint) =>
        HasOrigins && _byOrigin.TryGetValue(endpoint.OriginKey, out Endpoint? origin) ? origin : null;

    /// <summary>
    /// Returns the row of an endpoint's origin, added if there is none; <see langword="null"/> if the caller chose the endpoint's
    /// key, or the table is full.
    /// </summary>
    internal Endpoint? AddOrigin(Endpoint endpoint)
    {
        if (endpoint.OriginKey.IsEmpty)
        {
            return null;
        }

        Endpoint origin = FindOrigin(endpoint) ?? Add(endpoint.OriginKey.ToString(), endpoint.Tenant.Key, 0);
        return origin.Evicted ? null : origin;
    }

    /// <summary>Records the use of an endpoint.</summary>
    internal void Touch(Endpoint endpoint, long timestamp)
    {
        int now = TickOf(timestamp);
        if (endpoint.LastUsed != now)
        {
            endpoint.LastUsed = now;
        }
    }

    /// <summary>Calls every handler of <see cref="StateChanged"/>.</summary>
    internal void Notify(Endpoint endpoint, CircuitChange change)
    {
        if (change.IsNone)
        {
            return;
        }

        int opened = (Refuses(change.To) ? 1 : 0) - (Refuses(change.From) ? 1 : 0);
        if (opened != 0)
        {
            Interlocked.Add(ref _openCircuits, opened);
        }

        if (StateChanged is not { } handlers)
        {
            return;
        }

        CircuitTransition transition = new(endpoint.Key, change.From, change.To, change.IsLateSuccess);
        foreach (Action<CircuitTransition> handler in Delegate.EnumerateInvocationList(handlers))
        {
            try
            {
                handler(transition);
            }
            catch (Exception)
            {
                // A listener's fault must not affect the delivery.
            }
        }
    }

    /// <summary>Forgets idle endpoints, one sweep at a time.</summary>
    internal void Sweep()
    {
        if (Interlocked.Exchange(ref _sweeping, 1) == 1)
        {
            return;
        }

        try
        {
            int tick = TickOf(_clock.Coarse());
            foreach (KeyValuePair<string, Endpoint> entry in _endpoints)
            {
                if (IsIdle(entry.Value, tick))
                {
                    Forget(entry);
                }
            }
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }

    private bool IsIdle(Endpoint endpoint, int tick) =>
        (tick - endpoint.LastUsed >= _idleTicks || tick < endpoint.LastUsed) && endpoint.Gate.Holders == 0 && endpoint.Circuit.IsClosed;

    private void Forget(KeyValuePair<string, Endpoint> entry)
    {
        // Announced, then looked at once more: a thread that forces the circuit meanwhile sees the announcement, or its change is
        // seen here.
        Endpoint endpoint = entry.Value;
        endpoint.Evicted = true;
        Interlocked.MemoryBarrier();
        if (!endpoint.Circuit.IsClosed || endpoint.Gate.Holders != 0 || !_endpoints.TryRemove(entry))
        {
            endpoint.Evicted = false;
            return;
        }

        Interlocked.Decrement(ref _count);
        Leave(endpoint.Tenant);
        if (endpoint.IsOrigin)
        {
            Interlocked.Decrement(ref _origins);
        }
    }

    /// <summary>
    /// Returns the time in units of a power of two of timestamps within an eighth of the idle time, which needs no division.
    /// </summary>
    private int TickOf(long timestamp) => (int)((timestamp - _clock.Origin) >> _tickShift);

    private Endpoint Add(string key, string? tenant, int originLength)
    {
        SweepInBackground();
        if (Interlocked.Increment(ref _count) > _capacity)
        {
            // The delivery matters more than the table: it goes out under a breaker that is forgotten with it.
            Interlocked.Decrement(ref _count);
            Interlocked.Increment(ref _overflows);
            return _endpoints.TryGetValue(key, out Endpoint? late)
                ? late
                : new Endpoint(key, Known(tenant), originLength) { Evicted = true };
        }

        return Insert(key, tenant, originLength);
    }

    /// <summary>Inserts an endpoint that is already counted, or returns the one that another thread has inserted.</summary>
    private Endpoint Insert(string key, string? tenant, int originLength)
    {
        Endpoint mine = new(key, Enter(tenant), originLength);
        Touch(mine, _clock.Coarse());
        Endpoint winner = _endpoints.GetOrAdd(key, mine);
        if (!ReferenceEquals(winner, mine))
        {
            Interlocked.Decrement(ref _count);
            Leave(mine.Tenant);
        }
        else if (mine.IsOrigin)
        {
            Interlocked.Increment(ref _origins);
        }

        return winner;
    }

    /// <summary>Sweeps on a pool thread, and not before an eighth of the idle time has passed since the last sweep.</summary>
    private void SweepInBackground()
    {
        long now = _clock.Milliseconds();
        long last = Volatile.Read(ref _sweptAt);
        if (now - last >= _idleMilliseconds / 8 && Interlocked.CompareExchange(ref _sweptAt, now, last) == last)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static table => table.Sweep(), this, preferLocal: false);
        }
    }

    private TenantState Enter(string? tenant)
    {
        if (tenant is null)
        {
            return _withoutTenant;
        }

        lock (_tenants)
        {
            if (!_tenants.TryGetValue(tenant, out TenantState? state))
            {
                _tenants[tenant] = state = new TenantState(tenant, this);
            }

            state.Endpoints++;
            return state;
        }
    }

    /// <summary>
    /// Returns the permits of a tenant. They are shared with its endpoints in the table, so that a tenant that fills
    /// the table keeps to its share.
    /// </summary>
    private TenantState Known(string? tenant)
    {
        if (tenant is null)
        {
            return _withoutTenant;
        }

        lock (_tenants)
        {
            return _tenants.GetValueOrDefault(tenant, _withoutTenant);
        }
    }

    private void Leave(TenantState tenant)
    {
        if (tenant.Key is { } key)
        {
            lock (_tenants)
            {
                if (--tenant.Endpoints == 0)
                {
                    _tenants.Remove(key);
                }
            }
        }
    }

    /// <summary>
    /// Carries out an operator's command. It also holds if the table is full, and it applies to the endpoint that
    /// deliveries find, not to one that a sweep is about to forget.
    /// </summary>
    private void Force(string key, CircuitState to)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        Endpoint endpoint;
        CircuitChange change;
        do
        {
            if (!_endpoints.TryGetValue(key, out Endpoint? known))
            {
                Interlocked.Increment(ref _count);
                known = Insert(key, EndpointKey.TenantOf(key), 0);
            }

            endpoint = known;
            change = endpoint.Circuit.Force(to, _clock.Milliseconds());
        }
        while (endpoint.Evicted);

        Notify(endpoint, change);
    }

    private static bool Refuses(CircuitState state) => state is CircuitState.Open or CircuitState.Isolated;

    private string KnownKeyOf(WebhookDestination destination, string? tenant)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return Remembered(destination, tenant)?.Key ?? EndpointKey.Of(destination, tenant, null, out _);
    }

    private Endpoint? Remembered(WebhookDestination destination, string? tenant) =>
        destination.Endpoint is Endpoint known && ReferenceEquals(known.Table, this) && known.Tenant.Key == tenant ? known : null;

    private EndpointSnapshot Describe(Endpoint endpoint)
    {
        CircuitWord.CircuitReading circuit = endpoint.Circuit.Read();
        return new(
            endpoint.Key,
            circuit.State,
            circuit.Failures,
            endpoint.Gate.Holders,
            endpoint.LastStatusCode,
            (WebhookSendError)endpoint.LastError,
            circuit.NextProbeIn(Policy, _clock.Milliseconds()) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null);
    }
}
