using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Delivery;

/// <summary>One attempt of a delivery that is kept elsewhere, as an outbox makes it.</summary>
public sealed class AttemptRunnerTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
    private readonly ScriptedSender _sender = new();
    private readonly InMemoryDeliveryLogSink _sink = new();
    private readonly AttemptRunner _runner;
    private readonly PreparedWebhook _webhook =
        new(new WebhookDestination("https://buyer.example/hook", "op_1"), "{}"u8.ToArray(), "0123456789abcdef");

    public AttemptRunnerTests() => _runner = new AttemptRunner(_sender, new WebhookSupervisorOptions
    {
        Sink = _sink,
        SinkMode = SinkMode.Inline,
        TimeProvider = _time,
        Retry = new RetryPolicy { MaxAttempts = 7, BaseDelay = TimeSpan.FromSeconds(10), MaxDelay = TimeSpan.FromHours(1), Jitter = false },
        Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
    });

    public ValueTask DisposeAsync() => _runner.DisposeAsync();

    [Fact]
    public async Task A_failed_attempt_says_when_the_next_is_due_as_its_record_does()
    {
        _sender.Status(503);

        AttemptResult result = await RunAsync(new AttemptRequest(_webhook) { AttemptNumber = 4, SequenceNumber = 42 });

        DeliveryAttemptSnapshot record = Assert.Single(_sink.Snapshot());
        Assert.Equal((false, null, TimeSpan.FromSeconds(80)), (result.EndsDelivery, result.Status, result.Delay));
        Assert.Equal((4, 42L, 503), (result.AttemptsMade, result.SequenceNumber, result.Result!.StatusCode));
        Assert.Equal((4, 7, true, 42L), (record.AttemptNumber, record.MaxAttempts, record.WillRetry, record.SequenceNumber));
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromSeconds(80), result.NextAttemptAt);
        Assert.Equal(record.NextRetryAt, result.NextAttemptAt);
    }

    [Fact]
    public async Task The_last_attempt_ends_the_delivery()
    {
        _sender.Status(503);

        AttemptResult result = await RunAsync(new AttemptRequest(_webhook) { AttemptNumber = 7 });

        Assert.Equal((true, DeliveryStatus.Exhausted), (result.EndsDelivery, result.Status));
        Assert.False(Assert.Single(_sink.Snapshot()).WillRetry);
    }

    [Fact]
    public async Task An_attempt_whose_successor_would_be_too_late_is_the_last()
    {
        _sender.Status(503, 503);

        AttemptResult last = await RunAsync(new AttemptRequest(_webhook) { TimeLeft = TimeSpan.FromSeconds(10) });
        AttemptResult another = await RunAsync(new AttemptRequest(_webhook) { TimeLeft = TimeSpan.FromSeconds(11) });

        Assert.Equal(DeliveryStatus.DeadlineExceeded, last.Status);
        Assert.Null(another.Status);
        Assert.Equal([false, true], _sink.Snapshot().Select(record => record.WillRetry));
    }

    [Fact]
    public async Task A_refusal_makes_no_attempt_and_says_when_to_come_back()
    {
        _sender.Status(503, 503);
        await RunAsync(new AttemptRequest(_webhook));
        await RunAsync(new AttemptRequest(_webhook) { AttemptNumber = 2 });

        AttemptResult refused = await RunAsync(new AttemptRequest(_webhook) { AttemptNumber = 3, SequenceNumber = 9 });

        Assert.Equal((DeliveryStatus.CircuitOpen, 2, 9L), (refused.Status, refused.AttemptsMade, refused.SequenceNumber));
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromSeconds(60), refused.NextAttemptAt);
        Assert.Null(refused.Result);
        Assert.Equal((false, 2), (_sink.Snapshot()[^1].IsAttempt, _sink.Snapshot()[^1].AttemptNumber));
        Assert.Equal(2, _sender.Sent.Count);
    }

    [Fact]
    public async Task A_cancelled_attempt_leaves_a_record_and_no_permit()
    {
        _sender.Hangs();
        using CancellationTokenSource lease = new();
        Task<AttemptResult> running = _runner.RunAsync(new AttemptRequest(_webhook), lease.Token).AsTask();

        await lease.CancelAsync();

        Assert.Equal((DeliveryStatus.Cancelled, "cancelled"), ((await running).Status, (await running).Code));
        Assert.Equal(AttemptOutcome.Cancelled, Assert.Single(_sink.Snapshot()).Outcome);
        Assert.Equal(0, Assert.Single(_runner.Endpoints.Snapshot()).InFlight);
    }

    [Fact]
    public async Task A_runner_that_is_disposed_cuts_its_attempts_short_and_makes_no_more()
    {
        _sender.Hangs();
        Task<AttemptResult> running = RunAsync(new AttemptRequest(_webhook)).AsTask();

        await _runner.DisposeAsync();

        Assert.Equal(DeliveryStatus.ShutDown, (await running).Status);
        Assert.Equal(DeliveryStatus.ShutDown, (await RunAsync(new AttemptRequest(_webhook))).Status);
        Assert.Single(_sender.Sent);
    }

    [Fact]
    public async Task Bad_requests_are_refused_by_name()
    {
        Assert.Throws<ArgumentNullException>("webhook", () => new AttemptRequest(null!));
        Assert.Throws<ArgumentOutOfRangeException>("AttemptNumber", () => new AttemptRequest(_webhook) { AttemptNumber = 65_536 });
        Assert.Throws<ArgumentOutOfRangeException>("SequenceNumber", () => new AttemptRequest(_webhook) { SequenceNumber = 0 });
        Assert.Throws<ArgumentNullException>("sender", () => new AttemptRunner(null!));
        await Assert.ThrowsAsync<ArgumentNullException>("request", () =>
            _runner.RunAsync(null!, TestContext.Current.CancellationToken).AsTask());
    }

    private ValueTask<AttemptResult> RunAsync(AttemptRequest request) => _runner.RunAsync(request, TestContext.Current.CancellationToken);
}
