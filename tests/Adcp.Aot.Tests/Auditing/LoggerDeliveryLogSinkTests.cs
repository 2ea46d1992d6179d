using Adcp.Aot.Auditing;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Tests.Auditing;

public sealed class LoggerDeliveryLogSinkTests
{
    [Fact]
    public async Task A_record_that_the_logger_refuses_costs_no_other_one()
    {
        PickyLogger logger = new(refused: "key_0000000000000002");
        LoggerDeliveryLogSink sink = new(logger);

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => sink.RecordAsync(new[] { Records.Of(1), Records.Of(2), Records.Of(3) }, CancellationToken.None).AsTask());

        Assert.Equal(["key_0000000000000001", "key_0000000000000003"], logger.Lines.Select(static line => line.Split(' ')[1]));
    }

    private sealed class PickyLogger(string refused) : ILogger
    {
        internal List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string line = formatter(state, exception);
            if (line.Contains(refused, StringComparison.Ordinal))
            {
                throw new InvalidOperationException();
            }

            Lines.Add(line);
        }
    }
}
