using Adcp.Aot;
using Adcp.Aot.Storage;

namespace DurableSeller;

/// <summary>A process that delivers until it is told to stop, or killed.</summary>
internal static class Worker
{
    /// <summary>The exit code of a worker that could not finish its attempts.</summary>
    public const int MayRepeat = 75;

    /// <summary>The time that a receiver has. Longer than the pause of another worker.</summary>
    public static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(25);

    public static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ = EndWithCoordinatorAsync(ends);
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
                Logger = new LossReporter(logs.CreateLogger("outbox")),
            },
        });
        try
        {
            await StartAsync(worker, ends.Token);
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            return 0;
        }

        await Task.Delay(Timeout.Infinite, ends.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return (await worker.StopAsync(Grace)).MayRepeat ? MayRepeat : 0;
    }

    private static async Task StartAsync(OutboxWorker worker, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await worker.StartAsync(cancellationToken);
                return;
            }
            catch (Exception fault) when (fault is System.Data.Common.DbException or IOException)
            {
                // The database is restarting.
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
            }
        }
    }

    /// <summary>The input ends when the coordinator does. A worker must not outlive it.</summary>
    private static async Task EndWithCoordinatorAsync(CancellationTokenSource ends)
    {
        await using Stream input = Console.OpenStandardInput();
        while (await input.ReadAsync(new byte[1]) > 0)
        {
        }

        await ends.CancelAsync();
    }

    /// <summary>Tells the coordinator about a lost lease, which explains repeats.</summary>
    private sealed class LossReporter(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id is StorageEventIds.OutboxLeaseEnded or StorageEventIds.OutboxDeclaredDead or StorageEventIds.OutboxFencedOff)
            {
                ChildProcess.ReportLoss();
            }

            inner.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
