using Adcp.Aot.Hosting;
using Adcp.Aot.Platform;
using Microsoft.Extensions.DependencyInjection;

namespace Adcp.Aot.AspNetCore;

/// <summary>Finds registered sellers, and the rules for their callers.</summary>
internal static class SellerServices
{
    /// <exception cref="InvalidOperationException">There is no seller with the name.</exception>
    internal static AdcpSeller Of(IServiceProvider services, string name) => services.GetKeyedService<AdcpSeller>(name)
        ?? throw new InvalidOperationException(name.Length == 0
            ? "There is no seller: call services.AddAdcpWebhooks() and services.AddAdcpSeller<T>()."
            : $"There is no seller named '{name}': call services.AddAdcpSeller<T>(name: \"{name}\").");

    /// <summary>
    /// Returns the rules for callers: the application's own, with the hosts and origins of the settings if they name none.
    /// </summary>
    internal static AdcpEndpointOptions EndpointsOf(IServiceProvider services, string name)
    {
        SellerSettings settings = Of(services, name).Settings;
        AdcpEndpointOptions own = services.GetKeyedService<AdcpEndpointOptions>(name)
            ?? services.GetService<AdcpEndpointOptions>()
            ?? new AdcpEndpointOptions { SharesOneTenant = settings.SharesOneTenant };
        string[] hosts = [.. settings.AllowedHosts, .. settings.PublicUrl is { } url ? [new Uri(url).Host] : Array.Empty<string>()];
        if (own.AllowedHosts is null && hosts.Length > 0)
        {
            own = own with { AllowedHosts = [.. AdcpEndpointOptions.Loopback, .. hosts] };
        }

        return own.AllowedOrigins.Count == 0 ? own with { AllowedOrigins = [.. settings.AllowedOrigins] } : own;
    }
}

/// <summary>Finds the platform of the application's MCP server.</summary>
internal sealed record ServedMcp(Func<IServiceProvider, PlatformHandler> Platform);

/// <summary>The seller of the application's MCP server.</summary>
internal sealed record RegisteredMcp(string Seller);
