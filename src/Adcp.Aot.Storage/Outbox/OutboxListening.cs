using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps an <see cref="IOutboxWakeUp"/> listening for a worker. A wake-up that fails is called again, and the worker polls.
/// </summary>
internal sealed partial class OutboxListening(IOutboxWakeUp wakeUp, Action wake, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromMinutes(1);

    /// <summary>The time that a wake-up has to end after its cancellation.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    internal void Start() => _running = RunAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.WaitAsync(Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_running.IsCompleted)
        {
            _stop.Dispose();
        }
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        TimeSpan delay = FirstDelay;
        while (!_stop.IsCancellationRequested)
        {
            string fault = "it returned";
            try
            {
                await wakeUp.ListenAsync(wake, _stop.Token).ConfigureAwait(false);
            }
            catch (Exception caught)
            {
                fault = caught.Message;
            }

            if (!_stop.IsCancellationRequested)
            {
                ListeningEnded(logger, wakeUp.GetType().Name, fault, delay);
                await Task.Delay(delay, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
            }
        }
    }

    [LoggerMessage(
        StorageEventIds.OutboxListeningEnded, LogLevel.Warning,
        "The wake-up {WakeUp} of the outbox ended: {Fault}. It is called again in {Delay}; webhooks of other processes are found by "
            + "polling.")]
    private static partial void ListeningEnded(ILogger logger, string wakeUp, string fault, TimeSpan delay);
}
