namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Keeps requests and answers in the memory of one process. They are lost when it ends. For development, and for
/// sellers whose calls change nothing that outlives the process. Bounded per tenant and in total: if the store is full,
/// a new request is refused, and no known request is forgotten for it. Thread-safe.
/// </summary>
public sealed class InMemoryIdempotencyStore : IIdempotencyStore, IUnresolvedRequestStore
{
    /// <summary>The size of an entry beside its answer.</summary>
    private const int Overhead = 512;

    private readonly Dictionary<string, Tenant> _tenants = new(StringComparer.Ordinal);
    private readonly Queue<(string Tenant, Entry Entry)> _answered = new();
    private readonly Lock _lock = new();
    private readonly IdempotencyStoreOptions _options;
    private readonly InMemoryLimits _limits;
    private int _count;
    private long _bytes;
    private long _fences;

    /// <summary>Creates a store.</summary>
    /// <param name="options">The times for which answers are kept, the limit per tenant, and the clock; null for the
    /// defaults.</param>
    /// <param name="limits">The limits of memory; null for the defaults.</param>
    public InMemoryIdempotencyStore(IdempotencyStoreOptions? options = null, InMemoryLimits? limits = null)
    {
        _options = options ?? new IdempotencyStoreOptions();
        _limits = limits ?? new InMemoryLimits();
    }

    /// <summary>Gets <c>false</c>.</summary>
    public bool IsDurable => false;

    /// <inheritdoc/>
    public TimeSpan ReplayTimeToLive => _options.ReplayTimeToLive;

    /// <inheritdoc/>
    public ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease,
        CancellationToken cancellationToken = default)
    {
        IdempotencyClaim claim = new(tenant, request, fingerprint, IdempotencyClaimStatus.Owned);
        DateTimeOffset now = _options.TimeProvider.GetUtcNow();
        lock (_lock)
        {
            Forget(now);
            Tenant? known = _tenants.GetValueOrDefault(tenant);
            if (known?.Entries.GetValueOrDefault(request) is not { } entry)
            {
                ForgetExpired(tenant, known, now);
                known = _tenants.GetValueOrDefault(tenant);
                if (IsFull(known))
                {
                    return new(claim with { Status = IdempotencyClaimStatus.Full });
                }

                if (known is null)
                {
                    _tenants.Add(tenant, known = new Tenant());
                }

                known.Entries.Add(request, entry = new Entry(request) { BegunAt = now });
                _count++;
                Charge(known, Overhead);
            }
            else
            {
                claim = claim with
                {
                    Status = IdempotencyRules.Judge(entry.Fingerprint == fingerprint, entry.Answer is not null, entry.Until > now),
                };
                if (claim.Status != IdempotencyClaimStatus.Unresolved)
                {
                    return new(claim with
                    {
                        Answer = claim.Status == IdempotencyClaimStatus.Answered ? entry.Answer : null,
                        Wait = claim.Status == IdempotencyClaimStatus.InFlight ? entry.Until - now : TimeSpan.Zero,
                    });
                }

                claim = claim with { EarlierFence = entry.Fence, TaskId = entry.TaskId };
            }

            (entry.Fingerprint, entry.Fence, entry.Until) = (fingerprint, ++_fences, now + lease);
            return new(claim with { Fence = entry.Fence });
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> IsKnownAsync(string tenant, string request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        ArgumentNullException.ThrowIfNull(request);
        lock (_lock)
        {
            Forget(_options.TimeProvider.GetUtcNow());
            return new(_tenants.GetValueOrDefault(tenant)?.Entries.ContainsKey(request) ?? false);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (Owned(claim) is not { Answer: null } entry)
            {
                return new(false);
            }

            entry.Until = _options.TimeProvider.GetUtcNow() + lease;
            return new(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> NoteTaskAsync(IdempotencyClaim claim, string taskId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        lock (_lock)
        {
            if (Owned(claim) is not { Answer: null } entry)
            {
                return new(false);
            }

            entry.TaskId = taskId;
            return new(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> SuspendAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (Owned(claim) is not { Answer: null } entry)
            {
                return new(false);
            }

            entry.Until = DateTimeOffset.MinValue;
            entry.Fence = claim.EarlierFence == 0 ? entry.Fence : claim.EarlierFence;
            return new(true);
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

            if (entry.Answer is not null)
            {
                return new(entry.Answer == answer);
            }

            Answer(claim.Tenant, entry, answer);
            return new(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<RequestsInDoubt> CountUnresolvedAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            DateTimeOffset[] begun = [.. Unresolved().Select(each => each.Entry.BegunAt)];
            return new(new RequestsInDoubt(begun.Length, begun.Length == 0 ? null : begun.Min()));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RequestInDoubt>> ListUnresolvedAsync(int limit, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            return new((RequestInDoubt[])
            [
                .. Unresolved().OrderBy(each => each.Entry.BegunAt).Take(limit).Select(each => new RequestInDoubt(
                    each.Tenant, each.Entry.Request, IdempotencyRules.Label(each.Entry.Request), each.Entry.BegunAt, each.Entry.TaskId)),
            ]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> ResolveAsync(string tenant, string id, string? answer, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (Unresolved().FirstOrDefault(each => each.Tenant == tenant && each.Entry.Request == id).Entry is not { } entry)
            {
                return new(false);
            }

            entry.Fence = ++_fences;
            if (answer is null)
            {
                Remove(tenant, entry);
            }
            else
            {
                Answer(tenant, entry, answer);
            }

            return new(true);
        }
    }

    private IEnumerable<(string Tenant, Entry Entry)> Unresolved()
    {
        DateTimeOffset now = _options.TimeProvider.GetUtcNow();
        return _tenants.SelectMany(tenant => tenant.Value.Entries.Values.Select(entry => (tenant.Key, entry)))
            .Where(each => each.entry.Answer is null && each.entry.Until <= now);
    }

    private void Answer(string name, Entry entry, string answer)
    {
        (entry.Answer, entry.Until) =
            (answer, _options.TimeProvider.GetUtcNow() + _options.ReplayTimeToLive + IdempotencyStoreOptions.Grace);
        Tenant tenant = _tenants[name];
        Charge(tenant, 2L * answer.Length);
        tenant.Answered.Enqueue(entry);
        _answered.Enqueue((name, entry));
        if (_answered.Count > (2 * _count) + 1024)
        {
            // Most entries of the queue were forgotten early.
            (string, Entry)[] kept = [.. _answered.Where(each => !each.Entry.IsForgotten)];
            _answered.Clear();
            Array.ForEach(kept, _answered.Enqueue);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (Owned(claim) is not { Answer: null } entry)
            {
                return new(false);
            }

            Remove(claim.Tenant, entry);
            return new(true);
        }
    }

    private Entry? Owned(IdempotencyClaim claim)
    {
        ArgumentNullException.ThrowIfNull(claim);
        Entry? entry = _tenants.GetValueOrDefault(claim.Tenant)?.Entries.GetValueOrDefault(claim.Request);
        return entry?.Fence == claim.Fence ? entry : null;
    }

    private bool IsFull(Tenant? tenant) =>
        _count >= _limits.Capacity || _bytes >= _limits.MaxBytes
        || (tenant is not null
            && (tenant.Entries.Count >= Math.Min(_limits.CapacityPerTenant, _options.MaxRequestsPerTenant)
                || tenant.Bytes >= _limits.MaxBytesPerTenant));

    /// <summary>
    /// Forgets the entries of every tenant that have expired for long. All answers live equally long, so the first is
    /// the oldest.
    /// </summary>
    private void Forget(DateTimeOffset now)
    {
        while (_answered.TryPeek(out (string Tenant, Entry Entry) oldest)
            && (oldest.Entry.IsForgotten || oldest.Entry.Until + _options.ExpiredTimeToLive <= now))
        {
            _answered.Dequeue();
            Remove(oldest.Tenant, oldest.Entry);
        }
    }

    /// <summary>Forgets every expired entry of a tenant that has no room for a new request.</summary>
    private void ForgetExpired(string name, Tenant? tenant, DateTimeOffset now)
    {
        while (tenant is not null && tenant.Answered.TryPeek(out Entry? oldest)
            && (oldest.IsForgotten || (IsFull(tenant) && oldest.Until <= now)))
        {
            tenant.Answered.Dequeue();
            Remove(name, oldest);
        }
    }

    private void Remove(string name, Entry entry)
    {
        if (entry.IsForgotten)
        {
            return;
        }

        entry.IsForgotten = true;
        Tenant tenant = _tenants[name];
        tenant.Entries.Remove(entry.Request);
        _count--;
        Charge(tenant, -Overhead - (2L * (entry.Answer?.Length ?? 0)));
        entry.Answer = null;
        if (tenant.Entries.Count == 0)
        {
            _tenants.Remove(name);
        }
    }

    private void Charge(Tenant tenant, long bytes)
    {
        tenant.Bytes += bytes;
        _bytes += bytes;
    }

    private sealed class Tenant
    {
        internal Dictionary<string, Entry> Entries { get; } = new(StringComparer.Ordinal);

        internal Queue<Entry> Answered { get; } = new();

        internal long Bytes { get; set; }
    }

    private sealed class Entry(string request)
    {
        internal string Request { get; } = request;

        internal DateTimeOffset BegunAt { get; init; }

        internal string Fingerprint { get; set; } = "";

        internal long Fence { get; set; }

        /// <summary>The end of the lease. After the answer, the end of its time.</summary>
        internal DateTimeOffset Until { get; set; }

        internal string? Answer { get; set; }

        internal string? TaskId { get; set; }

        internal bool IsForgotten { get; set; }
    }
}
