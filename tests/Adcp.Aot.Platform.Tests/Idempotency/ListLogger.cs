using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Platform.Tests.Idempotency;

/// <summary>The ids of the logged events.</summary>
internal sealed class ListLogger : ILogger
{
    public List<int> Events { get; } = [];

    /// <summary>
    /// Completes when an event was logged this number of times. The pause is not for ordering: the loop only checks
    /// again.
    /// </summary>
    public async Task LoggedAsync(int id, int times)
    {
        using CancellationTokenSource guard = new(TimeSpan.FromSeconds(30));
        while (Count(id) < times)
        {
            await Task.Delay(5, guard.Token);
        }
    }

    private int Count(int id)
    {
        lock (Events)
        {
            return Events.Count(each => each == id);
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (Events)
        {
            Events.Add(eventId.Id);
        }
    }
}
