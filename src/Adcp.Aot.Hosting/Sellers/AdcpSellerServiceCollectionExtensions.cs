using System.Diagnostics.CodeAnalysis;
using Adcp.Aot.Hosting;
using Adcp.Aot.Platform;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers sellers.</summary>
public static class AdcpSellerServiceCollectionExtensions
{
    /// <summary>
    /// Registers a seller over the webhook delivery of the same name: <see cref="PlatformHandler"/>, and <see cref="TaskHandOff"/> for
    /// services that end tasks. Version, keys, database and outbox are those of <c>AddAdcpWebhooks</c>. Each call takes the seller from the
    /// container, in a scope of its own that ends with the call.
    /// </summary>
    /// <remarks>
    /// Work that a tool hands off runs after its scope has ended. Take a scope for it by <see cref="IServiceScopeFactory"/>.
    /// </remarks>
    /// <typeparam name="T">The class with <c>[AdcpPlatform]</c>.</typeparam>
    /// <param name="services">The application's services.</param>
    /// <param name="lifetime">
    /// The lifetime of the seller, unless the application registers it itself. Default <see cref="ServiceLifetime.Scoped"/>.
    /// </param>
    /// <param name="name">The name of the instance; empty for the default one.</param>
    /// <returns>A builder that completes the seller.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="name"/> is null.</exception>
    /// <exception cref="InvalidOperationException">The instance has a seller already.</exception>
    public static AdcpSellerBuilder AddAdcpSeller<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this IServiceCollection services, ServiceLifetime lifetime = ServiceLifetime.Scoped, string name = "")
        where T : class, IAdcpPlatform
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        if (services.Any(service => service.ServiceType == typeof(SellerRegistration) && Equals(service.ServiceKey, name)))
        {
            throw new InvalidOperationException(
                "A seller is registered already. Give the second one a name, and webhook delivery of its own.");
        }

        SellerRegistration registration = new();
        services.AddKeyedSingleton(name, registration);
        services.TryAdd(new ServiceDescriptor(typeof(T), typeof(T), lifetime));
        services.TryAddKeyedSingleton<IAdcpPlatform>(name, static (provider, _) => new ScopedPlatform<T>(provider));
        services.AddKeyedSingleton(name, (provider, _) => SellerRuntime.Create(provider, name));
        Add(services, name, static seller => new AdcpSeller(seller));
        Add(services, name, static seller => seller.Handler);
        Add(services, name, static seller => seller.Tasks);
        return new AdcpSellerBuilder(services, name, registration);
    }

    private static void Add<T>(IServiceCollection services, string name, Func<SellerRuntime, T> get)
        where T : class
    {
        services.AddKeyedSingleton(name, (provider, _) => get(provider.GetRequiredKeyedService<SellerRuntime>(name)));
        if (name.Length == 0)
        {
            services.TryAddSingleton(provider => provider.GetRequiredKeyedService<T>(name));
        }
    }
}
