namespace Adcp.Aot.Platform;

/// <summary>
/// Bounds the rows of a tenant in a store that other processes write too. The rows are counted when a tenant is first
/// seen and again after a minute. Rows that this process adds in between are added to the count. So the bound is exact
/// for one process, except for rows that are being added when the count begins, and approximate for several. Thread-safe.
/// </summary>
internal sealed class CountedQuota(int limit, Func<string, int, CancellationToken, ValueTask<int>> count, TimeProvider time)
{
    private const int MaxTenants = 10_000;

    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, Entry> _tenants = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Returns whether the tenant may have one more row, and counts it.</summary>
    internal async ValueTask<bool> TryTakeAsync(string tenant, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_tenants.TryGetValue(tenant, out Entry known) && time.GetElapsedTime(known.CountedAt) < Freshness)
            {
                return Take(tenant, known);
            }
        }

        int rows = await count(tenant, limit, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            // Of calls that count at a time the first one's count holds, with what was taken since. Their own is older.
            if (_tenants.TryGetValue(tenant, out Entry meanwhile) && time.GetElapsedTime(meanwhile.CountedAt) < Freshness)
            {
                return Take(tenant, meanwhile);
            }

            if (_tenants.Count >= MaxTenants)
            {
                _tenants.Clear();
            }

            return Take(tenant, new Entry(rows, time.GetTimestamp()));
        }
    }

    /// <summary>Counts one row less.</summary>
    internal void Return(string tenant)
    {
        lock (_lock)
        {
            if (_tenants.TryGetValue(tenant, out Entry known) && known.Count > 0)
            {
                _tenants[tenant] = known with { Count = known.Count - 1 };
            }
        }
    }

    private bool Take(string tenant, Entry entry)
    {
        bool fits = entry.Count < limit;
        _tenants[tenant] = fits ? entry with { Count = entry.Count + 1 } : entry;
        return fits;
    }

    private readonly record struct Entry(int Count, long CountedAt);
}
