using Adcp.Aot.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Serves the receivers of the container.</summary>
public static class AdcpRegisteredReceiverEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Receives webhooks at a path, by the receiver that <see cref="AdcpReceiverServiceCollectionExtensions"/> registered.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route, such as <c>/adcp/webhooks</c>.</param>
    /// <param name="name">The receiver's name; empty for the default one.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="InvalidOperationException">There is no such receiver.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">Settings are wrong. Lists all of them.</exception>
    public static IEndpointConventionBuilder MapAdcpWebhookReceiver(this IEndpointRouteBuilder endpoints, string pattern, string name = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(name);
        AdcpWebhookReceiver receiver = endpoints.ServiceProvider.GetKeyedService<AdcpWebhookReceiver>(name)
            ?? throw new InvalidOperationException("There is no receiver of this name: call services.AddAdcpWebhookReceiver.");
        return endpoints.MapAdcpWebhookReceiver(pattern, receiver.HandleAsync, receiver.Options);
    }
}
