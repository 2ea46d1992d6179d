using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Storage;

namespace Seller;

/// <summary>A kept media buy, with the task that completes it, and the webhook for its reports.</summary>
internal sealed record KeptBuy(string Tenant, string? TaskId, CreateMediaBuyResponse Buy, ReportingWebhook? Reporting, bool IsActive)
{
    public string Currency { get; init; } = "USD";

    public DateTimeOffset? Start { get; init; }

    public DateTimeOffset? End { get; init; }

    /// <summary>The identity of the request that made it, by which a repetition finds it.</summary>
    public string? Request { get; init; }

    public override string ToString() => Buy.MediaBuyId ?? "";
}

/// <summary>
/// The media buys of all callers. The content of a row is encrypted, because a reporting webhook has a token and credentials.
/// </summary>
internal sealed class MediaBuys(DbDataSource source, SecretsAtRest secrets) : Table(source)
{
    /// <summary>A request makes one media buy: a second row of it is refused.</summary>
    public async Task CreateIfAbsentAsync()
    {
        await RunAsync(
            "CREATE TABLE IF NOT EXISTS media_buys (tenant TEXT NOT NULL, media_buy_id TEXT NOT NULL, is_active INTEGER NOT NULL, kept "
            + "TEXT NOT NULL, request TEXT, PRIMARY KEY (tenant, media_buy_id))");
        await RunAsync("CREATE UNIQUE INDEX IF NOT EXISTS media_buys_by_request ON media_buys (tenant, request)");
    }

    public Task SaveAsync(KeptBuy buy) => RunAsync(
        "INSERT INTO media_buys VALUES (@p1, @p2, @p3, @p4, NULLIF(@p5, '')) ON CONFLICT (tenant, media_buy_id) DO UPDATE SET is_active = "
        + "excluded.is_active, kept = excluded.kept",
        buy.Tenant,
        buy.Buy.MediaBuyId!,
        buy.IsActive ? 1 : 0,
        secrets.Protect(JsonSerializer.Serialize(buy, SellerJson.Default.KeptBuy), buy.Tenant, buy.Buy.MediaBuyId!)!,
        buy.Request ?? "");

    /// <summary>Returns the media buy that a request made; <c>null</c> for none.</summary>
    public async Task<KeptBuy?> OfRequestAsync(string tenant, string request) => (await ReadAsync(
        row => Opened(row, 0), "SELECT tenant, media_buy_id, kept FROM media_buys WHERE tenant = @p1 AND request = @p2", tenant, request))
        .SingleOrDefault();

    public Task DeleteAsync(KeptBuy buy) =>
        RunAsync("DELETE FROM media_buys WHERE tenant = @p1 AND media_buy_id = @p2", buy.Tenant, buy.Buy.MediaBuyId!);

    /// <summary>Returns a page of a caller's active media buys, of all or of some ids, each with its position.</summary>
    public Task<List<(long Place, KeptBuy Row)>> ActiveAsync(string tenant, IReadOnlyList<string>? ids, long after, int limit)
    {
        string some = ids is null ? "" : $" AND media_buy_id IN ({string.Join(", ", ids.Select((_, i) => $"@p{i + 4}"))})";
        return ReadAsync(
            row => (row.GetInt64(0), Opened(row, 1)),
            $"SELECT rowid, tenant, media_buy_id, kept FROM media_buys WHERE is_active = 1 AND tenant = @p1 AND rowid > @p2{some} "
            + "ORDER BY rowid LIMIT @p3",
            [tenant, after, limit, .. ids ?? []]);
    }

    /// <summary>Returns all callers' media buys that were in trafficking when the process ended.</summary>
    public Task<List<KeptBuy>> PendingAsync() => ReadAsync(
        row => Opened(row, 0), "SELECT tenant, media_buy_id, kept FROM media_buys WHERE is_active = 0 ORDER BY rowid");

    private KeptBuy Opened(DbDataReader row, int first) => JsonSerializer.Deserialize(
        secrets.Reveal(row.GetString(first + 2), row.GetString(first), row.GetString(first + 1))!, SellerJson.Default.KeptBuy)!;
}
