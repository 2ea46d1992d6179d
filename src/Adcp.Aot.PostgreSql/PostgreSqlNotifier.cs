using Microsoft.Extensions.Logging;
using Npgsql;

namespace Adcp.Aot.PostgreSql;

/// <summary>
/// Sends notifications: one loop, which sends at once when nothing was sent in the last 10 ms, and one notification for all that was asked
/// for in the meantime.
/// </summary>
internal sealed partial class PostgreSqlNotifier(NpgsqlDataSource source, PostgreSqlWakeUpOptions options, ILogger logger)
    : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _due = new(0);
    private readonly CancellationTokenSource _stop = new();
    private Task? _running;
    private bool _isDisposed;
    private int _isDue;

    /// <summary>Asks for a notification. Returns at once.</summary>
    internal void Notify()
    {
        if (Interlocked.Exchange(ref _isDue, 1) != 0)
        {
            return;
        }

        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            if (_running is null)
            {
                // The loop outlives the caller: it must not run in the caller's ambient transaction.
                using (ExecutionContext.SuppressFlow())
                {
                    _running = RunAsync();
                }
            }

            _due.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task? running;
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            running = _running;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        if (running is not null)
        {
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _stop.Dispose();
        _due.Dispose();
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        TimeSpan pause = Pause;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await _due.WaitAsync(_stop.Token).ConfigureAwait(false);

                // Reset before it is sent: what is committed from here on needs another notification.
                Volatile.Write(ref _isDue, 0);
                await SendAsync().ConfigureAwait(false);
                pause = Pause;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                if (pause == Pause)
                {
                    NotifyFailed(logger, options.Channel, fault.Message);
                }

                pause = pause * 2 < MaxPause ? pause * 2 : MaxPause;
            }

            await Task.Delay(pause, options.TimeProvider, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SendAsync()
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        ends.CancelAfter(options.Timeout);
        NpgsqlCommand command = source.CreateCommand("SELECT pg_notify($1, '')");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.Channel });
            await command.ExecuteNonQueryAsync(ends.Token).ConfigureAwait(false);
        }
    }

    [LoggerMessage(
        PostgreSqlEventIds.NotifyFailed, LogLevel.Warning,
        "Other processes could not be told by channel {Channel} that webhooks were committed: {Fault}. Their workers find them by "
            + "polling. Check the server and the connection.")]
    private static partial void NotifyFailed(ILogger logger, string channel, string fault);
}
