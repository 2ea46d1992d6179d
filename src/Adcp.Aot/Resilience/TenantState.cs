using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>The permits that all endpoints of one tenant share.</summary>
internal sealed class TenantState(string? key, EndpointTable table)
{
    /// <summary>The attempts under way at the tenant's endpoints.</summary>
    internal ConcurrencyGate Gate;

    /// <summary>The number of endpoints that refer to this; changed under the table's lock for tenants.</summary>
    internal int Endpoints;

    /// <summary>Gets the tenant; <see langword="null"/> for deliveries without one, which have no limit of their own.</summary>
    internal string? Key { get; } = key;

    internal EndpointTable Table { get; } = table;
}
