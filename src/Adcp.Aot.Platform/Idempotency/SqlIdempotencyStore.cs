using System.Buffers.Binary;
using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Keeps requests and answers in the table <c>adcp_idempotency</c> of SQLite, PostgreSQL or MySQL/MariaDB. They outlive
/// the process, and several processes share them. If claims race, the row that is saved first owns the request.
/// Thread-safe.
/// </summary>
public sealed class SqlIdempotencyStore : IIdempotencyStore, IExpiringStore, IStoreTables
{
    /// <summary>The number of tries of a claim if the database fails.</summary>
    private const int MaxFaults = 3;

    private readonly KeptRequests _requests;
    private readonly IdempotencyStoreOptions _options;
    private readonly CountedQuota _quota;

    /// <summary>Creates a store. <see cref="CreateIfAbsentAsync"/> creates its table.</summary>
    /// <param name="source">Opens connections. The caller disposes it.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="options">The times for which answers are kept, and the clock; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is not one of the three.</exception>
    public SqlIdempotencyStore(DbDataSource source, SqlDialect dialect, IdempotencyStoreOptions? options = null)
    {
        _options = options ?? new IdempotencyStoreOptions();
        _requests = new KeptRequests(source, dialect, new TaskStoreOptions
        {
            TimeProvider = _options.TimeProvider,
            TimeToLive = _options.ReplayTimeToLive + IdempotencyStoreOptions.Grace + _options.ExpiredTimeToLive,
            UnfinishedTimeToLive = _options.ReplayTimeToLive,
        });
        _quota = new CountedQuota(
            _options.MaxRequestsPerTenant,
            (tenant, limit, token) => _requests.CountAsync(StoreScope.Of(tenant), new TaskQuery(), limit, token),
            _options.TimeProvider);
    }

    /// <summary>Gets <c>true</c>.</summary>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public TimeSpan ReplayTimeToLive => _options.ReplayTimeToLive;

    /// <inheritdoc/>
    public int PurgeBatchSize => _requests.PurgeBatchSize;

    /// <summary>Creates table and indexes if they are absent.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">The database has a newer version of the table than this program knows.</exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) => _requests.CreateIfAbsentAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease,
        CancellationToken cancellationToken = default)
    {
        StoreScope scope = StoreScope.Of(tenant);
        IdempotencyClaim claim = new(tenant, request, fingerprint, IdempotencyClaimStatus.Owned, Random());
        bool isCounted = false;
        for (int faults = 0; ;)
        {
            try
            {
                StoredTask<KeptRequest>? stored = await _requests.GetAsync(scope, request, cancellationToken).ConfigureAwait(false);
                if (stored?.Task is { Answer: null } mine && mine.Owner == claim.Fence)
                {
                    // Saved by an earlier turn whose answer was lost.
                    return claim;
                }

                long now = Now();
                if (stored?.Task is { } kept && IdempotencyRules.Judge(claim, kept.Fingerprint, kept.Answer, kept.Until > now) is { } known)
                {
                    return Uncounted(known);
                }

                if (stored is null && !isCounted)
                {
                    isCounted = await _quota.TryTakeAsync(tenant, cancellationToken).ConfigureAwait(false);
                    if (!isCounted)
                    {
                        return claim with { Status = IdempotencyClaimStatus.Full, Fence = 0 };
                    }
                }

                KeptRequest claimed = new(request, fingerprint, now + Milliseconds(lease), Owner: claim.Fence);
                TaskSave save = await _requests.SaveAsync(scope, claimed, stored?.Version ?? 0, cancellationToken).ConfigureAwait(false);
                if (save.Status == TaskSaveStatus.Saved)
                {
                    return claim;
                }

                // Another claim, or a purge, came in between.
            }
            catch (DbException) when (++faults < MaxFaults)
            {
                // A stale connection, or a commit whose answer was lost: reading shows which.
            }
        }

        IdempotencyClaim Uncounted(IdempotencyClaim known)
        {
            if (isCounted)
            {
                _quota.Return(tenant);
            }

            return known with { Fence = 0 };
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        return ChangeAsync(claim, null, kept => kept with { Until = Now() + Milliseconds(lease) }, cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        ArgumentNullException.ThrowIfNull(answer);
        return ChangeAsync(
            claim,
            answer,
            kept => kept with { Until = Now() + Milliseconds(_options.ReplayTimeToLive + IdempotencyStoreOptions.Grace), Answer = answer },
            cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        return ChangeAsync(claim, null, kept => kept with { Until = 0, Owner = 0 }, cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The table is missing, or the database cannot be reached.</exception>
    public async ValueTask CheckAsync(CancellationToken cancellationToken = default) =>
        await _requests.GetAsync(StoreScope.Of("boot"), "boot", cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default) => _requests.PurgeAsync(cancellationToken);

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>Returns a random number. Never 0, which stands for no claim.</summary>
    private static long Random() => BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(long))) | 1;

    /// <summary>
    /// Changes the row of a claim if the claim still owns it. Reads first, because the answer to an earlier change may
    /// have been lost.
    /// </summary>
    /// <param name="claim">The claim.</param>
    /// <param name="answer">The answer that the change keeps; null if it keeps none.</param>
    /// <param name="change">The change.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    private async ValueTask<bool> ChangeAsync(
        IdempotencyClaim claim, string? answer, Func<KeptRequest, KeptRequest> change, CancellationToken cancellationToken)
    {
        StoreScope scope = StoreScope.Of(claim.Tenant);
        while (claim.Fence != 0)
        {
            if (await _requests.GetAsync(scope, claim.Request, cancellationToken).ConfigureAwait(false) is not { } stored
                || stored.Task.Owner != claim.Fence)
            {
                return false;
            }

            if (stored.Task.Answer is { } kept)
            {
                return kept == answer;
            }

            TaskSave save = await _requests.SaveAsync(scope, change(stored.Task), stored.Version, cancellationToken).ConfigureAwait(false);
            if (save.Status == TaskSaveStatus.Saved)
            {
                return true;
            }
        }

        return false;
    }

    private long Now() => _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
}
