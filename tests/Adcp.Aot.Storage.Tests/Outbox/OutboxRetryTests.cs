using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The delays between the attempts of a webhook, and faults and rows that end nothing.</summary>
public sealed class OutboxRetryTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Delay_grows_over_the_life_of_a_webhook_and_a_restart_does_not_begin_it_anew()
    {
        RecordingSender sender = _bench.Sender((_, attempt, _) => ValueTask.FromResult(attempt <= 6 ? 503 : 200));
        await _bench.EnqueueAsync("a.example");
        OutboxWorker worker = await StartAsync(sender);
        await _bench.UntilAsync(() => _bench.Records.Count == 3 && _bench.Store.Parked == 1);
        await StopAsync(worker);

        await StartAsync(sender);
        await _bench.UntilEmptyAsync();

        // The clock may run on between the times of a record.
        TimeSpan[] delays =
        [
            .. _bench.Records.Where(static record => record.WillRetry)
                .Select(static record => record.NextRetryAt!.Value - record.OccurredAt),
        ];
        Assert.Equal(6, delays.Length);
        Assert.All(delays, static (delay, i) => Assert.True(delay >= TimeSpan.FromSeconds(5 << i), $"{delay} after attempt {i + 1}"));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], _bench.Records.Select(static record => record.AttemptNumber));
        Assert.True(OutboxWorkerOptions.DefaultRetry.MaxDelay >= TimeSpan.FromMinutes(15));
    }

    [Fact]
    public async Task Attempts_are_not_made_before_their_delay_is_over()
    {
        ConcurrentQueue<DateTimeOffset> attempts = [];
        RecordingSender sender = _bench.Sender((_, attempt, _) =>
        {
            attempts.Enqueue(_bench.Time.GetUtcNow());
            return ValueTask.FromResult(attempt < 4 ? 503 : 200);
        });
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender);
        await _bench.UntilEmptyAsync();

        DateTimeOffset[] times = [.. attempts];
        Assert.Equal(4, times.Length);
        Assert.All([1, 2, 3], i => Assert.True(
            times[i] - times[i - 1] >= TimeSpan.FromSeconds(5 * (1 << (i - 1))), $"attempt {i + 1} after {times[i] - times[i - 1]}"));
    }

    [Theory]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(ArgumentException))]
    [InlineData(typeof(JsonException))]
    [InlineData(typeof(UriFormatException))]
    [InlineData(typeof(CryptographicException))]
    public async Task Exception_of_any_kind_ends_no_delivery(Type kind)
    {
        RecordingSender sender = _bench.Sender((_, attempt, _) =>
            attempt <= 3 ? throw (Exception)Activator.CreateInstance(kind)! : ValueTask.FromResult(200));
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender);

        await _bench.UntilEmptyAsync();

        Assert.Empty(_bench.Store.DeadRows);
        Assert.Equal(4, sender.Count);
        Assert.Single(sender.Attempts.Select(static sent => sent.IdempotencyKey).Distinct());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rows_that_this_process_cannot_open_are_named_once_a_minute_and_end_nothing(bool isFormatUnknown)
    {
        Lines log = new();
        SecretsAtRest others = SecretsAtRest.EncryptedWith(new EncryptionKey("k2", RandomNumberGenerator.GetBytes(32)));
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        for (int i = 0; i < 5; i++)
        {
            await _bench.EnqueueAsync("a.example");
        }

        if (isFormatUnknown)
        {
            _bench.Store.ChangeFormat();
        }

        OutboxWorker worker = new(
            new SqlWebhookOutbox(_bench.Store, sender, isFormatUnknown ? OutboxHarness.Secrets : others, null), sender,
            new OutboxWorkerOptions { Attempts = _bench.Attempts with { Logger = log }, Lease = OutboxBench.LongLease });
        await worker.StartAsync();
        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(3));
        Task stopped = worker.DisposeAsync().AsTask();
        await _bench.UntilAsync(() => stopped.IsCompleted);

        Assert.Empty(sender.Attempts);
        Assert.Empty(_bench.Store.DeadRows);
        Assert.Equal(5, _bench.Store.Waiting);
        string[] lines = log.Of(StorageEventIds.OutboxKeyUnknown);
        Assert.InRange(lines.Length, 1, 4);
        Assert.All(lines, line => Assert.Contains(isFormatUnknown ? "unknown_format" : "k1", line, StringComparison.Ordinal));
    }

    private async Task<OutboxWorker> StartAsync(RecordingSender sender)
    {
        (OutboxWorker worker, _) = await _bench.StartAsync(sender, options => options with
        {
            Attempts = _bench.Attempts with
            {
                Retry = OutboxWorkerOptions.DefaultRetry with { Jitter = false },
                Circuit = new CircuitBreakerPolicy { FailureThreshold = 1000 },
            },
        });
        return worker;
    }

    private async Task StopAsync(OutboxWorker worker)
    {
        Task stopped = worker.StopAsync(TimeSpan.FromSeconds(1));
        await _bench.UntilAsync(() => stopped.IsCompleted);
    }
}
