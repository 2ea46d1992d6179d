using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Auditing;
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

    [Fact]
    public void Options_that_do_not_name_a_policy_keep_the_one_of_outboxes()
    {
        RetryPolicy own = RetryPolicy.Default with { MaxAttempts = 7 };

        Assert.Same(OutboxWorkerOptions.DefaultRetry, Options(new WebhookSupervisorOptions { MaxConcurrency = 8 }).Retry);
        Assert.Equal(8, Options(new WebhookSupervisorOptions { MaxConcurrency = 8 }).MaxConcurrency);
        Assert.Same(own, Options(new WebhookSupervisorOptions { Retry = own }).Retry);

        static WebhookSupervisorOptions Options(WebhookSupervisorOptions attempts) =>
            new OutboxWorkerOptions { Attempts = attempts }.Attempts;
    }

    [Theory]
    [InlineData(1000, 15, null, false)]
    [InlineData(110, 15, null, false)]
    [InlineData(90, 15, null, true)] // 20 hours, of a horizon of 24
    [InlineData(1000, 1, null, true)]
    [InlineData(1000, 15, 23, true)]
    [InlineData(1000, 15, 24, false)]
    public async Task Policy_that_gives_up_before_the_horizon_is_reported_at_the_start(
        int attempts, int mostMinutes, int? deadlineHours, bool isReported)
    {
        Lines log = new();
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        await _bench.StartAsync(sender, options => options with
        {
            Attempts = _bench.Attempts with
            {
                Logger = log,
                Retry = OutboxWorkerOptions.DefaultRetry with
                {
                    MaxAttempts = attempts,
                    MaxDelay = TimeSpan.FromMinutes(mostMinutes),
                    Deadline = deadlineHours is { } hours ? TimeSpan.FromHours(hours) : null,
                },
            },
        });

        string[] lines = log.Of(StorageEventIds.OutboxRetryTooShort);
        Assert.Equal(isReported ? 1 : 0, lines.Length);
        Assert.All(lines, line => Assert.Contains($"it has {attempts} attempts", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(429, "120", 120)]
    [InlineData(503, "120", 120)]
    [InlineData(503, "3600", 3600)]
    [InlineData(503, "3601", 3600)]
    [InlineData(429, "99999999999999999999", 3600)]
    [InlineData(503, "2", 5)]
    [InlineData(503, "soon", 5)]
    [InlineData(503, null, 5)]
    public async Task Webhook_is_parked_as_long_as_Retry_After_says_up_to_the_cap(int status, string? after, int seconds)
    {
        TaskCompletionSource answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _bench.EnqueueAsync("a.example");
        RecordingSender sender = Sender(async attempt =>
        {
            await answer.Task;
            return (status, after);
        });
        await StartAsync(sender);
        await _bench.UntilAsync(() => sender.Count == 1);

        // From the answer to the commit of the delay, no time passes.
        answer.SetResult();
        await OutboxHarness.UntilAsync(() => _bench.Store.LongestWait > TimeSpan.Zero);

        Assert.Equal(TimeSpan.FromSeconds(seconds), _bench.Store.LongestWait);
    }

    [Fact]
    public async Task No_attempt_is_made_before_Retry_After_is_over()
    {
        ConcurrentQueue<DateTimeOffset> began = [];
        RecordingSender sender = Sender(attempt =>
        {
            began.Enqueue(_bench.Time.GetUtcNow());
            return Task.FromResult(attempt == 1 ? (429, "60") : (200, (string?)null));
        });
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender);

        await _bench.UntilEmptyAsync();

        DateTimeOffset[] attempts = [.. began];
        Assert.Equal(2, attempts.Length);
        Assert.InRange(attempts[1] - attempts[0], TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Retry_After_gives_no_more_attempts_than_the_policy()
    {
        RecordingSender sender = Sender(static _ => Task.FromResult((429, (string?)"1")));
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender, retry => retry with { MaxAttempts = 3, BaseDelay = TimeSpan.FromMilliseconds(10) });

        await _bench.UntilEmptyAsync();

        Assert.Equal((3, 3), (sender.Count, _bench.Store.DeadRows.Single().Attempts));
        Assert.Equal("exhausted", _bench.Store.DeadRows.Single().Reason);
    }

    [Fact]
    public async Task Retry_After_beyond_the_horizon_ends_the_webhook()
    {
        RecordingSender sender = Sender(static _ => Task.FromResult((503, (string?)"90000")));
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender, static retry => retry with { MaxRetryAfter = TimeSpan.FromDays(7) });

        await _bench.UntilEmptyAsync();

        Assert.Equal((1, "expired"), (sender.Count, _bench.Store.DeadRows.Single().Reason));
    }

    [Fact]
    public async Task Sink_that_does_not_answer_holds_up_no_delivery()
    {
        const int Webhooks = 40;
        StuckSink sink = new();
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        for (int i = 0; i < Webhooks; i++)
        {
            await _bench.EnqueueAsync($"a{i}.example");
        }

        await _bench.StartAsync(sender, options => options with
        {
            Attempts = _bench.Attempts with
            {
                Sink = sink,
                SinkMode = SinkMode.Buffered,
                SinkQueueCapacity = 1,
                SinkTimeout = TimeSpan.FromHours(1),
            },
        });
        await _bench.UntilAsync(() => sink.IsCalled);
        await _bench.UntilEmptyAsync();

        Assert.Equal(Webhooks, sender.Count);
        Assert.Empty(_bench.Store.DeadRows);
        sink.Release();
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

    [Fact]
    public async Task A_destination_that_the_sender_refuses_ends_the_delivery_as_refused()
    {
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(-(int)WebhookSendError.DestinationRefused));
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender);

        await _bench.UntilEmptyAsync();

        Assert.Equal("refused", Assert.Single(_bench.Store.DeadRows).Reason);
        Assert.Equal(1, sender.Count);
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

    [Theory]
    [InlineData("Sealer", false)]
    [InlineData("Bearer", true)]
    public async Task A_webhook_with_an_authentication_of_a_later_program_waits_and_is_not_sent(string scheme, bool isSent)
    {
        const short Lane = 7;
        Lines log = new();
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        Guid installation = await _bench.Store.InstallationAsync(CancellationToken.None);
        byte[] row = new OutboxSeal(OutboxHarness.Secrets).Seal(OutboxHarness.Authenticated(scheme), installation, Lane, 2, 3);
        await _bench.Store.AppendAsync(
            null, [new OutboxEntry { Lane = Lane, Endpoint = 2, Tenant = 3, KeyId = "k1", Sealed = row }], CancellationToken.None);
        await _bench.EnqueueAsync("a.example");
        await _bench.StartAsync(sender, options => options with { Attempts = _bench.Attempts with { Logger = log } });

        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(2), TimeSpan.FromMilliseconds(200));

        Assert.Equal(isSent ? 2 : 1, sender.Attempts.Count);
        Assert.Empty(_bench.Store.DeadRows);
        Assert.Equal(isSent ? 0 : 1, _bench.Store.Waiting);
        string[] lines = log.Of(StorageEventIds.OutboxKeyUnknown);
        Assert.Equal(isSent, lines.Length == 0);
        Assert.All(lines, static line => Assert.Contains("unknown_format", line, StringComparison.Ordinal));
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

    /// <summary>Creates a sender whose answers have a status and a Retry-After.</summary>
    private RecordingSender Sender(Func<int, Task<(int Status, string? After)>> answer)
    {
        RecordingSender sender = _bench.Sender(static (_, _, _) => ValueTask.FromResult(200));
        sender.Otherwise = async (webhook, attempt, cancellationToken) =>
        {
            await Task.Yield();
            (int status, string? after) = await answer(attempt).WaitAsync(cancellationToken);
            HttpResponseHeaders headers = new HttpResponseMessage().Headers;
            if (after is not null)
            {
                headers.TryAddWithoutValidation("Retry-After", after);
            }

            return new WebhookSendResult(webhook, status) { ResponseHeaders = headers };
        };
        return sender;
    }

    private async Task<OutboxWorker> StartAsync(RecordingSender sender, Func<RetryPolicy, RetryPolicy>? change = null)
    {
        RetryPolicy retry = OutboxWorkerOptions.DefaultRetry with { Jitter = false };
        (OutboxWorker worker, _) = await _bench.StartAsync(sender, options => options with
        {
            Attempts = _bench.Attempts with
            {
                Retry = change is null ? retry : change(retry),
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

    /// <summary>A sink whose first call ends when it is released.</summary>
    private sealed class StuckSink : IDeliveryLogSink
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile bool _isCalled;

        public bool IsCalled => _isCalled;

        public void Release() => _released.TrySetResult();

        public async ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
        {
            _isCalled = true;
            await _released.Task.WaitAsync(cancellationToken);
        }
    }
}
