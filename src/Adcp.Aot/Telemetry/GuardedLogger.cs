using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Telemetry;

/// <summary>A logger whose faults end here: a delivery must not fail because a log cannot be written. Scopes are ignored.</summary>
internal sealed class GuardedLogger : ILogger
{
    private readonly ILogger _inner;

    private GuardedLogger(ILogger inner) => _inner = inner;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel)
    {
        try
        {
            return _inner.IsEnabled(logLevel);
        }
        catch (Exception)
        {
            return false;
        }
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        try
        {
            _inner.Log(logLevel, eventId, state, exception, formatter);
        }
        catch (Exception)
        {
            // A fault of the log has no other log to go to.
        }
    }

    /// <summary>Returns a guard around a logger, or a logger that writes nothing for <see langword="null"/>.</summary>
    internal static GuardedLogger Of(ILogger? logger) => logger as GuardedLogger ?? new GuardedLogger(logger ?? NullLogger.Instance);
}
