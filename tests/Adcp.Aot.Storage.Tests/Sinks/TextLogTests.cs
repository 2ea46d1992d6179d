using System.IO.Pipelines;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage.Tests.Sinks;

/// <summary>The generated logs that are no tables.</summary>
public sealed class TextLogTests
{
    [Fact]
    public async Task Json_lines_hold_what_is_mapped_and_leave_nulls_out()
    {
        MemoryStream output = new();
        await using JsonLog log = new(PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true)));

        await log.RecordAsync(new[] { Attempts.Of(1), Attempts.Of(2, "globex", 503) }, default);

        Assert.Equal(
            "{\"key\":\"key_0000000000000001\",\"status\":200,\"will_retry\":false,\"tenant\":\"acme\"}\n"
            + "{\"key\":\"key_0000000000000002\",\"status\":503,\"error\":\"HTTP 503\",\"will_retry\":false,\"tenant\":\"globex\"}\n",
            Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public async Task A_member_that_throws_costs_its_value_only()
    {
        MemoryStream output = new();
        await using JsonLog log = new(PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true)));

        await log.RecordAsync(new[] { Attempts.Of(1, "broken"), Attempts.Of(2) }, default);

        string[] lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.DoesNotContain("tenant", lines[0], StringComparison.Ordinal);
        Assert.Contains("acme", lines[1], StringComparison.Ordinal);
        Assert.Equal(1, log.NotComputed);
    }

    [Fact]
    public async Task A_logger_gets_structured_entries_and_a_fan_out_reaches_both()
    {
        Remembering logger = new();
        MemoryStream output = new();
        await using JsonLog json = new(PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true)));
        BothLogs both = new(json, new LoggerLog(logger));

        await both.RecordAsync(new[] { Attempts.Of(1), Attempts.Of(2, status: 500) }, default);

        Assert.Equal(
            [
                (LogLevel.Information, 77, "Webhook attempt key=key_0000000000000001 status=200 operation=[redacted]"),
                (LogLevel.Warning, 77, "Webhook attempt key=key_0000000000000002 status=500 operation=[redacted]"),
            ],
            logger.Entries);
        Assert.Contains(new KeyValuePair<string, object?>("status", 500), logger.Last!);
        Assert.Equal(2, Encoding.UTF8.GetString(output.ToArray()).Count(static c => c == '\n'));
    }

    private sealed class Remembering : ILogger
    {
        public List<(LogLevel Level, int Id, string Text)> Entries { get; } = [];

        public IReadOnlyList<KeyValuePair<string, object?>>? Last { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            Entries.Add((logLevel, eventId.Id, formatter(state, exception)));
            Last = state as IReadOnlyList<KeyValuePair<string, object?>>;
        }
    }
}
