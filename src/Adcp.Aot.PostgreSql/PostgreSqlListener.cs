using Microsoft.Extensions.Logging;
using Npgsql;

namespace Adcp.Aot.PostgreSql;

/// <summary>Listens on one connection, and on another one after a fault, until it is cancelled.</summary>
internal sealed partial class PostgreSqlListener(
    NpgsqlDataSource source, PostgreSqlWakeUpOptions options, ILogger logger, Action wake, Action<bool> setListening)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(30);

    private readonly string _proof = Guid.NewGuid().ToString("N");
    private bool _hasProof;
    private bool _isListening;

    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan delay = FirstDelay;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                delay = _isListening ? FirstDelay : delay;
                ListenFailed(logger, options.Channel, fault is OperationCanceledException
                    ? $"no answer within {options.Timeout}"
                    : fault.Message);
            }
            finally
            {
                SetListening(false);
            }

            await Task.Delay(delay, options.TimeProvider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = delay * 2 < MaxDelay ? delay * 2 : MaxDelay;
        }
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            connection.Notification += Heard;
            try
            {
                await ExecuteAsync(connection, $"LISTEN {options.Channel}", cancellationToken).ConfigureAwait(false);
                await ProveAsync(connection, cancellationToken).ConfigureAwait(false);
                SetListening(true);
                Listening(logger, options.Channel);
                while (true)
                {
                    if (!await connection.WaitAsync(options.KeepAlive, cancellationToken).ConfigureAwait(false))
                    {
                        await ExecuteAsync(connection, "SELECT 1", cancellationToken).ConfigureAwait(false);
                    }
                }
            }
            finally
            {
                connection.Notification -= Heard;
                await LeaveAsync(connection).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Sends a notification on another connection and waits for it. A pooler in transaction mode accepts LISTEN on a connection that it
    /// gives to another client at once.
    /// </summary>
    private async Task ProveAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        _hasProof = false;
        NpgsqlCommand command = source.CreateCommand("SELECT pg_notify($1, $2)");
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.Channel });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _proof });
            using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            ends.CancelAfter(options.Timeout);
            await command.ExecuteNonQueryAsync(ends.Token).ConfigureAwait(false);
        }

        long started = TimeProvider.System.GetTimestamp();
        while (!_hasProof)
        {
            TimeSpan left = options.Timeout - TimeProvider.System.GetElapsedTime(started);
            if (left <= TimeSpan.Zero || !await connection.WaitAsync(left, cancellationToken).ConfigureAwait(false))
            {
                throw new TimeoutException(
                    $"a notification of its own did not arrive within {options.Timeout}. Give it direct connections to the server: LISTEN "
                    + "does not work through a pooler in transaction mode");
            }
        }
    }

    private async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ends.CancelAfter(options.Timeout);
#pragma warning disable CA2100 // The channel passed its rule.
        NpgsqlCommand command = new(sql, connection);
#pragma warning restore CA2100
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(ends.Token).ConfigureAwait(false);
        }
    }

    /// <summary>The pool may give the connection to another caller, which does not expect notifications.</summary>
    private async Task LeaveAsync(NpgsqlConnection connection)
    {
        if (connection.FullState != System.Data.ConnectionState.Open)
        {
            return;
        }

        try
        {
            await ExecuteAsync(connection, $"UNLISTEN {options.Channel}", CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is NpgsqlException or OperationCanceledException or InvalidOperationException)
        {
            // The connection is broken, and the pool drops it.
        }
    }

    private void Heard(object sender, NpgsqlNotificationEventArgs notification)
    {
        if (notification.Channel != options.Channel)
        {
            return;
        }

        if (notification.Payload == _proof)
        {
            _hasProof = true;
        }
        else if (notification.Payload.Length == 0)
        {
            // A payload is the proof of another process.
            wake();
        }
    }

    private void SetListening(bool isListening)
    {
        if (_isListening != isListening)
        {
            _isListening = isListening;
            setListening(isListening);
        }
    }

    [LoggerMessage(
        PostgreSqlEventIds.Listening, LogLevel.Information,
        "The outbox worker listens on channel {Channel}: webhooks of other processes are found at once.")]
    private static partial void Listening(ILogger logger, string channel);

    [LoggerMessage(
        PostgreSqlEventIds.ListenFailed, LogLevel.Warning,
        "The outbox worker does not listen on channel {Channel}: {Fault}. It connects again; until then webhooks of other processes are "
            + "found by polling. Check the server and the connection.")]
    private static partial void ListenFailed(ILogger logger, string channel, string fault);
}
