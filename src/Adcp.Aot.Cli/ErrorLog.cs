using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Cli;

/// <summary>Writes warnings, errors and records of operator actions to the standard error, one line each.</summary>
internal sealed class ErrorLog : ILogger
{
    /// <summary>Gets or sets the call after an action was recorded; null for none.</summary>
    internal Action? OnAction { get; set; }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Console.Error.WriteLine(Output.Visible(formatter(state, exception)));
        }

        if (eventId.Id == AdcpEventIds.OperatorActed)
        {
            OnAction?.Invoke();
        }
    }
}
