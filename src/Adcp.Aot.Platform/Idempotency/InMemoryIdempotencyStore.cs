namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Requests and answers of one process, which end with it: for development, and for sellers whose calls change nothing that outlives the process either. Bounded: a request that is new to a full store
/// is refused, nothing that may still be made again is forgotten for it. Thread-safe.
/// </summary>
public sealed class InMemoryIdempotencyStore : IIdempotencyStore
{
    private readonly Dictionary<(string Tenant, string Request), Entry> _entries = [];
    private readonly Queue<Entry> _answered = new();
    private readonly Lock _lock = new();
    private readonly IdempotencyStoreOptions _options;
    private readonly int _capacity;
    private long _fences;

    /// <summary>Creates a store.</summary>
    /// <param name="capacity">The most requests kept. 1 to 10,000,000, default 100,000.</param>
    /// <param name="options">How long answers are kept, and the clock; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is outside 1 to 10,000,000.</exception>
    public InMemoryIdempotencyStore(int capacity = 100_000, IdempotencyStoreOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 10_000_000);
        _capacity = capacity;
        _options = options ?? new IdempotencyStoreOptions();
    }

    /// <summary>False.</summary>
    public bool IsDurable => false;

    /// <inheritdoc/>
    public TimeSpan ReplayTimeToLive => _options.ReplayTimeToLive;

    /// <inheritdoc/>
    public ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        IdempotencyClaim claim = new(tenant, request, fingerprint, IdempotencyClaimStatus.Owned);
        DateTimeOffset now = _options.TimeProvider.GetUtcNow();
        lock (_lock)
        {
            Forget(now);
            if (!_entries.TryGetValue((tenant, request), out Entry? entry))
            {
                if (_entries.Count >= _capacity)
                {
                    return new(claim with { Status = IdempotencyClaimStatus.Full });
                }

                _entries.Add((tenant, request), entry = new Entry(tenant, request));
            }
            else if (IdempotencyRules.Judge(claim, entry.Fingerprint, entry.Answer, entry.Until > now) is { } known)
            {
                return new(known);
            }

            (entry.Fingerprint, entry.Fence, entry.Until) = (fingerprint, ++_fences, now + lease);
            return new(claim with { Fence = entry.Fence });
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(answer);
        lock (_lock)
        {
            if (Owned(claim) is not { } entry)
            {
                return new(false);
            }

            (entry.Answer, entry.Until) = (answer, _options.TimeProvider.GetUtcNow() + _options.ReplayTimeToLive + IdempotencyStoreOptions.Grace);
            _answered.Enqueue(entry);
            return new(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            return new(Owned(claim) is not null && _entries.Remove((claim.Tenant, claim.Request)));
        }
    }

    private Entry? Owned(IdempotencyClaim claim)
    {
        ArgumentNullException.ThrowIfNull(claim);
        return _entries.TryGetValue((claim.Tenant, claim.Request), out Entry? entry) && entry.Fence == claim.Fence && entry.Answer is null ? entry : null;
    }

    /// <summary>Forgets what has expired for long, and in a full store what has expired at all: all answers live equally long, so that the first is the oldest.</summary>
    private void Forget(DateTimeOffset now)
    {
        while (_answered.TryPeek(out Entry? oldest) && oldest.Until + (_entries.Count < _capacity ? _options.ExpiredTimeToLive : TimeSpan.Zero) <= now)
        {
            _answered.Dequeue();
            _entries.Remove((oldest.Tenant, oldest.Request));
        }
    }

    private sealed class Entry(string tenant, string request)
    {
        internal string Tenant { get; } = tenant;

        internal string Request { get; } = request;

        internal string Fingerprint { get; set; } = "";

        internal long Fence { get; set; }

        /// <summary>The end of the lease, and from the answer on the end of its time.</summary>
        internal DateTimeOffset Until { get; set; }

        internal string? Answer { get; set; }
    }
}
