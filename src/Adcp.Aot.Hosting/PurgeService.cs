using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>Deletes expired rows of stores while the host runs.</summary>
internal sealed partial class PurgeService(IExpiringStore[] stores, TimeProvider time, ILogger<PurgeService> logger) : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private readonly ILogger _logger = GuardedLogger.Of(logger);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer ticks = new(Interval, time);
        do
        {
            foreach (IExpiringStore store in stores)
            {
                try
                {
                    while (await store.PurgeAsync(stoppingToken).ConfigureAwait(false) >= store.PurgeBatchSize)
                    {
                    }
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
