using System.Diagnostics.Metrics;
using System.Net.Http.Headers;
using System.Text;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Delivery;

/// <summary>The rules of a delivery that other implementations are known to break.</summary>
public sealed class SupervisorRuleTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly RetryPolicy Once = new() { MaxAttempts = 1 };

    [Fact]
    public async Task The_recorded_retry_time_is_when_the_retry_happens()
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { BaseDelay = Second } });
        DateTimeOffset secondAt = default;
        bench.Sender.Status(503).Does((webhook, _) =>
        {
            secondAt = bench.Time.GetUtcNow();
            return new(new WebhookSendResult(webhook, 200));
        });
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        DateTimeOffset due = bench.Records[0].NextRetryAt!.Value;
        bench.Time.Advance(due - bench.Time.GetUtcNow() - TimeSpan.FromMilliseconds(2));
        Assert.Single(bench.Sender.Sent);
        bench.Time.Advance(TimeSpan.FromMilliseconds(3));
        Assert.True((await delivering).IsDelivered);
        Assert.InRange(secondAt - due, TimeSpan.FromMilliseconds(-1), TimeSpan.FromMilliseconds(2));
    }

    [Fact]
    public async Task Endpoints_and_streams_are_bounded()
    {
        Bench bench = new(o => o with { MaxEndpoints = 100, Sequences = new SequenceAllocator(10), Sink = null });
        for (int i = 0; i < 1000; i++)
        {
            await bench.DeliverAsync(new DeliveryOptions { BreakerKey = $"key{i}" });
        }

        Assert.Equal(100, bench.Supervisor.Endpoints.Count);
        Assert.Equal(900, bench.Supervisor.Endpoints.Overflows);
        for (int i = 0; i < 10; i++)
        {
            bench.Supervisor.NextSequence($"s{i}");
        }

        Assert.Throws<SequenceCapacityException>(() => bench.Supervisor.NextSequence("one more"));
        Assert.Equal(2, bench.Supervisor.NextSequence("s0"));
        await Assert.ThrowsAsync<SequenceCapacityException>(() => bench.DeliverAsync(new DeliveryOptions { SequenceKey = "new" }).AsTask());
        Assert.Equal(0, bench.Supervisor.InFlight);
    }

    [Fact]
    public void Idle_endpoints_are_forgotten_and_open_ones_kept()
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1, OpenTimeout = TimeSpan.FromHours(2) },
            Retry = Once
        });
        bench.Sender.Status(503);
        Assert.Equal(DeliveryStatus.Exhausted, Now(bench.DeliverAsync(new DeliveryOptions { BreakerKey = "open" })).Status);
        Assert.True(Now(bench.DeliverAsync(new DeliveryOptions { BreakerKey = "idle" })).IsDelivered);
        bench.Time.Advance(TimeSpan.FromHours(1));
        bench.Supervisor.Endpoints.Sweep();
        Assert.False(bench.Supervisor.Endpoints.TryGet("idle", out _));
        Assert.True(bench.Supervisor.Endpoints.TryGet("open", out EndpointSnapshot open));
        Assert.Equal(CircuitState.Open, open.State);
    }

    [Fact]
    public async Task Half_open_lets_no_herd_through()
    {
        Bench bench = HalfOpen();
        TaskCompletionSource<int>[] hung = [bench.Sender.Hangs(), bench.Sender.Hangs()];
        Task<DeliveryOutcome>[] probes = [bench.DeliverAsync().AsTask(), bench.DeliverAsync().AsTask()];
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync()).Status);
        }

        hung[0].SetResult(200);
        hung[1].SetResult(200);
        await Task.WhenAll(probes);
        Assert.True((await bench.DeliverAsync()).IsDelivered);
    }

    [Fact]
    public async Task The_circuit_is_asked_before_every_attempt()
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
            Retry = new RetryPolicy { MaxAttempts = 5, BaseDelay = TimeSpan.Zero }
        });
        bench.Sender.Status(503, 503, 503, 503, 503);
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal((DeliveryStatus.CircuitOpen, 2, 2), (outcome.Status, outcome.Attempts, bench.Sender.Sent.Count));
    }

    [Theory]
    [InlineData(409, DeliveryStatus.Rejected)]
    [InlineData(410, DeliveryStatus.Rejected)]
    [InlineData(404, DeliveryStatus.Rejected)]
    [InlineData(400, DeliveryStatus.Rejected)]
    [InlineData(413, DeliveryStatus.Rejected)]
    [InlineData(401, DeliveryStatus.Exhausted)]
    [InlineData(302, DeliveryStatus.Exhausted)]
    [InlineData(408, DeliveryStatus.Exhausted)]
    [InlineData(425, DeliveryStatus.Exhausted)]
    [InlineData(429, DeliveryStatus.Exhausted)]
    [InlineData(500, DeliveryStatus.Exhausted)]
    public async Task Answers_are_retried_or_final_by_AdCPs_table(int status, DeliveryStatus expected)
    {
        Bench bench = new();
        bench.Sender.Status(status, status, status);
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal((expected, expected == DeliveryStatus.Rejected ? 1 : 3), (outcome.Status, outcome.Attempts));
    }

    [Fact]
    public async Task A_signature_error_stops_and_is_named()
    {
        Bench bench = new();
        bench.Sender.Result(w => Answer(w, 401, "WWW-Authenticate", "Signature error=\"webhook_target_uri_malformed\""));
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal((DeliveryStatus.Rejected, "webhook_target_uri_malformed"), (outcome.Status, outcome.Code));
        Assert.Equal("HTTP 401 webhook_target_uri_malformed", bench.Records[0].ErrorMessage);
    }

    [Fact]
    public async Task A_bad_payload_does_not_open_a_healthy_endpoint()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 } });
        bench.Sender.Status(400, 404, 409, 422, 401, 401, 401, 302, 302, 302);
        for (int i = 0; i < 6; i++)
        {
            await bench.DeliverAsync();
        }

        Assert.Equal(CircuitState.Closed, bench.Supervisor.Endpoints.Snapshot()[0].State);
    }

    [Theory]
    [InlineData("5", 5)]
    [InlineData("3600", 60)]
    [InlineData("99999999999999999999", 60)]
    [InlineData("0", 1)]
    [InlineData("-7", 1)]
    [InlineData("soon", 1)]
    [InlineData("Tue, 24 Nov 2026 12:00:10 GMT", 10)]
    [InlineData("Tue, 24 Nov 2020 12:00:10 GMT", 1)]
    public async Task Retry_after_is_honoured_up_to_a_cap_and_never_shortens(string header, int seconds)
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { BaseDelay = Second, Jitter = false } });
        bench.Sender.Result(w => Answer(w, 429, "Retry-After", header));
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        Assert.Equal(bench.Time.GetUtcNow() + (seconds * Second), bench.Records[0].NextRetryAt);
        bench.Time.Advance((seconds * Second) + TimeSpan.FromMilliseconds(1));
        Assert.True((await delivering).IsDelivered);
    }

    [Fact]
    public async Task A_timeout_keeps_key_and_bytes()
    {
        Bench bench = new();
        bench.Sender.Throws(() => new TaskCanceledException()).Throws(() => new IOException());
        Assert.True((await bench.DeliverAsync()).IsDelivered);
        Assert.Equal(3, bench.Sender.Sent.Count);
        Assert.Single(bench.Sender.Sent.Distinct());
    }

    [Fact]
    public async Task A_step_of_the_wall_clock_does_not_move_the_circuit()
    {
        SteppedTime? time = null;
        Bench bench = new(o => o with
        {
            TimeProvider = time = new SteppedTime(o.TimeProvider),
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
            Retry = Once
        });
        bench.Sender.Status(503);
        await bench.DeliverAsync();
        time!.Step = TimeSpan.FromHours(1);
        Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync()).Status);
        time.Step = TimeSpan.FromHours(-1);
        bench.Time.Advance(60 * Second);
        Assert.True((await bench.DeliverAsync()).IsDelivered);
    }

    [Fact]
    public void Policies_validate_themselves()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy { MaxAttempts = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy { BaseDelay = -Second });
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy { MaxDelay = -Second });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSupervisorOptions { SinkTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy { Deadline = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CircuitBreakerPolicy { FailureThreshold = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CircuitBreakerPolicy { SuccessThreshold = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CircuitBreakerPolicy { OpenTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new CircuitBreakerPolicy { HalfOpenPermits = 32 });
        Assert.Throws<ArgumentException>(() => RetryPolicy.Schedule());
        Assert.Throws<ArgumentOutOfRangeException>(() => RetryPolicy.Schedule(-Second));
    }

    [Fact]
    public async Task A_deadline_ends_the_delivery_with_a_record()
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { Deadline = 10 * Second } });
        bench.Sender.Hangs();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        bench.Time.Advance(10 * Second);
        Assert.Equal(DeliveryStatus.DeadlineExceeded, (await delivering).Status);
        Assert.Equal(AttemptOutcome.Expired, bench.Records[^1].Outcome);
    }

    [Fact]
    public async Task Cancellation_leaves_a_record_and_returns_the_permit()
    {
        Bench bench = HalfOpen();
        for (int i = 0; i < 5; i++)
        {
            bench.Sender.Hangs();
            using CancellationTokenSource cancel = new();
            Task<DeliveryOutcome> delivering = bench.DeliverAsync(token: cancel.Token).AsTask();
            await cancel.CancelAsync();
            Assert.Equal(DeliveryStatus.Cancelled, (await delivering).Status);
            Assert.Equal((AttemptOutcome.Cancelled, 1), (bench.Records[^1].Outcome, bench.Records[^1].AttemptNumber));
        }

        Assert.Equal(CircuitState.HalfOpen, bench.Supervisor.Endpoints.Snapshot()[0].State);
        Assert.True((await bench.DeliverAsync()).IsDelivered);
    }

    [Fact]
    public async Task Cancellation_of_a_wait_leaves_a_record()
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { BaseDelay = 30 * Second } });
        bench.Sender.Status(503);
        using CancellationTokenSource cancel = new();
        Task<DeliveryOutcome> delivering = bench.DeliverAsync(token: cancel.Token).AsTask();
        await cancel.CancelAsync();
        Assert.Equal((DeliveryStatus.Cancelled, 1), ((await delivering).Status, (await delivering).Attempts));
        Assert.Equal([AttemptOutcome.Failure, AttemptOutcome.Cancelled], bench.Records.Select(r => r.Outcome));
    }

    [Fact]
    public async Task A_sink_that_never_returns_delays_no_delivery()
    {
        TaskCompletionSource never = new();
        Bench bench = new(o => o with
        {
            SinkMode = SinkMode.Buffered,
            SinkQueueCapacity = 64,
            Sink = new DelegateSink((_, _) => new ValueTask(never.Task))
        });
        for (int i = 0; i < 1000; i++)
        {
            ValueTask<DeliveryOutcome> delivering = bench.DeliverAsync();
            Assert.True(delivering.IsCompletedSuccessfully);
            Assert.True((await delivering).IsDelivered);
        }

        Assert.InRange(bench.Supervisor.RecordsDropped, 1000 - 64 - 64, 1000 - 1);
        never.SetResult();
    }

    [Fact]
    public async Task The_number_is_in_the_body_and_the_same_on_every_retry()
    {
        Bench bench = new();
        bench.Sender.Status(200, 503, 503);
        DeliveryOptions stream = new() { SequenceKey = "s" };
        await bench.Supervisor.SendAsync(bench.Destination, new RawPayload(numbered: true), stream);
        await bench.Supervisor.SendAsync(bench.Destination, new RawPayload(numbered: true), stream);
        Assert.Equal(4, bench.Sender.Sent.Count);
        Assert.Contains("\"sequence_number\":1", Encoding.UTF8.GetString(bench.Sender.Sent[0].Body.Span), StringComparison.Ordinal);
        Assert.All(bench.Sender.Sent.Skip(1), w =>
            Assert.Contains("\"sequence_number\":2", Encoding.UTF8.GetString(w.Body.Span), StringComparison.Ordinal));
        Assert.Equal([1L, 2L, 2L, 2L], bench.Records.Select(r => r.SequenceNumber!.Value));
    }

    [Fact]
    public async Task Every_end_has_a_type()
    {
        Bench bench = new();
        bench.Sender.Result(w => new WebhookSendResult(w, WebhookSendError.DestinationRefused, "the destination is reserved"));
        DeliveryOutcome refused = await bench.DeliverAsync();
        Assert.Equal((DeliveryStatus.Refused, "destination_refused", 1), (refused.Status, refused.Code, refused.Attempts));
        await bench.Supervisor.DrainAsync();
        Assert.Equal(DeliveryStatus.ShutDown, (await bench.DeliverAsync()).Status);
        Assert.False(default(DeliveryOutcome).IsDelivered);
    }

    [Fact]
    public async Task Our_own_faults_stop_and_never_touch_the_breaker()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 } });
        bench.Sender.Throws(() => new InvalidOperationException("bug"))
            .Result(w => new WebhookSendResult(w, WebhookSendError.SigningFailed))
            .Result(w => new WebhookSendResult(w, WebhookSendError.DestinationRefused));
        for (int i = 0; i < 3; i++)
        {
            DeliveryOutcome outcome = await bench.DeliverAsync();
            Assert.Equal((DeliveryStatus.Refused, 1), (outcome.Status, outcome.Attempts));
        }

        Assert.Equal(CircuitState.Closed, bench.Supervisor.Endpoints.Snapshot()[0].State);
        Assert.All(bench.Records, r => Assert.Equal(AttemptOutcome.Refused, r.Outcome));
    }

    [Fact]
    public async Task Records_are_complete_and_hold_no_secret()
    {
        Bench bench = new();
        bench.Sender.Result(w => new WebhookSendResult(w, 500) { ResponseBody = "stack trace"u8.ToArray() });
        WebhookDestination destination =
            new("https://buyer.example/hooks/3f2504e0-4f89-11d3-9a0c-0305e82c3301?token=secret#x", "op_9", "a-very-secret-token");
        await bench.DeliverAsync(to: destination);
        DeliveryAttemptSnapshot record = bench.Records[0];
        Assert.Equal("https://buyer.example/hooks/~d1bfaf4a", record.Url);
        Assert.Equal(record.Url, record.BreakerKey);
        Assert.Equal("HTTP 500", record.ErrorMessage);
        Assert.Equal(("op_9", bench.Sender.Sent[0].IdempotencyKey, 1), (record.OperationId, record.IdempotencyKey, record.AttemptNumber));
        string all = record.ToString() + bench.Sender.Sent[0] + destination;
        Assert.DoesNotContain("secret", all, StringComparison.Ordinal);
        Assert.DoesNotContain("stack trace", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_breaker_key_made_of_a_url_shows_no_query()
    {
        Bench bench = new();
        await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "tenant:https://buyer.example/hooks?token=secret" });
        Assert.Equal("tenant:https://buyer.example/hooks", bench.Records[0].BreakerKey);
    }

    [Fact]
    public async Task One_slow_endpoint_holds_only_its_share()
    {
        Bench bench = new(o => o with { MaxConcurrencyPerEndpoint = 2, MaxConcurrency = 3 });
        TaskCompletionSource<int>[] hung = [.. Enumerable.Range(0, 6).Select(_ => bench.Sender.Hangs())];
        Task<DeliveryOutcome>[] slow = [.. Enumerable.Range(0, 5).Select(_ => bench.DeliverAsync().AsTask())];
        Assert.Equal(2, bench.Sender.Sent.Count);
        WebhookDestination other = new("https://other.example/", "op");
        Task<DeliveryOutcome>[] rest = [bench.DeliverAsync(to: other).AsTask(), bench.DeliverAsync(to: other).AsTask()];
        Assert.Equal(3, bench.Sender.Sent.Count);
        foreach (TaskCompletionSource<int> one in hung)
        {
            one.SetResult(200);
        }

        Assert.All(await Task.WhenAll([.. slow, .. rest]), o => Assert.True(o.IsDelivered));
    }

    [Fact]
    public async Task Any_prepared_webhook_is_supervised()
    {
        Bench bench = new();
        bench.Sender.Status(503);
        PreparedWebhook stored = new(bench.Destination, "{\"a2a\":true}"u8.ToArray(), "key-from-the-outbox");
        Assert.True((await bench.Supervisor.DeliverAsync(stored)).IsDelivered);
        Assert.Equal([stored, stored], bench.Sender.Sent);
    }

    [Fact]
    public async Task Breakers_can_be_seen_held_and_measured()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 }, Retry = Once });
        List<CircuitTransition> seen = [];
        bench.Supervisor.Endpoints.StateChanged += seen.Add;
        bench.Supervisor.Endpoints.StateChanged += _ => throw new InvalidOperationException("a listener's fault");
        long attempts = 0;
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument is { Meter.Name: "Adcp.Aot", Name: "adcp.webhook.attempts" })
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref attempts, value));
        listener.Start();
        bench.Sender.Status(503);
        await bench.DeliverAsync();
        EndpointSnapshot row = Assert.Single(bench.Supervisor.Endpoints.Snapshot());
        Assert.Equal((CircuitState.Open, 503, 60 * Second), (row.State, row.LastStatusCode, row.NextProbeIn!.Value));
        bench.Supervisor.Endpoints.Reset(row.Key);
        Assert.True((await bench.DeliverAsync()).IsDelivered);
        bench.Supervisor.Endpoints.Isolate(row.Key);
        Assert.Equal("circuit_isolated", (await bench.DeliverAsync()).Code);
        Assert.Equal([CircuitState.Open, CircuitState.Closed, CircuitState.Isolated], seen.Select(t => t.To));
        Assert.True(attempts >= 3);
    }

    [Fact]
    public async Task Clock_and_randomness_are_the_callers()
    {
        Bench bench = new(o => o with { Random = new Fixed(0.5), Retry = new RetryPolicy { BaseDelay = 8 * Second } });
        bench.Sender.Status(503);
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        Assert.Equal(bench.Time.GetUtcNow() + (6 * Second), bench.Records[0].NextRetryAt);
        bench.Time.Advance(6 * Second);
        Assert.True((await delivering).IsDelivered);
    }

    [Fact]
    public void A_wired_supervisor_is_never_bypassed()
    {
        Bench bench = new();
        DeliveryTarget target = DeliveryTarget.Resolve(bench.Sender, bench.Supervisor);
        Assert.Equal((true, null), (target.Supervisor is not null, target.Sender));
    }

    [Fact]
    public async Task Nothing_after_a_2xx_sends_again()
    {
        Bench bench = new(o => o with
        {
            Responses = new Throwing(),
            Sink = new DelegateSink((_, _) => throw new InvalidOperationException()),
        });
        bench.Supervisor.Endpoints.StateChanged += _ => throw new InvalidOperationException();
        Assert.True((await bench.DeliverAsync()).IsDelivered);
        Assert.Single(bench.Sender.Sent);
    }

    [Fact]
    public async Task An_outage_does_not_flood_the_audit_and_every_skip_is_counted()
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
            Retry = Once,
            CircuitOpenRecordInterval = 10 * Second
        });
        bench.Sender.Status(503);
        await bench.DeliverAsync();
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync()).Status);
        }

        Assert.Equal(2, bench.Records.Count);
        bench.Time.Advance(60 * Second);
        await bench.DeliverAsync();
        Assert.Equal(999, bench.Records[^1].SkippedBefore);
    }

    [Fact]
    public async Task Draining_lets_deliveries_finish_and_cuts_the_rest_short_with_a_record()
    {
        Bench bench = new();
        TaskCompletionSource<int> finishes = bench.Sender.Hangs();
        bench.Sender.Hangs();
        Task<DeliveryOutcome> first = bench.DeliverAsync().AsTask();
        Task<DeliveryOutcome> second = bench.DeliverAsync().AsTask();
        using CancellationTokenSource grace = new();
        Task<DrainReport> draining = bench.Supervisor.DrainAsync(grace.Token);
        finishes.SetResult(200);
        Assert.True((await first).IsDelivered);
        Assert.False(draining.IsCompleted);
        await grace.CancelAsync();
        Assert.Equal(new DrainReport(Finished: 1, CutShort: 1, Abandoned: 0, RecordsDropped: 0), await draining);
        Assert.Equal(DeliveryStatus.ShutDown, (await second).Status);
        Assert.Equal(AttemptOutcome.Cancelled, bench.Records[^1].Outcome);
    }

    private static DeliveryOutcome Now(ValueTask<DeliveryOutcome> delivering)
    {
        Task<DeliveryOutcome> task = delivering.AsTask();
        Assert.True(task.IsCompletedSuccessfully);
        return task.Result;
    }

    private static WebhookSendResult Answer(PreparedWebhook webhook, int status, string header, string value)
    {
        using HttpResponseMessage response = new();
        HttpResponseHeaders headers = response.Headers;
        Assert.True(headers.TryAddWithoutValidation(header, value));
        return new WebhookSendResult(webhook, status) { ResponseHeaders = headers };
    }

    private static Bench HalfOpen()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 }, Retry = Once });
        bench.Sender.Status(503);
        Assert.Equal(DeliveryStatus.Exhausted, Now(bench.DeliverAsync()).Status);
        bench.Time.Advance(60 * Second);
        return bench;
    }

    private sealed class Fixed(double value) : Random
    {
        public override double NextDouble() => value;
    }

    private sealed class Throwing : ResponseTable
    {
        public override ResponseClassification Classify(WebhookSendResult result) => throw new InvalidOperationException();
    }
}
