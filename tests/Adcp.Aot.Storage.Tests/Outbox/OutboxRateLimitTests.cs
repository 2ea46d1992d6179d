using System.Collections.Concurrent;
using Adcp.Aot.Auditing;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Webhooks of an outbox wait for the turns of an endpoint with a rate limit.</summary>
public sealed class OutboxRateLimitTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();
    private readonly ConcurrentQueue<(string Host, DateTimeOffset At)> _received = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Attempts_are_spaced_and_none_is_spent_on_the_wait()
    {
        for (int i = 0; i < 5; i++)
        {
            await _bench.EnqueueAsync("limited.example");
        }

        DateTimeOffset started = _bench.Time.GetUtcNow();
        await StartAsync(TimeSpan.FromSeconds(2));
        await _bench.UntilEmptyAsync();

        // The turns are at fixed times. The clock may run on between a turn and the note of it, and a note may overtake another.
        TimeSpan[] times = [.. _received.Select(received => received.At - started).Order()];
        Assert.Equal(5, times.Length);
        Assert.All(times, (time, i) => Assert.True(time >= i * TimeSpan.FromSeconds(2), $"attempt {i + 1} after {time}"));
        Assert.All(_bench.Records, static record => Assert.Equal((AttemptOutcome.Success, 1), (record.Outcome, record.AttemptNumber)));
        Assert.Empty(_bench.Store.DeadRows);
    }

    [Fact]
    public async Task Other_endpoints_are_delivered_meanwhile()
    {
        for (int i = 0; i < 3; i++)
        {
            await _bench.EnqueueAsync("limited.example");
            await _bench.EnqueueAsync($"free{i}.example");
        }

        await StartAsync(TimeSpan.FromMinutes(1));
        await _bench.UntilAsync(() => _received.Count(static received => received.Host.StartsWith("free", StringComparison.Ordinal)) == 3);

        Assert.Single(_received, static received => received.Host == "limited.example");
        await _bench.UntilEmptyAsync();
        Assert.Equal(6, _received.Count);
    }

    /// <summary>Starts a worker with a limit of one attempt in a period.</summary>
    private async Task StartAsync(TimeSpan period)
    {
        EndpointRateLimit limit = new() { Origins = ["https://limited.example"], MaxAttempts = 1, Period = period };
        RecordingSender sender = _bench.Sender((webhook, _, _) =>
        {
            _received.Enqueue((webhook.Destination.Target.Host, _bench.Time.GetUtcNow()));
            return ValueTask.FromResult(200);
        });
        await _bench.StartAsync(sender, options => options with { Attempts = options.Attempts with { RateLimits = [limit] } });
    }
}
