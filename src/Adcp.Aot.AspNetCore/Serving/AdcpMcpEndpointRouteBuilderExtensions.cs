using Adcp.Aot.AspNetCore;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps a seller's platform over MCP, on the official SDK's streamable HTTP transport without sessions.</summary>
public static class AdcpMcpEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps the MCP server that <see cref="AdcpMcpServiceCollectionExtensions"/> registered. It accepts
    /// requests of up to 1 MiB, even if they announce no length, and refuses requests by
    /// <see cref="AdcpEndpointOptions"/>. A client that does not accept <c>text/event-stream</c> is answered with plain JSON.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="InvalidOperationException">No MCP server was registered.</exception>
    public static IEndpointConventionBuilder MapAdcpMcp(this IEndpointRouteBuilder endpoints, string pattern = "/mcp")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        AdcpEndpointOptions options = endpoints.ServiceProvider.GetService<RegisteredMcp>() is { } registered
            ? SellerServices.EndpointsOf(endpoints.ServiceProvider, registered.Seller)
            : endpoints.ServiceProvider.GetService<AdcpEndpointOptions>()
            ?? throw new InvalidOperationException("Call AddAdcpSeller<T>().AddMcp() or services.AddAdcpMcp before MapAdcpMcp.");
        IServiceProvider services = endpoints.ServiceProvider;
        EndpointGuard guard = new(
            options,
            services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Mcp"),
            () => services.GetRequiredService<ServedMcp>().Platform(services).Options.Version);
        IEndpointConventionBuilder mapped = endpoints.MapMcp(pattern).WithMetadata(new BodyLimit());
        mapped.Add(endpoint => endpoint.RequestDelegate = guard.Before(JsonReplies.Around(endpoint.RequestDelegate!), isSoundOnly: true));
        return mapped;
    }
}
