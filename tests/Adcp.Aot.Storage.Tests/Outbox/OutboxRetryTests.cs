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
        const int Attempts = 7;
        TaskCompletionSource<int>[] answers = new TaskCompletionSource<int>[Attempts];
        for (int i = 0; i < Attempts; i++)
        {
            answers[i] = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        ConcurrentQueue<DateTimeOffset> began = [];
        RecordingSender sender = _bench.Sender(async (_, attempt, token) =>
        {
            began.Enqueue(_bench.Time.GetUtcNow());
            return await answers[attempt - 1].Task.WaitAsync(token);
        });
        await _bench.EnqueueAsync("a.example");
        OutboxWorker worker = await StartAsync(sender);
        List<DateTimeOffset> due = [];
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            await _bench.UntilAsync(() => began.Count == attempt);

            // From the answer to the commit of the delay, no time passes.
            DateTimeOffset answered = _bench.Time.GetUtcNow();
            answers[attempt - 1].SetResult(attempt < Attempts ? 503 : 200);
            if (attempt < Attempts)
            {
                TimeSpan delay = TimeSpan.FromSeconds(5 << (attempt - 1));
                await OutboxHarness.UntilAsync(() => _bench.Store.LongestWait > TimeSpan.Zero);
                Assert.Equal(delay, _bench.Store.LongestWait);
                Assert.Equal(answered + delay, _bench.Records[^1].NextRetryAt!.Value, TimeSpan.FromMilliseconds(1));
                due.Add(answered + delay);
            }

            if (attempt == 3)
            {
                await StopAsync(worker);
                worker = await StartAsync(sender);
            }
        }

        await OutboxHarness.UntilAsync(() => _bench.Store.Waiting == 0);
        Assert.Equal(Enumerable.Range(1, Attempts), _bench.Records.Select(static record => record.AttemptNumber));
        Assert.All(began.Skip(1).Zip(due), static some => Assert.True(some.First >= some.Second, $"{some.First}, due {some.Second}"));
    }

    [Fact]
    public void Delay_grows_to_a_quarter_of_an_hour_at_least() =>
        Assert.InRange(OutboxWorkerOptions.DefaultRetry.MaxDelay, TimeSpan.FromMinutes(15), TimeSpan.FromDays(1));

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
        Assert.InRange(lines.Length, 3, 4);
        Assert.All(lines, line => Assert.Contains(isFormatUnknown ? "unknown_format" : "k1", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rows_that_several_threads_cannot_open_at_the_same_time_are_named_once()
    {
        const int Rows = 1_000;
        Lines log = new();
        SecretsAtRest others = SecretsAtRest.EncryptedWith(new EncryptionKey("k2", RandomNumberGenerator.GetBytes(32)));
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        await _bench.Outbox.EnqueueAsync(
            null, [.. Enumerable.Range(0, Rows).Select(static i => OutboxHarness.Item($"b{i % 100}.example"))]);
        OutboxWorker worker = new(
            new SqlWebhookOutbox(_bench.Store, sender, others, null), sender,
            new OutboxWorkerOptions { Attempts = _bench.Attempts with { Logger = log }, Lease = OutboxBench.LongLease });
        await worker.StartAsync();
        await _bench.UntilAsync(() => log.Of(StorageEventIds.OutboxKeyUnknown).Length > 0);

        // No minute passes until the last of them.
        await OutboxHarness.UntilAsync(() => _bench.Store.Parked == Rows);
        Assert.Single(log.Of(StorageEventIds.OutboxKeyUnknown));
        Task stopped = worker.DisposeAsync().AsTask();
        await _bench.UntilAsync(() => stopped.IsCompleted);
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
