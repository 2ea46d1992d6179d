namespace A2AStores;

/// <summary>Deletes what outlived its time, batch after batch, now and every ten minutes.</summary>
internal sealed partial class Purger(TaskStore tasks, TimeProvider time, ILogger<Purger> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer ticks = new(TimeSpan.FromMinutes(10), time);
        do
        {
            try
            {
                while (await tasks.PurgeAsync(stoppingToken) == tasks.PurgeBatchSize)
                {
                }
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                Failed(fault.GetType().Name);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(4, LogLevel.Warning, "The purge failed and will be tried again: {Fault}")]
    private partial void Failed(string fault);
}
