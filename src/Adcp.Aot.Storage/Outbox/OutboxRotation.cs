using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Storage;

/// <summary>Holds the endpoints that have a ready row, by tenant: one turn for each tenant, and within it one for each endpoint.</summary>
internal sealed class OutboxRotation
{
    private readonly Queue<OutboxTenant> _turns = new();
    private readonly Dictionary<OutboxTenant, Queue<OutboxEndpoint>> _byTenant = [];

    internal int Count { get; private set; }

    internal void Add(OutboxEndpoint endpoint)
    {
        Count++;
        if (!_byTenant.TryGetValue(endpoint.Tenant, out Queue<OutboxEndpoint>? queue))
        {
            queue = new Queue<OutboxEndpoint>();
            _byTenant.Add(endpoint.Tenant, queue);
            _turns.Enqueue(endpoint.Tenant);
        }

        queue.Enqueue(endpoint);
    }

    internal bool TryTake([NotNullWhen(true)] out OutboxEndpoint? endpoint)
    {
        endpoint = null;
        if (!_turns.TryDequeue(out OutboxTenant? tenant))
        {
            return false;
        }

        Queue<OutboxEndpoint> queue = _byTenant[tenant];
        endpoint = queue.Dequeue();
        Count--;
        if (queue.Count == 0)
        {
            _byTenant.Remove(tenant);
        }
        else
        {
            _turns.Enqueue(tenant);
        }

        return true;
    }
}
