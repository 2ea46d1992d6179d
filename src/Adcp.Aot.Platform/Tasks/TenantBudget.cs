namespace Adcp.Aot.Platform;

/// <summary>
/// Counts the items and bytes that tenants hold, and refuses an item over the bound of a tenant or of all. If a tenant
/// holds nothing, it may take one item of any size, so that no item waits forever. Memory is bounded by the items held.
/// Thread-safe.
/// </summary>
internal sealed class TenantBudget(
    int perTenant, int total = int.MaxValue, long bytesPerTenant = long.MaxValue, long totalBytes = long.MaxValue)
{
    private readonly Dictionary<string, (int Count, long Bytes)> _held = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private int _count;
    private long _bytes;

    /// <summary>Gets whether all tenants together hold as many items as they may. Read-only.</summary>
    internal bool IsFull
    {
        get
        {
            lock (_lock)
            {
                return _count >= total;
            }
        }
    }

    /// <summary>Reserves room for one item. The caller returns it with <see cref="Return"/>.</summary>
    internal bool TryTake(string tenant, long bytes = 0)
    {
        lock (_lock)
        {
            (int count, long held) = _held.GetValueOrDefault(tenant);
            bool fits = (count == 0 || (count < perTenant && held + bytes <= bytesPerTenant))
                && (_count == 0 || (_count < total && _bytes + bytes <= totalBytes));
            if (fits)
            {
                Add(tenant, count, held, bytes);
            }

            return fits;
        }
    }

    /// <summary>
    /// Reserves room even if there is none: for an item that was promised before and cannot wait elsewhere.
    /// </summary>
    internal void Take(string tenant, long bytes)
    {
        lock (_lock)
        {
            (int count, long held) = _held.GetValueOrDefault(tenant);
            Add(tenant, count, held, bytes);
        }
    }

    /// <summary>Returns whether a small item would fit now. Read-only.</summary>
    internal bool HasRoom(string tenant)
    {
        lock (_lock)
        {
            (int count, long held) = _held.GetValueOrDefault(tenant);
            return count < perTenant && held < bytesPerTenant && _count < total && _bytes < totalBytes;
        }
    }

    internal void Return(string tenant, long bytes = 0)
    {
        lock (_lock)
        {
            (int count, long held) = _held[tenant];
            _count--;
            _bytes -= bytes;
            if (count == 1)
            {
                _held.Remove(tenant);
            }
            else
            {
                _held[tenant] = (count - 1, held - bytes);
            }
        }
    }

    private void Add(string tenant, int count, long held, long bytes)
    {
        _held[tenant] = (count + 1, held + bytes);
        _count++;
        _bytes += bytes;
    }
}
