using Adcp.Aot.Platform;
using Microsoft.AspNetCore.Routing;

namespace Adcp.Aot.AspNetCore;

/// <summary>The options of <c>AdcpServer.ServeAsync</c>. Immutable.</summary>
public sealed record AdcpServerOptions
{
    /// <summary>
    /// Gets the rules for callers. Required, because nothing else authenticates callers there: set
    /// <see cref="AdcpEndpointOptions.TenantOf"/>, or <see cref="AdcpEndpointOptions.SharesOneTenant"/>. The default of
    /// its allowed hosts also has the host of the served url.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required AdcpEndpointOptions Endpoints { get; init => field = value ?? throw new ArgumentNullException(nameof(Endpoints)); }

    /// <summary>
    /// Gets the callback that maps further endpoints of the application, such as the metadata of its authorization server; default null,
    /// none. They are not guarded by <see cref="Endpoints"/>.
    /// </summary>
    public Action<IEndpointRouteBuilder>? Map { get; init; }

    /// <summary>
    /// Gets the callback that gets the wired platform when requests are accepted; default null, none.
    /// </summary>
    public Action<PlatformHandler>? Started { get; init; }

    /// <summary>
    /// Gets the callback that runs when no more requests are accepted, beside the works that calls were handed off to
    /// and before the webhooks are drained; default <see langword="null"/>, none. Its token is cancelled, and it is
    /// abandoned, when <see cref="PlatformHandler.DrainPatience"/> is over.
    /// </summary>
    public Func<CancellationToken, Task>? Stopping { get; init; }
}
