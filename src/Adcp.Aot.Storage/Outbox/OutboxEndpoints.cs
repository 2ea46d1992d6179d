namespace Adcp.Aot.Storage;

/// <summary>
/// Remembers the endpoints that have rows in memory or parked rows, and their tenants. A part of <see cref="OutboxSchedule"/>, called
/// under its lock.
/// </summary>
internal sealed class OutboxEndpoints(TimeProvider time)
{
    private readonly Dictionary<long, OutboxEndpoint> _endpoints = [];
    private readonly Dictionary<long, OutboxTenant> _tenants = [];
    private readonly HashSet<long> _isolated = [];
    private volatile bool _hasIsolated;

    internal IEnumerable<OutboxEndpoint> All => _endpoints.Values;

    internal IEnumerable<OutboxTenant> Tenants => _tenants.Values;

    /// <summary>Gets whether any endpoint is isolated. May be read without the lock.</summary>
    internal bool HasIsolated => _hasIsolated;

    /// <summary>Returns whether an operator isolated an endpoint.</summary>
    internal bool IsIsolated(long key) => _isolated.Contains(key);

    /// <summary>Notes that an operator isolated an endpoint, which may not be known yet.</summary>
    /// <returns>The endpoint; <see langword="null"/> if it is not remembered.</returns>
    internal OutboxEndpoint? Isolate(long key)
    {
        _isolated.Add(key);
        _hasIsolated = true;
        OutboxEndpoint? endpoint = Find(key);
        if (endpoint is not null)
        {
            endpoint.IsIsolated = true;
        }

        return endpoint;
    }

    /// <summary>Notes that an operator reset an endpoint.</summary>
    /// <returns>The endpoint; <see langword="null"/> if it is not remembered.</returns>
    internal OutboxEndpoint? Reset(long key, long now)
    {
        _isolated.Remove(key);
        _hasIsolated = _isolated.Count > 0;
        OutboxEndpoint? endpoint = Find(key);
        endpoint?.Reset(now);
        return endpoint;
    }

    /// <summary>Returns the endpoint of a key; <see langword="null"/> if it is not remembered.</summary>
    internal OutboxEndpoint? Find(long key) => _endpoints.GetValueOrDefault(key);

    /// <summary>Returns the endpoint of a row, and remembers it.</summary>
    internal OutboxEndpoint Get(OutboxRow row) => Get(row.Lane, row.Endpoint, row.Tenant);

    /// <summary>Returns an endpoint, and remembers it.</summary>
    internal OutboxEndpoint Get(short lane, long key, long tenantKey)
    {
        if (_endpoints.TryGetValue(key, out OutboxEndpoint? endpoint))
        {
            return endpoint;
        }

        if (!_tenants.TryGetValue(tenantKey, out OutboxTenant? tenant))
        {
            tenant = new OutboxTenant(tenantKey);
            _tenants.Add(tenantKey, tenant);
        }

        tenant.Endpoints++;
        endpoint = new OutboxEndpoint(lane, key, tenant) { IsIsolated = _isolated.Contains(key) };
        _endpoints.Add(key, endpoint);
        return endpoint;
    }

    /// <summary>Forgets an endpoint without rows whose circuit does not refuse, and its tenant with the last endpoint.</summary>
    internal void ForgetIfIdle(OutboxEndpoint endpoint)
    {
        if (endpoint.BlockedUntil != 0 && endpoint.BlockedUntil <= time.GetTimestamp())
        {
            endpoint.BlockedUntil = 0;
        }

        if (endpoint.IsIdle && _endpoints.Remove(endpoint.Key) && --endpoint.Tenant.Endpoints == 0)
        {
            _tenants.Remove(endpoint.Tenant.Key);
        }
    }
}
