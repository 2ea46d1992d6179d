using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Delivery;

/// <summary>The supervisor tests of AdCP's Python SDK in our form; the number of its test stands before each.</summary>
public sealed class SdkParityTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    // 1
    [Fact]
    public void The_first_attempt_has_no_delay() =>
        Assert.Equal(TimeSpan.Zero, new RetryPolicy { BaseDelay = 2 * Second }.DelayBeforeAttempt(1));

    // 2
    [Fact]
    public void Delays_double_without_jitter()
    {
        RetryPolicy policy = new() { BaseDelay = 2 * Second, MaxDelay = 60 * Second, Jitter = false };
        Assert.Equal([2 * Second, 4 * Second, 8 * Second],
            [policy.DelayBeforeAttempt(2), policy.DelayBeforeAttempt(3), policy.DelayBeforeAttempt(4)]);
    }

    // 3
    [Fact]
    public void Delays_stop_growing_at_the_maximum()
    {
        RetryPolicy policy = new() { BaseDelay = 10 * Second, MaxDelay = 15 * Second, Jitter = false };
        Assert.Equal([15 * Second, 15 * Second, 15 * Second],
            [policy.DelayBeforeAttempt(3), policy.DelayBeforeAttempt(10), policy.DelayBeforeAttempt(100_000)]);
    }

    // 4
    [Fact]
    public void Jitter_stays_between_half_and_the_whole_delay()
    {
        RetryPolicy policy = new() { BaseDelay = 4 * Second };
        for (int i = 0; i < 1000; i++)
        {
            Assert.InRange(policy.DelayBeforeAttempt(2), 2 * Second, 4 * Second);
        }
    }

    // 5
    [Fact]
    public void The_breaker_opens_at_the_failure_threshold()
    {
        CircuitBreaker breaker = new(new CircuitBreakerPolicy { FailureThreshold = 3 });
        breaker.RecordFailure(breaker.TryAcquire());
        breaker.RecordFailure(breaker.TryAcquire());
        CircuitPermit third = breaker.TryAcquire();
        Assert.Equal((CircuitState.Closed, true, 2), (breaker.State, third.IsGranted, breaker.Failures));
        breaker.RecordFailure(third);
        Assert.Equal((CircuitState.Open, false), (breaker.State, breaker.TryAcquire().IsGranted));
    }

    // 6
    [Fact]
    public void The_breaker_is_half_open_after_the_timeout()
    {
        (CircuitBreaker breaker, Microsoft.Extensions.Time.Testing.FakeTimeProvider time) = Opened();
        time.Advance(60 * Second);
        Assert.True(breaker.TryAcquire().IsGranted);
        Assert.Equal(CircuitState.HalfOpen, breaker.State);
    }

    // 7
    [Fact]
    public void The_breaker_closes_at_the_success_threshold_of_half_open()
    {
        (CircuitBreaker breaker, Microsoft.Extensions.Time.Testing.FakeTimeProvider time) = Opened();
        time.Advance(60 * Second);
        breaker.RecordSuccess(breaker.TryAcquire());
        Assert.Equal(CircuitState.HalfOpen, breaker.State);
        breaker.RecordSuccess(breaker.TryAcquire());
        Assert.Equal(CircuitState.Closed, breaker.State);
    }

    // 8
    [Fact]
    public void A_failure_in_half_open_opens_again()
    {
        (CircuitBreaker breaker, Microsoft.Extensions.Time.Testing.FakeTimeProvider time) = Opened();
        time.Advance(60 * Second);
        breaker.RecordFailure(breaker.TryAcquire());
        Assert.Equal(CircuitState.Open, breaker.State);
    }

    // 9
    [Fact]
    public async Task A_first_success_leaves_one_record()
    {
        Bench bench = new();
        DeliveryOutcome outcome = await bench.DeliverAsync();
        DeliveryAttemptSnapshot record = Assert.Single(bench.Records);
        Assert.Equal(DeliveryStatus.Delivered, outcome.Status);
        Assert.Single(bench.Sender.Sent);
        Assert.Equal((AttemptOutcome.Success, 1, 200, false),
            (record.Outcome, record.AttemptNumber, record.HttpStatusCode, record.WillRetry));
    }

    // 10
    [Fact]
    public async Task The_operation_id_reaches_the_sender_verbatim()
    {
        Bench bench = new();
        await bench.DeliverAsync();
        Assert.Equal("op_1", bench.Sender.Sent[0].Destination.OperationId);
    }

    // 11
    [Fact]
    public async Task Server_errors_are_retried_with_the_same_key_until_success()
    {
        Bench bench = new();
        bench.Sender.Status(503, 502);
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.True(outcome.IsDelivered);
        Assert.Equal(3, bench.Sender.Sent.Count);
        Assert.Single(bench.Sender.Sent.Distinct());
        Assert.Equal([AttemptOutcome.Failure, AttemptOutcome.Failure, AttemptOutcome.Success], bench.Records.Select(r => r.Outcome));
        Assert.Equal([1, 2, 3], bench.Records.Select(r => r.AttemptNumber));
        Assert.Equal([true, true, false], bench.Records.Select(r => r.WillRetry));
    }

    // 12
    [Fact]
    public async Task The_last_failure_is_returned_after_all_attempts()
    {
        Bench bench = new();
        bench.Sender.Status(503, 503, 503);
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal((DeliveryStatus.Exhausted, 503, 3), (outcome.Status, outcome.LastResult!.StatusCode, outcome.Attempts));
        Assert.Equal(3, bench.Records.Count(r => r.Outcome == AttemptOutcome.Failure));
    }

    // 13, inverted: the SDK creates a new key and body after an exception.
    [Fact]
    public async Task Exceptions_keep_key_and_bytes_and_end_as_an_outcome()
    {
        Bench bench = new();
        bench.Sender.Throws(() => new HttpRequestException("boom"), 3);
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal(DeliveryStatus.Exhausted, outcome.Status);
        Assert.IsType<HttpRequestException>(outcome.Fault);
        Assert.Equal(3, bench.Sender.Sent.Count);
        Assert.Single(bench.Sender.Sent.Select(w => w.IdempotencyKey).Distinct());
        Assert.Single(bench.Sender.Sent.Select(w => Convert.ToHexString(w.Body.Span)).Distinct());
        Assert.All(bench.Records, r => Assert.Equal((AttemptOutcome.Failure, null), (r.Outcome, r.HttpStatusCode)));
        Assert.All(bench.Records, r => Assert.Contains("HttpRequestException", r.ErrorMessage, StringComparison.Ordinal));
    }

    // 14, as decided: a typed outcome instead of no result.
    [Fact]
    public async Task An_open_circuit_skips_the_delivery_and_says_when_to_come_back()
    {
        Bench bench = Tripped(out int sent);
        DeliveryOutcome outcome = await bench.DeliverAsync();
        Assert.Equal((DeliveryStatus.CircuitOpen, 0), (outcome.Status, outcome.Attempts));
        Assert.Equal(bench.Time.GetUtcNow() + (60 * Second), outcome.RetryAt);
        Assert.Equal(sent, bench.Sender.Sent.Count);
        Assert.Equal((AttemptOutcome.CircuitOpen, 0), (bench.Records[^1].Outcome, bench.Records[^1].AttemptNumber));
    }

    // 15
    [Fact]
    public async Task One_endpoints_breaker_is_not_anothers()
    {
        Bench bench = Tripped(out _);
        Assert.True((await bench.DeliverAsync(to: new WebhookDestination("https://other.example/", "op"))).IsDelivered);
    }

    // 16
    [Fact]
    public void Sequences_count_for_each_key_from_one()
    {
        InMemoryWebhookDeliverySupervisor supervisor = new Bench().Supervisor;
        Assert.Equal([1, 2, 1, 3], [supervisor.NextSequence("k1"), supervisor.NextSequence("k1"), supervisor.NextSequence("k2"),
            supervisor.NextSequence("k1")]);
    }

    // 17
    [Fact]
    public async Task A_delivery_with_a_stream_records_its_number()
    {
        Bench bench = new();
        DeliveryOptions stream = new() { SequenceKey = "s" };
        await bench.DeliverAsync(stream);
        await bench.DeliverAsync(stream);
        Assert.Equal([1L, 2L], bench.Records.Select(r => r.SequenceNumber!.Value));
        Assert.All(bench.Records, r => Assert.Equal("s", r.SequenceKey));
    }

    // 18
    [Fact]
    public async Task A_sink_that_throws_does_not_hurt_the_delivery()
    {
        Bench bench = new(o => o with { Sink = new DelegateSink((_, _) => throw new InvalidOperationException()) });
        Assert.True((await bench.DeliverAsync()).IsDelivered);
        Assert.Equal(1, bench.Supervisor.SinkFailures);
    }

    // 19
    [Fact]
    public void The_in_memory_supervisor_promises_no_durability()
    {
        IWebhookDeliverySupervisor supervisor = new Bench().Supervisor;
        Assert.False(supervisor.IsDurable);
        Assert.Null(supervisor.RetryHorizon);
    }

    // 20 to 24: a platform's notifications and boot checks belong to the seller; only the choice between sender and
    // supervisor is decided here.
    [Fact]
    public void The_supervisor_wins_over_the_sender()
    {
        Bench bench = new();
        Assert.Same(bench.Supervisor, DeliveryTarget.Resolve(bench.Sender, bench.Supervisor).Supervisor);
        Assert.Null(DeliveryTarget.Resolve(bench.Sender, bench.Supervisor).Sender);
    }

    [Fact]
    public void A_sender_alone_is_a_target()
    {
        Bench bench = new();
        Assert.Same(bench.Sender, DeliveryTarget.Resolve(bench.Sender, null).Sender);
        Assert.True(DeliveryTarget.Resolve(bench.Sender, null).IsWired);
    }

    [Fact]
    public void A_supervisor_alone_is_a_target() => Assert.True(DeliveryTarget.Resolve(null, new Bench().Supervisor).IsWired);

    [Fact]
    public void Neither_is_no_target() => Assert.False(DeliveryTarget.Resolve(null, null).IsWired);

    // 25
    [Fact]
    public void A_null_sender_fails_at_construction_and_names_the_fix() =>
        Assert.Contains("WebhookSender.FromJwk",
            Assert.Throws<ArgumentNullException>(() => new InMemoryWebhookDeliverySupervisor(null!)).Message, StringComparison.Ordinal);

    // 26
    [Fact]
    public async Task Breaker_keys_separate_tenants_on_one_url()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 } });
        bench.Sender.Status(503);
        await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "tenantA:url", Retry = new RetryPolicy { MaxAttempts = 1 } });
        Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "tenantA:url" })).Status);
        Assert.True((await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "tenantB:url" })).IsDelivered);
    }

    // 27
    [Fact]
    public async Task The_breaker_key_is_the_canonical_url_by_default()
    {
        Bench bench = Tripped(out _);
        DeliveryOutcome outcome = await bench.DeliverAsync(
            to: new WebhookDestination("HTTPS://Buyer.example:443/hooks/./a?token=secret", "op_2"));
        Assert.Equal(DeliveryStatus.CircuitOpen, outcome.Status);
    }

    // 28
    [Fact]
    public async Task A_skip_burns_no_sequence_number()
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
            Retry = new RetryPolicy { MaxAttempts = 1 }
        });
        bench.Sender.Status(503);
        DeliveryOptions stream = new() { SequenceKey = "s" };
        await bench.DeliverAsync(stream);
        Assert.Null((await bench.DeliverAsync(stream)).SequenceNumber);
        Assert.Equal(2, bench.Supervisor.NextSequence("s"));
    }

    // 29
    [Fact]
    public async Task A_slow_sink_is_left_behind_at_its_timeout()
    {
        TaskCompletionSource never = new();
        Bench bench = new(o => o with
        {
            Sink = new DelegateSink((_, _) => new ValueTask(never.Task)),
            SinkTimeout = TimeSpan.FromMilliseconds(50)
        });
        Task<DeliveryOutcome> delivering = bench.DeliverAsync().AsTask();
        Assert.False(delivering.IsCompleted);
        bench.Time.Advance(TimeSpan.FromMilliseconds(50));
        Assert.True((await delivering).IsDelivered);
        never.SetResult();
    }

    // 30
    [Fact]
    public async Task The_notification_type_reaches_the_record()
    {
        Bench bench = new();
        await bench.DeliverAsync(new DeliveryOptions { NotificationType = "scheduled" });
        Assert.Equal("scheduled", bench.Records[0].NotificationType);
    }

    // 31
    [Fact]
    public async Task Response_time_is_monotonic_whatever_the_wall_clock_does()
    {
        SteppedTime? time = null;
        Bench bench = null!;
        bench = new Bench(o => o with { TimeProvider = time = new SteppedTime(o.TimeProvider) });
        bench.Sender.Does((webhook, _) =>
        {
            bench.Time.Advance(TimeSpan.FromMilliseconds(20));
            time!.Step = TimeSpan.FromHours(-1);
            return new(new WebhookSendResult(webhook, 200));
        });
        await bench.DeliverAsync();
        Assert.Equal(20, bench.Records[0].ResponseTimeMs);
    }

    private static (CircuitBreaker Breaker, Microsoft.Extensions.Time.Testing.FakeTimeProvider Time) Opened()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        CircuitBreaker breaker = new(new CircuitBreakerPolicy { FailureThreshold = 1 }, time);
        breaker.RecordFailure(breaker.TryAcquire());
        return (breaker, time);
    }

    /// <summary>Returns a bench whose endpoint's circuit two failures have opened.</summary>
    private static Bench Tripped(out int sent)
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
            Retry = new RetryPolicy { MaxAttempts = 2, BaseDelay = TimeSpan.Zero }
        });
        bench.Sender.Status(503, 503);
        Assert.True(bench.DeliverAsync().AsTask().IsCompletedSuccessfully);
        sent = bench.Sender.Sent.Count;
        return bench;
    }
}
