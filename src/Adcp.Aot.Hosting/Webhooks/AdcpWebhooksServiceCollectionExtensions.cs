using Adcp.Aot.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers webhook delivery.</summary>
public static class AdcpWebhooksServiceCollectionExtensions
{
    /// <summary>
    /// Registers webhook delivery: <see cref="Adcp.Aot.IWebhookSender"/> and <see cref="Adcp.Aot.IWebhookDeliverySupervisor"/>, and hosted
    /// services that create tables, run the worker of an outbox, purge, and drain when the host stops. Wrong settings fail the start, and
    /// all of them are listed.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Changes the settings; <see langword="null"/> if they come from a configuration.</param>
    /// <returns>A builder that completes the instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is null.</exception>
    public static AdcpWebhooksBuilder AddAdcpWebhooks(this IServiceCollection services, Action<AdcpWebhookSettings>? configure = null) =>
        services.AddAdcpWebhooks(Options.Options.DefaultName, configure);

    /// <summary>Registers webhook delivery under a name. Its services are keyed by the name.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="name">The name; empty for the default instance.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>A builder that completes the instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="name"/> is null.</exception>
    public static AdcpWebhooksBuilder AddAdcpWebhooks(
        this IServiceCollection services, string name, Action<AdcpWebhookSettings>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        WebhookRegistration? registration = services
            .FirstOrDefault(service => service.ServiceType == typeof(WebhookRegistration) && Equals(service.ServiceKey, name))
            ?.KeyedImplementationInstance as WebhookRegistration;
        if (registration is null)
        {
            registration = new WebhookRegistration();
            Register(services, name, registration);
        }

        AdcpWebhooksBuilder builder = new(services, name, registration);
        return configure is null ? builder : builder.Configure(configure);
    }

    private static void Register(IServiceCollection services, string name, WebhookRegistration registration)
    {
        services.AddLogging();
        services.AddKeyedSingleton(name, registration);
        services.AddOptions<AdcpWebhookSettings>(name).ValidateOnStart();
        services.AddSingleton<IPostConfigureOptions<AdcpWebhookSettings>>(
            provider => new BindWebhookSettings(name, registration, provider.GetService<IConfiguration>()));
        services.AddSingleton<IValidateOptions<AdcpWebhookSettings>>(
            provider => new ValidateWebhookSettings(name, registration, SettingsSource.Of(provider, name)));
        ServiceForwards.AddWebhooks(services, name);

        // Before the purge, so that it finds the tables.
        services.AddSingleton<IHostedService>(provider => new WebhookLifetime(provider, name));
        services.AddSingleton<IHostedService>(provider => PurgeService.Of(provider, name));
        services.AddKeyedSingleton(name, (provider, _) => new OutboxMonitor(provider, name));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<OutboxMonitor>(name));
    }
}
