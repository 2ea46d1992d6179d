using System.Data.Common;
using System.Globalization;

namespace Seller;

/// <summary>The creatives of all callers.</summary>
internal sealed class Creatives(DbDataSource source, TimeProvider time) : Table(source)
{
    public Task CreateIfAbsentAsync() => RunAsync(
        "CREATE TABLE IF NOT EXISTS creatives (tenant TEXT NOT NULL, creative_id TEXT NOT NULL, name TEXT NOT NULL, agent_url "
        + "TEXT NOT NULL, format TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, PRIMARY KEY (tenant, creative_id))");

    /// <returns><c>created</c> or <c>updated</c>.</returns>
    public async Task<string> SaveAsync(string tenant, Creative creative, FormatId format)
    {
        string now = time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        string name = creative.Name ?? creative.CreativeId!;
        int changed = await RunAsync(
            "UPDATE creatives SET name = @p3, agent_url = @p4, format = @p5, updated = @p6 WHERE tenant = @p1 AND creative_id = @p2",
            tenant, creative.CreativeId!, name, format.AgentUrl, format.Id, now);
        if (changed > 0)
        {
            return "updated";
        }

        await RunAsync(
            "INSERT INTO creatives VALUES (@p1, @p2, @p3, @p4, @p5, @p6, @p6) ON CONFLICT (tenant, creative_id) DO UPDATE SET name = "
            + "excluded.name, agent_url = excluded.agent_url, format = excluded.format, updated = excluded.updated",
            tenant, creative.CreativeId!, name, format.AgentUrl, format.Id, now);
        return "created";
    }

    public async Task<bool> ContainsAsync(string tenant, string creativeId) =>
        (await ReadAsync(_ => true, "SELECT 1 FROM creatives WHERE tenant = @p1 AND creative_id = @p2", tenant, creativeId)).Count > 0;

    public async Task<int> CountAsync(string tenant) =>
        (await ReadAsync(row => row.GetInt32(0), "SELECT count(*) FROM creatives WHERE tenant = @p1", tenant))[0];

    /// <summary>Returns a page of a caller's creatives, each with its position.</summary>
    public Task<List<(long Place, ListedCreative Row)>> ListAsync(string tenant, long after, int limit) => ReadAsync(
        row => (row.GetInt64(0), new ListedCreative(
            row.GetString(1), row.GetString(2), new FormatId(row.GetString(3), row.GetString(4)), "approved", Time(row, 5), Time(row, 6))),
        "SELECT rowid, creative_id, name, agent_url, format, created, updated FROM creatives WHERE tenant = @p1 AND rowid > @p2 "
        + "ORDER BY rowid LIMIT @p3",
        tenant, after, limit);

    private static DateTimeOffset Time(DbDataReader row, int column) =>
        DateTimeOffset.Parse(row.GetString(column), CultureInfo.InvariantCulture);
}
