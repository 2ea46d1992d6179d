using Adcp.Aot.Storage.A2A;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Serving;

/// <summary>See <see cref="AdcpPurgeServices"/>.</summary>
internal sealed partial class Purger(IExpiringStore[] stores, TimeProvider time, ILogger<Purger> logger) : BackgroundService
{
    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

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
                    LogFailed(fault, store.GetType().Name);
                }
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    [LoggerMessage(21, LogLevel.Warning, "{Store} could not be purged; it is tried again in ten minutes")]
    private partial void LogFailed(Exception fault, string store);
}
