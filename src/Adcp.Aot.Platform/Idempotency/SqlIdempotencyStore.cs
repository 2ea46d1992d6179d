using System.Data.Common;
using Adcp.Aot.Storage;
using Adcp.Aot.Storage.A2A;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Requests and answers in the table <c>adcp_idempotency</c> of SQLite, PostgreSQL or MySQL/MariaDB: they outlive the process, and several processes share them. Of claims that race, the row that is
/// saved first owns the request. Thread-safe.
/// </summary>
public sealed class SqlIdempotencyStore : IIdempotencyStore, IExpiringStore
{
    private readonly KeptRequests _requests;
    private readonly IdempotencyStoreOptions _options;

    /// <summary>Opens a store; the table is <see cref="CreateIfAbsentAsync"/>'s.</summary>
    /// <param name="source">Opens connections; it stays yours to dispose.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="options">How long answers are kept, and the clock; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is none of the three.</exception>
    public SqlIdempotencyStore(DbDataSource source, SqlDialect dialect, IdempotencyStoreOptions? options = null)
    {
        _options = options ?? new IdempotencyStoreOptions();
        _requests = new KeptRequests(source, dialect, new TaskStoreOptions
        {
            TimeProvider = _options.TimeProvider,
            TimeToLive = _options.ReplayTimeToLive + IdempotencyStoreOptions.Grace + _options.ExpiredTimeToLive,
            UnfinishedTimeToLive = _options.ReplayTimeToLive,
        });
    }

    /// <summary>True.</summary>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public TimeSpan ReplayTimeToLive => _options.ReplayTimeToLive;

    /// <inheritdoc/>
    public int PurgeBatchSize => _requests.PurgeBatchSize;

    /// <summary>Creates table and indexes where they are absent.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">The database has a newer version of the table than this program knows.</exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) => _requests.CreateIfAbsentAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused it or is gone.</exception>
    public async ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        IdempotencyClaim claim = new(tenant, request, fingerprint, IdempotencyClaimStatus.Owned);
        while (true)
        {
            StoredTask<KeptRequest>? stored = await _requests.GetAsync(scope, request, cancellationToken).ConfigureAwait(false);
            long now = Now();
            if (stored?.Task is { } kept && IdempotencyRules.Judge(claim, kept.Fingerprint, kept.Answer, kept.Until > now) is { } known)
            {
                return known;
            }

            KeptRequest mine = new(request, fingerprint, now + Milliseconds(lease));
            TaskSave save = await _requests.SaveAsync(scope, mine, stored?.Version ?? 0, cancellationToken).ConfigureAwait(false);
            if (save.Status == TaskSaveStatus.Saved)
            {
                return claim with { Fence = save.Version };
            }

            // Another claim, or a purge, came in between.
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused it or is gone.</exception>
    public ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        ArgumentNullException.ThrowIfNull(answer);
        long until = Now() + Milliseconds(_options.ReplayTimeToLive + IdempotencyStoreOptions.Grace);
        return SettleAsync(claim, new KeptRequest(claim.Request, claim.Fingerprint, until, answer), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused it or is gone.</exception>
    public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        return SettleAsync(claim, new KeptRequest(claim.Request, claim.Fingerprint, 0), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default) => _requests.PurgeAsync(cancellationToken);

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    private async ValueTask<bool> SettleAsync(IdempotencyClaim claim, KeptRequest settled, CancellationToken cancellationToken) =>
        claim.Fence > 0
        && (await _requests.SaveAsync(StoreScope.Of(claim.Tenant), settled, claim.Fence, cancellationToken).ConfigureAwait(false)).Status == TaskSaveStatus.Saved;

    private long Now() => _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
}
