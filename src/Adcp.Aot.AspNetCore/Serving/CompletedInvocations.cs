namespace Adcp.Aot.AspNetCore;

/// <summary>
/// The last A2A tasks that calls were answered with, so that a client can read them again by <c>GetTask</c>. They are complete, and nothing
/// about them changes. They are kept in this process, within bounds: A2A lets an agent forget tasks. Thread-safe.
/// </summary>
internal sealed class CompletedInvocations
{
    /// <summary>The bytes of one tenant's tasks. The oldest go first.</summary>
    internal const int MaxBytesPerTenant = 2 << 20;

    /// <summary>The bytes of all tasks. The oldest of the tenant that has most go first.</summary>
    internal const int MaxBytes = 32 << 20;

    /// <summary>The size of an entry beside its task.</summary>
    private const int Overhead = 256;

    private readonly Dictionary<string, Tenant> _tenants = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private long _bytes;

    internal void Add(string tenant, string id, ReadOnlyMemory<byte> task)
    {
        int size = task.Length + Overhead;
        if (size > MaxBytesPerTenant)
        {
            return;
        }

        lock (_lock)
        {
            if (!_tenants.TryGetValue(tenant, out Tenant? own))
            {
                _tenants.Add(tenant, own = new Tenant());
            }

            own.Tasks.Add(id, task);
            own.Order.Enqueue(id);
            own.Bytes += size;
            _bytes += size;
            while (own.Bytes > MaxBytesPerTenant)
            {
                Forget(tenant, own);
            }

            while (_bytes > MaxBytes)
            {
                (string name, Tenant most) = _tenants.MaxBy(static each => each.Value.Bytes);
                Forget(name, most);
            }
        }
    }

    /// <returns>The task, a JSON object; <c>null</c> if it is not known.</returns>
    internal ReadOnlyMemory<byte>? Find(string tenant, string id)
    {
        lock (_lock)
        {
            // A plain null would be converted to a memory that is empty.
            return _tenants.GetValueOrDefault(tenant)?.Tasks.TryGetValue(id, out ReadOnlyMemory<byte> task) == true
                ? task
                : (ReadOnlyMemory<byte>?)null;
        }
    }

    private void Forget(string name, Tenant tenant)
    {
        string id = tenant.Order.Dequeue();
        tenant.Tasks.Remove(id, out ReadOnlyMemory<byte> task);
        tenant.Bytes -= task.Length + Overhead;
        _bytes -= task.Length + Overhead;
        if (tenant.Order.Count == 0)
        {
            _tenants.Remove(name);
        }
    }

    private sealed class Tenant
    {
        internal Dictionary<string, ReadOnlyMemory<byte>> Tasks { get; } = new(StringComparer.Ordinal);

        internal Queue<string> Order { get; } = new();

        internal long Bytes { get; set; }
    }
}
