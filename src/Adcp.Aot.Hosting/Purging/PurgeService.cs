using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>Deletes expired rows of stores while the host runs.</summary>
internal sealed partial class PurgeService(Func<IExpiringStore[]> stores, TimeProvider time, ILogger<PurgeService> logger)
    : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = GuardedLogger.Of(logger);

    /// <summary>Creates the purge of an instance's stores, which exist when the host has started.</summary>
    internal static PurgeService Of(IServiceProvider services, string name) => new(
        () => [.. services.GetRequiredKeyedService<WebhookEngine>(name).Expiring,
            .. services.GetKeyedService<SellerRuntime>(name)?.Expiring ?? []],
        services.GetService<TimeProvider>() ?? TimeProvider.System,
        services.GetRequiredService<ILogger<PurgeService>>());

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        IExpiringStore[] all = stores();
        if (all.Length == 0)
        {
            return;
        }

        using PeriodicTimer ticks = new(Interval, time);
        do
        {
            foreach (IExpiringStore store in all)
            {
                try
                {
                    int deleted;
                    do
                    {
                        deleted = await store.PurgeAsync(stoppingToken).ConfigureAwait(false);
                        HostingMeter.Purged(store.GetType().Name, deleted);
                    }
                    while (deleted >= store.PurgeBatchSize);
                }
                catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
                {
                    LogFailed(_logger, fault, store.GetType().Name);
                }
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    [LoggerMessage(HostingEventIds.PurgeFailed, LogLevel.Warning,
        "Expired rows of {Store} could not be deleted. The next try is in 10 minutes.")]
    private static partial void LogFailed(ILogger logger, Exception fault, string store);
}
