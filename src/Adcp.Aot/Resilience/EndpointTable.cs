using System.Collections.Concurrent;
using System.Numerics;
using Adcp.Aot.Sending;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>
/// The endpoints a supervisor knows, by breaker key or canonical url. Bounded: idle ones whose circuit is closed are forgotten, open ones are kept until their
/// timeout has passed. Thread-safe; finding a known endpoint takes no lock.
/// </summary>
public sealed class EndpointTable
{
    private readonly ConcurrentDictionary<string, Endpoint> _endpoints = new(StringComparer.Ordinal);
    private readonly int _capacity;
    private readonly uint _idleMilliseconds;
    private readonly MonotonicClock _clock;
    private readonly int _tickShift;
    private readonly int _idleTicks;
    private int _count;
    private int _sweeping;
    private long _overflows;
    private uint _sweptAt;

    internal EndpointTable(CircuitBreakerPolicy policy, int capacity, TimeSpan idleTimeout, MonotonicClock clock)
    {
        TimeProvider time = clock.Time;
        Policy = policy;
        _capacity = capacity;
        _idleMilliseconds = (uint)idleTimeout.TotalMilliseconds;
        _clock = clock;
        long idleStamps = (long)(idleTimeout.TotalSeconds * time.TimestampFrequency);
        _tickShift = BitOperations.Log2((ulong)Math.Max(1, idleStamps / 8));
        _idleTicks = (int)(idleStamps >> _tickShift);
    }

    /// <summary>
    /// Raised after a circuit changed state, on the thread that changed it, outside any lock. A handler that throws is ignored; it should be quick.
    /// </summary>
    public event Action<CircuitTransition>? StateChanged;

    /// <summary>How many endpoints are known.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Deliveries that went to an endpoint the full table could not hold: they had a breaker of their own and no memory.</summary>
    public long Overflows => Volatile.Read(ref _overflows);

    internal CircuitBreakerPolicy Policy { get; }

    /// <summary>The endpoints now, in no order. Each row is consistent with itself.</summary>
    public IReadOnlyList<EndpointSnapshot> Snapshot()
    {
        List<EndpointSnapshot> rows = new(Count);
        foreach (KeyValuePair<string, Endpoint> entry in _endpoints)
        {
            rows.Add(Describe(entry.Value));
        }

        return rows;
    }

    /// <summary>One endpoint, if it is known.</summary>
    /// <param name="key">The breaker key or canonical url.</param>
    /// <param name="snapshot">The row.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    public bool TryGet(string key, out EndpointSnapshot snapshot)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        bool known = _endpoints.TryGetValue(key, out Endpoint? endpoint);
        snapshot = known ? Describe(endpoint!) : default;
        return known;
    }

    /// <summary>Refuses every delivery to an endpoint until <see cref="Reset"/>; makes the endpoint known if it is not.</summary>
    /// <param name="key">The breaker key or canonical url.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    public void Isolate(string key) => Force(key, CircuitState.Isolated);

    /// <summary>Closes an endpoint's circuit and forgets its counts.</summary>
    /// <param name="key">The breaker key or canonical url.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is null or empty.</exception>
    public void Reset(string key) => Force(key, CircuitState.Closed);

    internal Endpoint Get(string key) => _endpoints.TryGetValue(key, out Endpoint? endpoint) ? endpoint : Add(key);

    /// <summary>The endpoint of a destination, remembered in it.</summary>
    internal Endpoint Get(WebhookDestination destination)
    {
        if (destination.Endpoint is Endpoint known && ReferenceEquals(known.Table, this) && !known.Evicted)
        {
            return known;
        }

        Endpoint endpoint = Get(destination.Target.Value);
        destination.Endpoint = endpoint;
        return endpoint;
    }

    /// <summary>Notes use at a timestamp already at hand.</summary>
    internal void Touch(Endpoint endpoint, long timestamp)
    {
        int now = TickOf(timestamp);
        if (endpoint.LastUsed != now)
        {
            endpoint.LastUsed = now;
        }
    }

    /// <summary>Coarse time: the largest power of two of timestamps within an eighth of the idle time, which tells idle from used and costs no division.</summary>
    private int TickOf(long timestamp) => (int)((timestamp - _clock.Origin) >> _tickShift);

    internal void Notify(Endpoint endpoint, CircuitState from, CircuitState to, bool late = false)
    {
        if (from == to)
        {
            return;
        }

        try
        {
            StateChanged?.Invoke(new CircuitTransition(endpoint.Key, from, to, late));
        }
        catch (Exception)
        {
            // A listener's fault is not the delivery's.
        }
    }

    /// <summary>Forgets idle endpoints; one sweep at a time, and not before an eighth of the idle time has passed since the last.</summary>
    private void Sweep()
    {
        long timestamp = _clock.Coarse();
        uint now = _clock.Milliseconds(timestamp);
        if (now - _sweptAt < _idleMilliseconds / 8 || Interlocked.Exchange(ref _sweeping, 1) == 1)
        {
            return;
        }

        try
        {
            _sweptAt = now;
            int tick = TickOf(timestamp);
            foreach (KeyValuePair<string, Endpoint> entry in _endpoints)
            {
                Endpoint endpoint = entry.Value;
                bool idle = tick - endpoint.LastUsed >= _idleTicks || tick < endpoint.LastUsed;
                if (!idle || endpoint.Gate.Holders != 0 || !Forgettable(endpoint, now))
                {
                    continue;
                }

                // Announced, then looked at once more: who forces the circuit meanwhile sees the announcement, or is seen here.
                endpoint.Evicted = true;
                Interlocked.MemoryBarrier();
                if (!Forgettable(endpoint, now) || !_endpoints.TryRemove(entry))
                {
                    endpoint.Evicted = false;
                }
                else
                {
                    Interlocked.Decrement(ref _count);
                }
            }
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }

    private bool Forgettable(Endpoint endpoint, uint now) => endpoint.Circuit.State switch
    {
        CircuitState.Closed => true,
        CircuitState.Open => endpoint.Circuit.NextProbeAt(Policy) is { } probeAt && unchecked((int)(now - probeAt)) >= 0,
        CircuitState.HalfOpen => true,
        _ => false,
    };

    private Endpoint Add(string key)
    {
        Sweep();
        if (Interlocked.Increment(ref _count) > _capacity)
        {
            // The delivery matters more than our bookkeeping: it goes out under a breaker that nobody remembers.
            Interlocked.Decrement(ref _count);
            Interlocked.Increment(ref _overflows);
            return _endpoints.TryGetValue(key, out Endpoint? late) ? late : new Endpoint(key, this) { Evicted = true };
        }

        Endpoint endpoint = GetOrInsert(key, out bool inserted);
        if (!inserted)
        {
            Interlocked.Decrement(ref _count);
        }

        return endpoint;
    }

    private Endpoint GetOrInsert(string key, out bool inserted)
    {
        Endpoint mine = new(key, this);
        Touch(mine, _clock.Coarse());
        Endpoint winner = _endpoints.GetOrAdd(key, mine);
        inserted = ReferenceEquals(winner, mine);
        return winner;
    }

    /// <summary>An operator's word: it holds also where the table is full, and for the endpoint that deliveries find, not one that a sweep is about to forget.</summary>
    private void Force(string key, CircuitState to)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        Endpoint endpoint;
        CircuitState from;
        do
        {
            if (!_endpoints.TryGetValue(key, out Endpoint? known))
            {
                known = GetOrInsert(key, out bool inserted);
                if (inserted)
                {
                    Interlocked.Increment(ref _count);
                }
            }

            endpoint = known;
            from = endpoint.Circuit.Force(to, _clock.Milliseconds(_clock.Coarse()));
        }
        while (endpoint.Evicted);

        Notify(endpoint, from, to);
    }

    private EndpointSnapshot Describe(Endpoint endpoint) => new(
        endpoint.Key,
        endpoint.Circuit.State,
        endpoint.Circuit.Failures,
        endpoint.Gate.Holders,
        endpoint.LastStatusCode,
        (WebhookSendError)endpoint.LastError,
        endpoint.Circuit.NextProbeAt(Policy) is { } at ? TimeSpan.FromMilliseconds(Math.Max(0, unchecked((int)(at - _clock.Milliseconds(_clock.Coarse()))))) : null);
}
