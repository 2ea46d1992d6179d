namespace Adcp.Aot.AspNetCore;

/// <summary>The event ids of the log lines that the HTTP endpoints write. The ids are stable; texts may change.</summary>
public static class AspNetCoreEventIds
{
    /// <summary>Error: "An A2A method failed."</summary>
    public const int A2AMethodFailed = 3001;

    /// <summary>Information: "Stopping: {Pending} webhooks are pending and have {Patience} to be delivered"</summary>
    public const int Draining = 3002;

    /// <summary>Warning: "AdcpServerOptions.Stopping did not end within {Patience} and is abandoned"</summary>
    public const int StoppingTooLong = 3003;

    /// <summary>Error: "AdcpServerOptions.Stopping failed"</summary>
    public const int StoppingFailed = 3004;

    /// <summary>
    /// Warning once, then Debug: "A call under the host {Host} was refused with 421: if buyers call by it, add it to
    /// AdcpEndpointOptions.AllowedHosts"
    /// </summary>
    public const int HostRefused = 3005;

    /// <summary>
    /// Warning once, then Debug: "A call from a web page was refused with 403: add its origin to AdcpEndpointOptions.AllowedOrigins if
    /// it may call"
    /// </summary>
    public const int OriginRefused = 3006;

    /// <summary>
    /// Warning once, then Debug: "A call without authentication was refused with 401: add authentication to the application, or set
    /// AdcpEndpointOptions.TenantOf, or SharesOneTenant if all callers are one tenant"
    /// </summary>
    public const int CallerUnknown = 3007;

    /// <summary>
    /// Warning once, then Debug: "An authenticated call was refused with 403 because it has no single subject ('sub' or name
    /// identifier) that could be its tenant: set AdcpEndpointOptions.TenantOf"
    /// </summary>
    public const int IdentityMissing = 3008;

    /// <summary>Warning once, then Debug: the bodies of calls under way hold as many bytes as allowed. Answered 503.</summary>
    public const int BodiesFull = 3009;

    /// <summary>
    /// Warning: "The operator page at {Pattern} asks for no authorization: set AdcpOperationsOptions.Policy"
    /// </summary>
    public const int OperationsOpen = 3050;

    /// <summary>Error: "A request of the operator page failed: {Path}"</summary>
    public const int OperationsFailed = 3051;
}
