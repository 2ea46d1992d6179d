using Adcp.Aot.AspNetCore;
using Adcp.Aot.AspNetCore.Operations;
using Adcp.Aot.Operations;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the operator page: endpoints, attempts and dead letters, and the actions on them.</summary>
public static class AdcpOperationsEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps the page of an instance that <c>AddAdcpWebhooks(...).AddOperations()</c> registered, and its JSON API below <c>api/</c>.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="configure">Sets <see cref="AdcpOperationsOptions.Policy"/>, or opens the page to every client.</param>
    /// <param name="pattern">The path of the page. Default <c>/adcp</c>.</param>
    /// <param name="name">The name of the instance; empty for the default one.</param>
    /// <returns>A builder for conventions of all routes.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// The instance has no operations, or the options name no policy and do not open the page to every client.
    /// </exception>
    public static IEndpointConventionBuilder MapAdcpOperations(
        this IEndpointRouteBuilder endpoints, Action<AdcpOperationsOptions> configure, string pattern = "/adcp", string name = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(name);
        IWebhookOperations operations = (name.Length == 0
            ? endpoints.ServiceProvider.GetService<IWebhookOperations>()
            : endpoints.ServiceProvider.GetKeyedService<IWebhookOperations>(name))
            ?? throw new InvalidOperationException(
                "There are no webhook operations in the container: call AddOperations() on the builder of AddAdcpWebhooks.");
        return endpoints.MapAdcpOperations(operations, configure, pattern);
    }

    /// <summary>Maps the page, and its JSON API below <c>api/</c>.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="operations">The operations to show.</param>
    /// <param name="configure">Sets <see cref="AdcpOperationsOptions.Policy"/>, or opens the page to every client.</param>
    /// <param name="pattern">The path of the page. Default <c>/adcp</c>.</param>
    /// <returns>A builder for conventions of all routes.</returns>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="InvalidOperationException">The options name no policy and do not open the page to every client.</exception>
    public static IEndpointConventionBuilder MapAdcpOperations(
        this IEndpointRouteBuilder endpoints, IWebhookOperations operations, Action<AdcpOperationsOptions> configure,
        string pattern = "/adcp")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(operations);
        ArgumentNullException.ThrowIfNull(configure);
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        AdcpOperationsOptions options = new();
        configure(options);
        if (options.Policy is null && !options.AllowsAnyone)
        {
            throw new InvalidOperationException(
                "The operator page needs an authorization policy: set AdcpOperationsOptions.Policy to the name of one. "
                + "AllowsAnyone opens the page to every client.");
        }

        IServiceProvider services = endpoints.ServiceProvider;
        ILogger logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Operations");
        StatusFeed feed = new(
            operations, services.GetService<TimeProvider>() ?? TimeProvider.System, logger,
            services.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None);
        RouteGroupBuilder group = endpoints.MapGroup(pattern);
        if (options.Policy is { } policy)
        {
            group.RequireAuthorization(policy);
        }
        else
        {
            OperationsLog.Open(logger, pattern);
            IEndpointConventionBuilder routes = group;
            routes.Add(static endpoint => endpoint.RequestDelegate = OnLoopbackOnly(endpoint.RequestDelegate!));
        }

        StaticPage.Map(group);
        new OperationsApi(operations, options, feed, logger).Map(group);
        return group;
    }

    /// <summary>
    /// Refuses requests under another host. A name whose owner points it at this machine would make a foreign web page the page's own site.
    /// </summary>
    private static RequestDelegate OnLoopbackOnly(RequestDelegate next) => http =>
    {
        if (AdcpEndpointOptions.Loopback.Contains(http.Request.Host.Host, StringComparer.OrdinalIgnoreCase))
        {
            return next(http);
        }

        http.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
        return Task.CompletedTask;
    };
}
