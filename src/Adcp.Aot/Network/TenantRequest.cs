namespace Adcp.Aot.Network;

/// <summary>
/// A request for a tenant. A connection that is opened for it uses the tenant's share of the name look-ups. A member of the
/// request, because its options would be a dictionary for each attempt.
/// </summary>
internal sealed class TenantRequest(HttpMethod method, Uri url, string? tenant) : HttpRequestMessage(method, url)
{
    /// <summary>The tenant; <c>null</c> for none.</summary>
    internal string? Tenant => tenant;
}
