using Adcp.Aot.Operations;

namespace Adcp.Aot.Storage;

/// <summary>Finds the webhook of an idempotency key, which is encrypted in its row. Thread-safe.</summary>
/// <remarks>
/// <para>
/// Parked rows and dead letters carry a hash of the key, so that an index finds them. Two kinds of rows have none, and are opened one by
/// one up to a limit: rows that an earlier version wrote or that no worker could read, and rows of the log. The log has no hash because
/// nearly all of its rows are delivered within milliseconds.
/// </para>
/// <para>
/// Without the encryption keys a row is found by its hash alone. Two keys with one hash are as unlikely as two equal random numbers of
/// 64 bits.
/// </para>
/// </remarks>
internal sealed class OutboxKeySearch(OutboxStore store, OutboxSeal? seal, DeadLetters deadLetters)
{
    /// <summary>The most dead letters and parked rows of one key.</summary>
    private const int MaxSame = 100;

    /// <summary>The most dead letters, and the most parked rows, without a hash that are opened.</summary>
    private const int MaxWithoutHash = 1_000;

    /// <summary>The most rows of the log that are read.</summary>
    private const int MaxLogRows = 100_000;

    /// <summary>The bytes of rows of the log from which a search ends.</summary>
    private const long MaxLogBytes = 256 << 20;

    /// <summary>Finds the newest webhook of a key, as it is in the store.</summary>
    /// <param name="query">The key, and perhaps its tenant or dead letter.</param>
    /// <param name="indexOnly">Whether not to open rows one by one: the delivery has succeeded and is probably gone.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    /// <returns>The webhook; <see langword="null"/> if it was not found.</returns>
    internal async ValueTask<StoredWebhook?> FindAsync(DeliveryQuery query, bool indexOnly, CancellationToken cancellationToken)
    {
        if (query.DeadLetterId is { } id
            && await deadLetters.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } letter
            && letter.IdempotencyKey == query.IdempotencyKey)
        {
            return new StoredWebhook(letter, null, []);
        }

        Search search = new(query.IdempotencyKey, query.Tenant is { } tenant ? OutboxHash.Tenant(tenant) : null);
        StoredWebhook? found = await FindByHashAsync(search, cancellationToken).ConfigureAwait(false);
        if (found is not null || indexOnly || seal is null)
        {
            return found;
        }

        // A row that a worker moves meanwhile is found at its new place.
        return await FindWithoutHashAsync(search, cancellationToken).ConfigureAwait(false)
            ?? await FindInLogAsync(search, cancellationToken).ConfigureAwait(false)
            ?? await FindByHashAsync(search, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<StoredWebhook?> FindByHashAsync(Search search, CancellationToken cancellationToken) => Newest(
        await ListAsync(search, OutboxHash.IdempotencyKey(search.Key), MaxSame, mayBeUnreadable: true, cancellationToken)
            .ConfigureAwait(false));

    private async ValueTask<StoredWebhook?> FindWithoutHashAsync(Search search, CancellationToken cancellationToken) => Newest(
        await ListAsync(search, keyHash: null, MaxWithoutHash, mayBeUnreadable: false, cancellationToken).ConfigureAwait(false));

    private async ValueTask<StoredWebhook?> FindInLogAsync(Search search, CancellationToken cancellationToken)
    {
        Guid installation = await store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        WaitingWebhook? found = null;
        await store.SearchLogAsync(
            search.Tenant, MaxLogRows, MaxLogBytes,
            row =>
            {
                WaitingWebhook webhook = row.Describe(seal, installation);
                found = webhook.IdempotencyKey == search.Key ? webhook : null;
                return found is not null;
            },
            cancellationToken).ConfigureAwait(false);
        return found is null ? null : new StoredWebhook(null, found, []);
    }

    /// <summary>Lists the rows with a hash, or without one, that have the key.</summary>
    private async ValueTask<List<StoredWebhook>> ListAsync(
        Search search, long? keyHash, int limit, bool mayBeUnreadable, CancellationToken cancellationToken)
    {
        Guid installation = await store.InstallationAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<(WaitingWebhook Webhook, long Tenant)> parked = await store.ListParkedByKeyAsync(
            keyHash, limit, row => (row.Describe(seal, installation), row.Tenant), cancellationToken).ConfigureAwait(false);

        // After the parked rows, so that a row that dies meanwhile is not missed.
        IReadOnlyList<(DeadLetter Letter, long Tenant)> dead =
            await deadLetters.ListByKeyAsync(keyHash, limit, cancellationToken).ConfigureAwait(false);
        return
        [
            .. parked.Where(row => IsMeant(row.Webhook.IdempotencyKey)).Select(row => new StoredWebhook(null, row.Webhook, [])
            {
                IsOfTenant = search.Admits(row.Tenant),
            }),
            .. dead.Where(row => IsMeant(row.Letter.IdempotencyKey)).Select(row => new StoredWebhook(row.Letter, null, [])
            {
                IsOfTenant = search.Admits(row.Tenant),
            }),
        ];

        bool IsMeant(string? key) => key is null ? mayBeUnreadable : key == search.Key;
    }

    /// <summary>Returns the newest webhook of the tenant, with the names of the other tenants that have one under the same key.</summary>
    private static StoredWebhook? Newest(List<StoredWebhook> rows)
    {
        StoredWebhook? newest = rows.Where(static row => row.IsOfTenant).MaxBy(static row => row.Id);
        return newest is null ? null : newest with
        {
            OtherTenants =
            [
                .. rows.Select(static row => row.Tenant).OfType<string>().Where(tenant => tenant != newest.Tenant)
                    .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
            ],
        };
    }

    private sealed record Search(string Key, long? Tenant)
    {
        internal bool Admits(long tenant) => (Tenant ?? tenant) == tenant;
    }
}

/// <summary>A webhook that was found: a dead letter, or one that waits.</summary>
internal sealed record StoredWebhook(DeadLetter? Letter, WaitingWebhook? Waiting, IReadOnlyList<string> OtherTenants)
{
    /// <summary>Gets whether it is of the tenant that was searched.</summary>
    internal bool IsOfTenant { get; init; } = true;

    internal long Id => Letter?.Id ?? Waiting!.Id;

    internal string? Tenant => Letter is null ? Waiting!.Tenant : Letter.Tenant;
}
