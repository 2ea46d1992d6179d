using Adcp.Aot;
using Adcp.Aot.Storage;

namespace DurableSeller;

/// <summary>A process that delivers until it is told to stop, or killed.</summary>
internal static class Worker
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    public static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await using Store store = Store.Open(Settings.FromEnvironment());
        using ILoggerFactory logs = LoggerFactory.Create(static builder => builder
            .SetMinimumLevel(LogLevel.Warning).AddSimpleConsole(static options => options.SingleLine = true)
            .AddConsole(static options => options.LogToStandardErrorThreshold = LogLevel.Trace));
        await using OutboxWorker worker = new(store.Outbox, store.Sender, new OutboxWorkerOptions
        {
            // Processes of this sample are killed at random, and no webhook is to blame.
            QuarantineAfter = 1000,
            Attempts = new WebhookSupervisorOptions
            {
                Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromMilliseconds(500) },
                Logger = logs.CreateLogger("outbox"),
            },
        });
        while (true)
        {
            try
            {
                await worker.StartAsync(cancellationToken);
                break;
            }
            catch (Exception fault) when (fault is System.Data.Common.DbException or IOException)
            {
                // The database is restarting.
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
            }
        }

        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (await worker.StopAsync(Grace)).MayRepeat ? 1 : 0;
    }
}
