using Adcp.Aot.AspNetCore;
using Adcp.Aot.Hosting;
using Adcp.Aot.Platform;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>
/// Serves the sellers of the container, which <see cref="AdcpSellerServiceCollectionExtensions.AddAdcpSeller"/> registered.
/// </summary>
public static class AdcpSellerEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Serves a seller completely: MCP at <c>/mcp</c> if <see cref="AdcpMcpServiceCollectionExtensions.AddMcp"/> registered it, A2A at
    /// <c>/a2a</c>, and keys, <c>brand.json</c> and agent card at their well-known paths.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="name">The seller's name; empty for the default one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is no such seller, or <see cref="SellerSettings.PublicUrl"/> is not set.
    /// </exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">Settings are wrong. Lists all of them.</exception>
    /// <exception cref="PlatformBootException">The wiring cannot keep the promises. Lists every gap.</exception>
    public static void MapAdcpSeller(this IEndpointRouteBuilder endpoints, string name = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(name);
        bool hasMcp = endpoints.ServiceProvider.GetService<RegisteredMcp>()?.Seller == name;
        if (hasMcp)
        {
            endpoints.MapAdcpMcp();
        }

        endpoints.MapAdcpA2A(name: name);
        endpoints.MapAdcpA2ACard(name);
        endpoints.MapAdcpWellKnown(hasMcp ? "/mcp" : "/a2a", name);
    }

    /// <summary>Serves a seller of the container over A2A 1.0's JSON-RPC.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route.</param>
    /// <param name="name">The seller's name; empty for the default one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="InvalidOperationException">There is no such seller.</exception>
    public static IEndpointConventionBuilder MapAdcpA2A(
        this IEndpointRouteBuilder endpoints, string pattern = "/a2a", string name = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(name);
        AdcpSeller seller = SellerServices.Of(endpoints.ServiceProvider, name);
        return endpoints.MapAdcpA2A(seller.Handler, SellerServices.EndpointsOf(endpoints.ServiceProvider, name), pattern);
    }

    /// <summary>Publishes the agent card of a seller of the container, whose A2A endpoint is at <c>/a2a</c>.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="name">The seller's name; empty for the default one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is no such seller, or <see cref="SellerSettings.PublicUrl"/> is not set.
    /// </exception>
    public static IEndpointConventionBuilder MapAdcpA2ACard(this IEndpointRouteBuilder endpoints, string name = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(name);
        AdcpSeller seller = SellerServices.Of(endpoints.ServiceProvider, name);
        AdcpEndpointOptions options = SellerServices.EndpointsOf(endpoints.ServiceProvider, name);
        return endpoints.MapAdcpA2ACard(
            seller.Handler, new Uri(UrlOf(seller), "/a2a"), seller.Settings.Name ?? "AdCP seller", takesBearer: !options.SharesOneTenant);
    }

    /// <summary>Publishes keys and <c>brand.json</c> of a seller of the container.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="agentPath">The path of the agent's endpoint.</param>
    /// <param name="name">The seller's name; empty for the default one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is no such seller, or <see cref="SellerSettings.PublicUrl"/> is not set.
    /// </exception>
    public static void MapAdcpWellKnown(this IEndpointRouteBuilder endpoints, string agentPath = "/mcp", string name = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(agentPath);
        ArgumentNullException.ThrowIfNull(name);
        AdcpSeller seller = SellerServices.Of(endpoints.ServiceProvider, name);
        PlatformOptions options = seller.Options;
        endpoints.MapAdcpWellKnown(options.SigningKeys, new Uri(UrlOf(seller), agentPath), options.Version);
    }

    private static Uri UrlOf(AdcpSeller seller) => seller.Settings.PublicUrl is { } url
        ? new Uri(url)
        : throw new InvalidOperationException(
            "Seller:PublicUrl is missing. Agent card and brand.json name it: set the url under which buyers know the seller, such as "
            + "https://seller.example.");
}
