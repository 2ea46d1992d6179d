using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A log that keeps its lines.</summary>
internal sealed class Lines : ILogger
{
    private readonly ConcurrentQueue<(int Id, string Text)> _lines = [];

    /// <summary>Returns the lines of an event, in order.</summary>
    public string[] Of(int id) => [.. _lines.Where(line => line.Id == id).Select(static line => line.Text)];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue((eventId.Id, formatter(state, exception)));
}
