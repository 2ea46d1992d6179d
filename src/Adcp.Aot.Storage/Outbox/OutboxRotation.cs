using System.Diagnostics.CodeAnalysis;

namespace Adcp.Aot.Storage;

/// <summary>
/// Holds the endpoints that have ready rows of one kind: fresh rows, retries or suspects. Tenants take turns, and within a tenant its
/// endpoints. A part of <see cref="OutboxSchedule"/>, called under its lock.
/// </summary>
/// <remarks>
/// A tenant that may not begin an attempt now is passed over in one step, however many endpoints it has, and these keep their turns. An
/// endpoint that may not begin one leaves the rotation, and is added again when one of its attempts has ended.
/// </remarks>
/// <param name="rowsOf">Returns the rows of this kind.</param>
/// <param name="mayBeginOf">Returns whether an attempt of a tenant may begin now.</param>
/// <param name="mayBegin">Returns whether an attempt of an endpoint may begin now.</param>
internal sealed class OutboxRotation(
    Func<OutboxEndpoint, OutboxRowQueue> rowsOf, Func<OutboxTenant, bool> mayBeginOf, Func<OutboxEndpoint, bool> mayBegin)
{
    private readonly Queue<OutboxTenant> _turns = new();
    private readonly Dictionary<OutboxTenant, Queue<OutboxEndpoint>> _byTenant = [];
    private Queue<OutboxEndpoint>? _spare;

    /// <summary>Adds an endpoint, unless it is listed, has no row, or may not begin an attempt.</summary>
    internal void Add(OutboxEndpoint endpoint)
    {
        OutboxRowQueue rows = rowsOf(endpoint);
        if (rows.IsListed || rows.Count == 0 || !mayBegin(endpoint))
        {
            return;
        }

        if (!_byTenant.TryGetValue(endpoint.Tenant, out Queue<OutboxEndpoint>? endpoints))
        {
            endpoints = _spare ?? new Queue<OutboxEndpoint>();
            _spare = null;
            _byTenant.Add(endpoint.Tenant, endpoints);
            _turns.Enqueue(endpoint.Tenant);
        }

        rows.IsListed = true;
        endpoints.Enqueue(endpoint);
    }

    /// <summary>Takes the next row. Its endpoint is to be added again when the attempt was counted.</summary>
    internal bool TryTake([NotNullWhen(true)] out OutboxEndpoint? endpoint, [NotNullWhen(true)] out OutboxRow? row)
    {
        for (int turns = _turns.Count; turns > 0; turns--)
        {
            OutboxTenant tenant = _turns.Dequeue();
            Queue<OutboxEndpoint> endpoints = _byTenant[tenant];
            while (mayBeginOf(tenant) && endpoints.TryDequeue(out endpoint))
            {
                OutboxRowQueue rows = rowsOf(endpoint);
                rows.IsListed = false;
                if (mayBegin(endpoint) && rows.TryDequeue(out row))
                {
                    _turns.Enqueue(tenant);
                    return true;
                }
            }

            if (endpoints.Count > 0)
            {
                _turns.Enqueue(tenant);
            }
            else
            {
                _byTenant.Remove(tenant);
                _spare = endpoints;
            }
        }

        endpoint = null;
        row = null;
        return false;
    }
}
