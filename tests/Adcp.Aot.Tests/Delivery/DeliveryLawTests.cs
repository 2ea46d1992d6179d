using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Tests.Doubles;
using CsCheck;

namespace Adcp.Aot.Tests.Delivery;

public sealed class DeliveryLawTests
{
    [Fact]
    public void Any_fault_script_leaves_one_key_and_one_body_and_a_record_for_every_attempt() =>
        Gen.Int[0, 7].Array[0, 8].Sample(script =>
        {
            Bench bench = new(o => o with { Retry = new RetryPolicy { MaxAttempts = 5, BaseDelay = TimeSpan.Zero } });
            foreach (int step in script)
            {
                _ = step switch
                {
                    0 => bench.Sender.Status(200),
                    1 => bench.Sender.Status(503),
                    2 => bench.Sender.Status(409),
                    3 => bench.Sender.Throws(() => new HttpRequestException()),
                    4 => bench.Sender.Throws(() => new TaskCanceledException()),
                    5 => bench.Sender.Result(w => new WebhookSendResult(w, WebhookSendError.Timeout)),
                    6 => bench.Sender.Status(302),
                    _ => bench.Sender.Throws(() => new InvalidOperationException()),
                };
            }

            RawPayload payload = new();
            Task<DeliveryOutcome> delivering = bench.Supervisor.SendAsync(bench.Destination, payload).AsTask();
            Assert.True(delivering.IsCompleted);
            Assert.Equal(1, payload.Written);
            Assert.Single(bench.Sender.Sent.Distinct());
            Assert.Equal(bench.Sender.Sent.Count, bench.Records.Count(r => r.Outcome != AttemptOutcome.CircuitOpen));
            Assert.Equal(0, bench.Supervisor.InFlight);
        }, iter: 2000);

    [Fact]
    public async Task A_frozen_webhook_keeps_its_number_and_one_refused_before_its_number_is_not_frozen()
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
            Retry = new RetryPolicy { MaxAttempts = 1 }
        });
        DeliveryOptions stream = new() { SequenceKey = "s" };
        bench.Sender.Status(503);
        DeliveryOutcome failed = await bench.Supervisor.SendAsync(bench.Destination, new RawPayload(numbered: true), stream);
        DeliveryOutcome refused = await bench.Supervisor.SendAsync(bench.Destination, new RawPayload(numbered: true), stream);
        Assert.Equal((DeliveryStatus.CircuitOpen, null, null), (refused.Status, refused.Webhook, refused.SequenceNumber));
        bench.Supervisor.Endpoints.Reset(bench.Destination);
        DeliveryOutcome again = await bench.Supervisor.DeliverAsync(failed.Webhook!, stream);
        Assert.Equal((true, 1L), (again.IsDelivered, again.SequenceNumber));
        Assert.Equal(2, bench.Supervisor.NextSequence("s"));
    }

    [Fact]
    public async Task A_late_sinks_records_are_never_seen_by_another_call_until_it_ends()
    {
        // Every call holds its records until released, beyond its timeout; no two calls may hold one record at a time.
        HashSet<DeliveryAttempt> held = [];
        List<TaskCompletionSource> calls = [];
        bool shared = false;
        DelegateSink sink = new(async (attempts, _) =>
        {
            DeliveryAttempt[] mine = attempts.ToArray();
            TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (held)
            {
                shared |= mine.Any(record => !held.Add(record));
                calls.Add(release);
            }

            string[] keys = [.. mine.Select(r => r.IdempotencyKey)];
            await release.Task;
            lock (held)
            {
                shared |= !mine.Select(r => r.IdempotencyKey).SequenceEqual(keys);
                held.ExceptWith(mine);
            }
        });
        Bench bench = new(o => o with { Sink = sink });
        for (int i = 0; i < 50; i++)
        {
            Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
            bench.Time.Advance(TimeSpan.FromSeconds(5));
            Assert.True((await delivering).IsDelivered);
            if (i % 3 == 2)
            {
                calls[i - 1].SetResult();
            }
        }

        Assert.False(shared);
        Assert.Equal(50, bench.Supervisor.SinkFailures);
    }

    [Fact]
    public async Task The_buffered_queue_loses_and_doubles_nothing_under_parallel_deliveries()
    {
        InMemoryDeliveryLogSink sink = new(1 << 16);
        Bench bench = new(o => o with { Sink = sink, SinkMode = SinkMode.Buffered, SinkQueueCapacity = 1 << 16 });
        await Parallel.ForAsync(0, 20_000, async (i, token) => await bench.DeliverAsync(token: token));
        await bench.Supervisor.FlushAuditAsync();
        Assert.Equal(20_000, sink.Recorded + bench.Supervisor.RecordsDropped);
        Assert.Equal(sink.Recorded, sink.Snapshot().Select(r => r.IdempotencyKey).Distinct().Count());
        await bench.Supervisor.DisposeAsync();
    }

    [Fact]
    public async Task Bad_input_is_named_at_once()
    {
        Bench bench = new();
        Assert.Throws<ArgumentException>(() => new DeliveryOptions { SequenceKey = "" });
        Assert.Throws<ArgumentException>(() => new DeliveryOptions { BreakerKey = "" });
        Assert.Throws<ArgumentException>(() => new DeliveryOptions { NotificationType = "" });
        Assert.Throws<ArgumentNullException>(() => new WebhookSupervisorOptions { Retry = null! });
        Assert.Throws<ArgumentNullException>(() => new WebhookSupervisorOptions { TimeProvider = null! });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSupervisorOptions { SinkQueueCapacity = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSupervisorOptions { MaxConcurrency = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSupervisorOptions { MaxConcurrencyPerEndpoint = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSupervisorOptions { MaxEndpoints = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSupervisorOptions { EndpointIdleTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentException>(() => new FanOutDeliveryLogSink());
        Assert.Throws<ArgumentException>(() => new FanOutDeliveryLogSink([null!]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new InMemoryDeliveryLogSink(0));
        Assert.Throws<ArgumentNullException>(() => new LoggerDeliveryLogSink(null!));
        Assert.Throws<ArgumentNullException>(() => new JsonLinesDeliveryLogSink((System.IO.Pipelines.PipeWriter)null!));
        Assert.Throws<ArgumentException>(() => new JsonLinesDeliveryLogSink(""));
        await Assert.ThrowsAsync<ArgumentNullException>(() => bench.Supervisor.DeliverAsync(null!).AsTask());
        await Assert.ThrowsAsync<ArgumentNullException>(() => bench.Supervisor.SendMcpAsync(null!, null!).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() =>
            bench.Supervisor.SendAsync(bench.Destination, new RawPayload(numbered: true)).AsTask());
        Assert.Throws<ArgumentException>(() => bench.Supervisor.NextSequence(""));
        Assert.Throws<ArgumentException>(() => bench.Supervisor.Endpoints.Isolate(""));
        Assert.Throws<ArgumentException>(() => new CircuitBreaker().RecordSuccess(default));
        Assert.Equal(0, bench.Supervisor.InFlight);
    }
}
