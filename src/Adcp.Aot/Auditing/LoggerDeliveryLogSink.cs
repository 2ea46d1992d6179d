using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Auditing;

/// <summary>Writes records to a logger: successes at Information, everything else at Warning. No query, token or body is written.</summary>
public sealed partial class LoggerDeliveryLogSink : IDeliveryLogSink
{
    private readonly ILogger _logger;

    /// <summary>Creates the sink.</summary>
    /// <param name="logger">The logger.</param>
    /// <exception cref="ArgumentNullException"><paramref name="logger"/> is null.</exception>
    public LoggerDeliveryLogSink(ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(logger);
        _logger = logger;
    }

    /// <inheritdoc/>
    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        Exception? first = null;
        foreach (DeliveryAttempt attempt in attempts.Span)
        {
            try
            {
                Write(attempt);
            }
            catch (Exception fault)
            {
                // The other records may still be written.
                first ??= fault;
            }
        }

        return first is null ? ValueTask.CompletedTask : ValueTask.FromException(first);
    }

    private void Write(DeliveryAttempt attempt)
    {
        LogLevel level = attempt.Outcome == AttemptOutcome.Success ? LogLevel.Information : LogLevel.Warning;
        if (_logger.IsEnabled(level))
        {
            string outcome = DeliveryAttempt.WireName(attempt.Outcome);
            string url = attempt.Url;
            string? error = attempt.ErrorMessage;
            long elapsed = attempt.ResponseTimeMs;
            Attempted(_logger, level, attempt.IdempotencyKey, attempt.AttemptNumber, attempt.MaxAttempts, outcome, url, error, elapsed);
        }
    }

    [LoggerMessage(EventId = AdcpEventIds.Attempted,
        Message = "Webhook {IdempotencyKey} attempt {Attempt}/{MaxAttempts} {Outcome} at {Url}: {Error} in {ElapsedMs} ms")]
    private static partial void Attempted(
        ILogger logger, LogLevel level, string idempotencyKey, int attempt, int maxAttempts, string outcome, string url,
        string? error, long elapsedMs);
}
