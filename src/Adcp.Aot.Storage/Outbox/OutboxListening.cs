using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps an <see cref="IOutboxWakeUp"/> listening for a worker. A wake-up that fails is called again, and the worker polls.
/// </summary>
internal sealed partial class OutboxListening(
    IOutboxWakeUp wakeUp, Action wake, Action<bool> setListening, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromMinutes(1);

    /// <summary>The time that a wake-up has to end after its cancellation.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task _running = Task.CompletedTask;
    private int _call;
    private bool _isListening;

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
                int call = _call;
                await wakeUp.ListenAsync(wake, isListening => Report(call, isListening), _stop.Token).ConfigureAwait(false);
            }
            catch (Exception caught)
            {
                fault = caught.Message;
            }
            finally
            {
                EndCall();
            }

            if (!_stop.IsCancellationRequested)
            {
                ListeningEnded(logger, wakeUp.GetType().Name, fault, delay);
                await Task.Delay(delay, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
            }
        }
    }

    /// <summary>Passes a report on, unless its call has ended.</summary>
    private void Report(int call, bool isListening)
    {
        using Lock.Scope scope = _lock.EnterScope();
        if (call == _call && isListening != _isListening)
        {
            _isListening = isListening;
            setListening(isListening);
        }
    }

    private void EndCall()
    {
        using Lock.Scope scope = _lock.EnterScope();
        _call++;
        if (_isListening)
        {
            _isListening = false;
            setListening(false);
        }
    }

    [LoggerMessage(
        StorageEventIds.OutboxListeningEnded, LogLevel.Warning,
        "The wake-up {WakeUp} of the outbox ended: {Fault}. It is called again in {Delay}; webhooks of other processes are found by "
            + "polling.")]
    private static partial void ListeningEnded(ILogger logger, string wakeUp, string fault, TimeSpan delay);
}
