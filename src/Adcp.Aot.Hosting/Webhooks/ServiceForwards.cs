using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Adcp.Aot.Hosting;

/// <summary>Registers the services of an instance under its name, and those of the default instance without a key too.</summary>
internal static class ServiceForwards
{
    internal static void AddWebhooks(IServiceCollection services, string name)
    {
        services.AddKeyedSingleton(name, (provider, _) => WebhookEngine.Create(provider, name));
        Add(services, name, static engine => engine.Sender as WebhookSender ?? throw new InvalidOperationException(
            $"UseSender sends by {engine.Sender.GetType().Name}. Take IWebhookSender from the container instead of WebhookSender."));
        Add<IWebhookSender>(services, name, static engine => engine.Sender);
        Add<InMemoryWebhookDeliverySupervisor>(services, name, static engine => engine.Supervisor);
        Add<IWebhookDeliverySupervisor>(services, name, static engine => engine.Supervisor);
    }

    internal static void AddOutbox(IServiceCollection services, string name)
    {
        Add<SqlWebhookOutbox>(services, name, static engine => engine.Outbox!);
        Add<IWebhookOutbox>(services, name, static engine => engine.Outbox!);
    }

    /// <summary>Registers a service of an instance, unless the application has registered one.</summary>
    internal static void Add<T>(IServiceCollection services, string name, Func<WebhookEngine, T> get)
        where T : class
    {
        services.TryAddKeyedSingleton(name, (provider, _) => get(provider.GetRequiredKeyedService<WebhookEngine>(name)));
        if (name.Length == 0)
        {
            services.TryAddSingleton(provider => provider.GetRequiredKeyedService<T>(name));
        }
    }
}
