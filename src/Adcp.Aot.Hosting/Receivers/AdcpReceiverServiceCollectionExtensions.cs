using System.Diagnostics.CodeAnalysis;
using Adcp.Aot.Hosting;
using Adcp.Aot.Receiving;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers receivers of webhooks.</summary>
public static class AdcpReceiverServiceCollectionExtensions
{
    /// <summary>
    /// Registers a receiver whose handler is taken from the container for each webhook, in a scope of its own.
    /// <c>app.MapAdcpWebhookReceiver(path)</c> of Adcp.Aot.AspNetCore serves it. Its tables are created when the host starts and purged
    /// while it runs. Wrong settings fail the start, and all of them are listed.
    /// </summary>
    /// <typeparam name="THandler">The handler. It is registered as scoped, unless the application registers it itself.</typeparam>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Changes the settings; <see langword="null"/> if they come from a configuration.</param>
    /// <param name="name">The receiver's name, the key of its services; empty for the default receiver.</param>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="name"/> is null.</exception>
    /// <exception cref="InvalidOperationException">A receiver has the name already.</exception>
    public static AdcpReceiverBuilder AddAdcpWebhookReceiver<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        this IServiceCollection services, Action<AdcpReceiverSettings>? configure = null, string name = "")
        where THandler : class, IAdcpWebhookHandler
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddScoped<THandler>();
        return services.AddAdcpWebhookReceiver(
            static (scope, webhook, cancellationToken) => scope.GetRequiredService<THandler>().HandleAsync(webhook, cancellationToken),
            configure, name);
    }

    /// <summary>Registers a receiver with a handler that takes services of a scope of its own.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="handle">Processes a verified webhook, as <see cref="IAdcpWebhookHandler.HandleAsync"/>.</param>
    /// <param name="configure">Changes the settings; <see langword="null"/> if they come from a configuration.</param>
    /// <param name="name">The receiver's name, the key of its services; empty for the default receiver.</param>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="services"/>, <paramref name="handle"/> or <paramref name="name"/> is null.
    /// </exception>
    /// <exception cref="InvalidOperationException">A receiver has the name already.</exception>
    public static AdcpReceiverBuilder AddAdcpWebhookReceiver(
        this IServiceCollection services,
        Func<IServiceProvider, ReceivedWebhook, CancellationToken, ValueTask> handle,
        Action<AdcpReceiverSettings>? configure = null,
        string name = "")
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(handle);
        ArgumentNullException.ThrowIfNull(name);
        if (services.Any(service => service.ServiceType == typeof(ReceiverRegistration) && Equals(service.ServiceKey, name)))
        {
            throw new InvalidOperationException("A receiver is registered already. Give the second one a name.");
        }

        ReceiverRegistration registration = new(handle);
        services.AddLogging();
        services.AddKeyedSingleton(name, registration);
        services.AddOptions<AdcpReceiverSettings>(name).ValidateOnStart();
        services.AddSingleton<IPostConfigureOptions<AdcpReceiverSettings>>(
            provider => new BindReceiverSettings(name, registration, provider.GetService<IConfiguration>()));
        services.AddSingleton<IValidateOptions<AdcpReceiverSettings>>(
            provider => new ValidateReceiverSettings(name, registration, SettingsSource.Of(provider, name)));
        services.AddKeyedSingleton(name, (provider, _) => new AdcpWebhookReceiver(
            provider,
            ReceiverParts.Create(
                provider, name, provider.GetRequiredService<IOptionsMonitor<AdcpReceiverSettings>>().Get(name), registration),
            registration.Handle));
        services.AddSingleton<IHostedService>(provider => new ReceiverLifetime(provider, name));
        services.AddSingleton<IHostedService>(provider => new PurgeService(
            () => [.. provider.GetRequiredKeyedService<AdcpWebhookReceiver>(name).Expiring],
            provider.GetService<TimeProvider>() ?? TimeProvider.System,
            provider.GetRequiredService<ILogger<PurgeService>>()));
        AdcpReceiverBuilder builder = new(services, name, registration);
        if (configure is not null)
        {
            services.Configure(name, configure);
        }

        return builder;
    }
}
