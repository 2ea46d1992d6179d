using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting.Tests;

/// <summary>Keeps log lines, and completes a task for a line with an id.</summary>
internal sealed class CapturingLog : ILoggerProvider, ILogger
{
    private readonly ConcurrentDictionary<int, TaskCompletionSource<string>> _awaited = new();

    public ConcurrentQueue<string> Lines { get; } = new();

    public Task<string> WhenWritten(int id) => Source(id).Task.WaitAsync(TimeSpan.FromSeconds(30));

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string line = $"{logLevel}: {formatter(state, exception)} {exception?.GetType().Name}";
        Lines.Enqueue(line);
        Source(eventId.Id).TrySetResult(line);
    }

    private TaskCompletionSource<string> Source(int id) =>
        _awaited.GetOrAdd(id, static _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
}
