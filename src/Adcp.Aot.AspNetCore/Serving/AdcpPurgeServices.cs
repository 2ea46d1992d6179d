using Adcp.Aot.Storage.A2A;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Serving;

/// <summary>Has a host delete what outlived its time.</summary>
public static class AdcpPurgeServices
{
    /// <summary>Purges stores while the host runs: batch after batch until nothing is left, when it starts and then every ten minutes. A store that fails is logged and tried again the next time.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="stores">The stores. They stay the caller's.</param>
    /// <param name="timeProvider">The clock of the ten minutes; null for the system's.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public static IServiceCollection AddAdcpPurge(this IServiceCollection services, IEnumerable<IExpiringStore> stores, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(stores);
        IExpiringStore[] given = [.. stores];
        foreach (IExpiringStore store in given)
        {
            ArgumentNullException.ThrowIfNull(store, nameof(stores));
        }

        return services.AddSingleton<IHostedService>(provider => new Purger(given, timeProvider ?? TimeProvider.System, provider.GetRequiredService<ILogger<Purger>>()));
    }
}
