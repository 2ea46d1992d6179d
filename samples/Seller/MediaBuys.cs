using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Storage;

namespace Seller;

/// <summary>A kept media buy, with the task that completes it, and the webhook for its reports.</summary>
internal sealed record KeptBuy(string Tenant, string? TaskId, CreateMediaBuyResponse Buy, ReportingWebhook? Reporting, bool IsActive)
{
    public override string ToString() => Buy.MediaBuyId;
}

/// <summary>
/// The media buys, in a table of the seller's own. The content of a row is encrypted, because a reporting webhook has a
/// token and credentials.
/// </summary>
internal sealed class MediaBuys(DbDataSource source, SecretsAtRest secrets)
{
    public Task CreateIfAbsentAsync() => RunAsync(
        "CREATE TABLE IF NOT EXISTS media_buys (tenant TEXT NOT NULL, media_buy_id TEXT NOT NULL, is_active INTEGER NOT NULL, kept "
        + "TEXT NOT NULL, PRIMARY KEY (tenant, media_buy_id))");

    public Task SaveAsync(KeptBuy buy) => RunAsync(
        "INSERT INTO media_buys VALUES (@p1, @p2, @p3, @p4) ON CONFLICT (tenant, media_buy_id) DO UPDATE SET is_active = "
        + "excluded.is_active, kept = excluded.kept",
        buy.Tenant,
        buy.Buy.MediaBuyId,
        buy.IsActive ? 1 : 0,
        secrets.Protect(JsonSerializer.Serialize(buy, SellerJson.Default.KeptBuy), buy.Tenant, buy.Buy.MediaBuyId)!);

    public Task DeleteAsync(KeptBuy buy) =>
        RunAsync("DELETE FROM media_buys WHERE tenant = @p1 AND media_buy_id = @p2", buy.Tenant, buy.Buy.MediaBuyId);

    /// <summary>
    /// Returns a page of a caller's active media buys: their ids, each with the position at which the next page would
    /// begin.
    /// </summary>
    public async Task<List<(long Place, string MediaBuyId)>> ActiveAsync(string tenant, long after, int limit)
    {
        await using DbCommand command = Command(
            "SELECT rowid, media_buy_id FROM media_buys WHERE is_active = 1 AND tenant = @p1 AND rowid > @p2 ORDER BY rowid LIMIT @p3",
            [tenant, after, limit]);
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        List<(long, string)> ids = [];
        while (await reader.ReadAsync())
        {
            ids.Add((reader.GetInt64(0), reader.GetString(1)));
        }

        return ids;
    }

    /// <summary>Returns all callers' media buys that were in trafficking when the process ended.</summary>
    public Task<List<KeptBuy>> PendingAsync() =>
        ReadAsync("SELECT tenant, media_buy_id, kept FROM media_buys WHERE is_active = 0 ORDER BY rowid");

    private async Task RunAsync(string sql, params object[] values)
    {
        await using DbCommand command = Command(sql, values);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<List<KeptBuy>> ReadAsync(string sql, params object[] values)
    {
        await using DbCommand command = Command(sql, values);
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        List<KeptBuy> buys = [];
        while (await reader.ReadAsync())
        {
            buys.Add(JsonSerializer.Deserialize(secrets.Reveal(reader.GetString(2), reader.GetString(0), reader.GetString(1))!,
                SellerJson.Default.KeptBuy)!);
        }

        return buys;
    }

    private DbCommand Command(string sql, object[] values)
    {
        DbCommand command = source.CreateCommand(sql);
        for (int i = 0; i < values.Length; i++)
        {
            DbParameter parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = ($"@p{i + 1}", values[i]);
            command.Parameters.Add(parameter);
        }

        return command;
    }
}
