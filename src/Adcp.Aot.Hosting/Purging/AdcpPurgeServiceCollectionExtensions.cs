using Adcp.Aot.Hosting;
using Adcp.Aot.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the purge of Adcp.Aot's stores.</summary>
public static class AdcpPurgeServiceCollectionExtensions
{
    /// <summary>
    /// Registers a hosted service that deletes expired rows when the host starts and every 10 minutes, in batches. A store that fails is
    /// logged and tried again the next time.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="stores">The stores. The caller disposes them.</param>
    /// <param name="timeProvider">The clock of the 10 minutes; <see langword="null"/> for the system's.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/>, <paramref name="stores"/> or a store is null.</exception>
    public static IServiceCollection AddAdcpPurge(
        this IServiceCollection services, IEnumerable<IExpiringStore> stores, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(stores);
        IExpiringStore[] given = [.. stores];
        foreach (IExpiringStore store in given)
        {
            ArgumentNullException.ThrowIfNull(store, nameof(stores));
        }

        return services.AddSingleton<IHostedService>(
            provider => new PurgeService(
                () => given, timeProvider ?? TimeProvider.System, provider.GetRequiredService<ILogger<PurgeService>>()));
    }
}
