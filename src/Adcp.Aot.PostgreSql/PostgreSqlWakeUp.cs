using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Adcp.Aot.PostgreSql;

/// <summary>
/// Wakes the workers of an outbox on PostgreSQL by LISTEN and NOTIFY, in all processes. Polling continues beside it, every
/// <see cref="OutboxWorkerOptions.ListeningPollInterval"/>, so that a lost notification costs time and no webhook. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A process notifies at most once in 10 ms, after the caller's commit and outside of its transaction: a NOTIFY inside would make all
/// commits of the database wait for each other.
/// </para>
/// <para>
/// Each worker that listens keeps one connection. It is opened again after a fault, and checked by a round trip when nothing came for
/// <see cref="PostgreSqlWakeUpOptions.KeepAlive"/>.
/// </para>
/// </remarks>
public sealed class PostgreSqlWakeUp : IOutboxWakeUp, IAsyncDisposable
{
    private readonly NpgsqlDataSource _source;
    private readonly PostgreSqlWakeUpOptions _options;
    private readonly ILogger _logger;
    private readonly PostgreSqlNotifier _notifier;
    private int _listening;

    /// <summary>Creates a wake-up for <see cref="SqlWebhookOutboxOptions.WakeUp"/>.</summary>
    /// <param name="source">
    /// Direct connections to the outbox's database, also those of <see cref="NpgsqlSlimDataSourceBuilder"/>. LISTEN does not work through
    /// PgBouncer in transaction mode; that is noticed, and logged. The caller disposes it.
    /// </param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    public PostgreSqlWakeUp(NpgsqlDataSource source, PostgreSqlWakeUpOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        _options = options ?? new PostgreSqlWakeUpOptions();
        _logger = GuardedLogger.Of(_options.Logger);
        _notifier = new PostgreSqlNotifier(source, _options, _logger);
    }

    /// <summary>Gets whether at least one worker of this process hears notifications now.</summary>
    public bool IsListening => Volatile.Read(ref _listening) > 0;

    /// <inheritdoc/>
    public void Notify() => _notifier.Notify();

    /// <inheritdoc/>
    public async Task ListenAsync(Action wake, Action<bool> setListening, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(wake);
        ArgumentNullException.ThrowIfNull(setListening);
        PostgreSqlListener listener = new(_source, _options, _logger, wake, SetListening);
        await listener.RunAsync(cancellationToken).ConfigureAwait(false);

        void SetListening(bool isListening)
        {
            Interlocked.Add(ref _listening, isListening ? 1 : -1);
            setListening(isListening);
        }
    }

    /// <summary>Ends the notifications of this process. Stop its workers first.</summary>
    public ValueTask DisposeAsync() => _notifier.DisposeAsync();
}
