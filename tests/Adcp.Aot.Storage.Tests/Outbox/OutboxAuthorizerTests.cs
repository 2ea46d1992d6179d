using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Sending;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A worker asks before it attempts, and nothing is sent that was not allowed.</summary>
public sealed class OutboxAuthorizerTests : IAsyncDisposable
{
    private readonly OutboxBench _bench = new();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Attempts_are_decided_in_batches_with_the_context_of_their_webhooks()
    {
        Authorizer authorizer = new(static _ => AttemptDecision.Allow());
        RecordingSender sender = Sender(200);
        for (int i = 0; i < 100; i++)
        {
            await _bench.EnqueueAsync($"b{i}.example", $"subscription-{i}");
        }

        await StartAsync(sender, authorizer);
        await _bench.UntilEmptyAsync();

        Assert.Equal(100, sender.Count);
        Assert.True(authorizer.Calls < 50, $"{authorizer.Calls} calls");
        Assert.Equal(100, authorizer.Asked.Select(static asked => asked.Context).Distinct().Count());
        Assert.All(authorizer.Asked, static asked => Assert.Equal(
            asked.Context!["subscription-".Length..],
            asked.Webhook.Destination.Target.Authority[1..^".example".Length]));
        Assert.All(authorizer.Asked, static asked => Assert.Equal(("t1", 1), (asked.Tenant, asked.AttemptNumber)));
    }

    [Fact]
    public async Task Authorization_is_asked_again_before_each_retry()
    {
        Authorizer authorizer = new(static _ => AttemptDecision.Allow());
        RecordingSender sender = _bench.Sender((_, attempt, _) => ValueTask.FromResult(attempt < 3 ? 503 : 200));
        await _bench.EnqueueAsync("a.example", "context");
        await StartAsync(sender, authorizer);

        await _bench.UntilEmptyAsync();

        Assert.Equal([1, 2, 3], authorizer.Asked.Select(static asked => asked.AttemptNumber));
        Assert.All(authorizer.Asked, static asked => Assert.Equal("context", asked.Context));
    }

    [Fact]
    public async Task Suppressed_webhook_is_a_dead_letter_that_was_never_sent_and_its_record_says_why()
    {
        RecordingSender sender = Sender(200);
        OutboxReceipt receipt = await _bench.EnqueueAsync("a.example", type: "final");
        await StartAsync(sender, new Authorizer(static _ => AttemptDecision.Suppress("subscription_inactive")));

        await _bench.UntilEmptyAsync();

        Assert.Empty(sender.Attempts);
        Assert.Equal(("suppressed", 0), (Assert.Single(_bench.Store.DeadRows).Reason, _bench.Store.DeadRows[0].Attempts));
        DeliveryAttemptSnapshot record = Assert.Single(_bench.Records);
        Assert.Equal(
            (AttemptOutcome.Suppressed, "subscription_inactive", false, 0, false, receipt.IdempotencyKey),
            (record.Outcome, record.Code, record.IsAttempt, record.AttemptNumber, record.WillRetry, record.IdempotencyKey));
        Assert.Equal(1, (await _bench.Outbox.DeadLetters.CountAsync(new() { NotificationType = "final" })).Count);
    }

    [Fact]
    public async Task Deactivation_between_two_attempts_ends_the_delivery_after_one()
    {
        RecordingSender sender = Sender(503);
        Authorizer authorizer = new(
            static asked => asked.AttemptNumber == 1 ? AttemptDecision.Allow() : AttemptDecision.Suppress("subscription_inactive"));
        await _bench.EnqueueAsync("a.example");
        await StartAsync(sender, authorizer);

        await _bench.UntilEmptyAsync();

        Assert.Single(sender.Attempts);
        Assert.Equal(("suppressed", 1), (Assert.Single(_bench.Store.DeadRows).Reason, _bench.Store.DeadRows[0].Attempts));
        Assert.Equal([AttemptOutcome.Failure, AttemptOutcome.Suppressed], _bench.Records.Select(static record => record.Outcome));
    }

    [Fact]
    public async Task Attempt_that_is_to_be_made_later_is_made_after_the_delay_and_counts_once()
    {
        int calls = 0;
        RecordingSender sender = Sender(200);
        Authorizer authorizer = new(_ =>
            Interlocked.Increment(ref calls) == 1
                ? AttemptDecision.Later(TimeSpan.FromMinutes(5), "credential_unavailable")
                : AttemptDecision.Allow());
        await _bench.EnqueueAsync("a.example");
        (OutboxWorker worker, _) = await StartAsync(sender, authorizer);

        await _bench.Time.RunForAsync(TimeSpan.FromMinutes(4));
        Assert.Empty(sender.Attempts);
        Assert.Equal(1, (await worker.GetStatusAsync()).Deferred);
        await _bench.UntilEmptyAsync();

        Assert.Equal([1, 1], authorizer.Asked.Select(static asked => asked.AttemptNumber));
        Assert.Equal(
            [(AttemptOutcome.Deferred, "credential_unavailable", 0), (AttemptOutcome.Success, null, 1)],
            _bench.Records.Select(static record => (record.Outcome, record.Code, record.AttemptNumber)));
        Assert.Equal(TimeSpan.FromMinutes(5), _bench.Records[0].NextRetryAt - _bench.Records[0].OccurredAt);
    }

    [Theory]
    [InlineData("throws")]
    [InlineData("says nothing")]
    [InlineData("never answers")]
    [InlineData("blocks")]
    public async Task Authorizer_that_fails_lets_nothing_through_and_costs_no_attempt(string how)
    {
        using ManualResetEventSlim released = new();
        bool isSick = true;
        RecordingSender sender = Sender(200);
        Authorizer authorizer = new(static _ => AttemptDecision.Allow())
        {
            Before = async token =>
            {
                if (!Volatile.Read(ref isSick))
                {
                    return true;
                }

                switch (how)
                {
                    case "throws":
                        throw new InvalidOperationException("no");
                    case "never answers":
                        await Task.Delay(Timeout.Infinite, CancellationToken.None);
                        return true;
                    case "blocks":
                        released.Wait(CancellationToken.None);
                        return false;
                    default:
                        return false;
                }
            },
        };
        for (int i = 0; i < 3; i++)
        {
            await _bench.EnqueueAsync($"b{i}.example");
        }

        await StartAsync(sender, authorizer, TimeSpan.FromSeconds(2));
        await _bench.UntilAsync(() => _bench.Records.Count >= 3);
        Assert.Empty(sender.Attempts);
        Volatile.Write(ref isSick, false);
        released.Set();
        await _bench.UntilEmptyAsync();

        Assert.Equal(3, sender.Count);
        Assert.Empty(_bench.Store.DeadRows);
        Assert.All(_bench.Records.Where(static record => record.IsAttempt), static record => Assert.Equal(1, record.AttemptNumber));
        Assert.All(
            _bench.Records.Where(static record => !record.IsAttempt),
            static record => Assert.Equal((AttemptOutcome.Deferred, true), (record.Outcome, record.WillRetry)));
    }

    [Fact]
    public async Task Deferred_webhook_that_grows_too_old_is_a_dead_letter_with_a_record()
    {
        RecordingSender sender = Sender(200);
        await _bench.EnqueueAsync("a.example", maxAge: TimeSpan.FromMinutes(2));
        await StartAsync(sender, new Authorizer(static _ => AttemptDecision.Later()));

        await _bench.UntilEmptyAsync();

        Assert.Empty(sender.Attempts);
        Assert.Equal("too_old", Assert.Single(_bench.Store.DeadRows).Reason);
        await _bench.UntilAsync(() => _bench.Records[^1].Outcome == AttemptOutcome.Expired);
        Assert.Equal(("too_old", false), (_bench.Records[^1].Code, _bench.Records[^1].WillRetry));
    }

    [Fact]
    public async Task Credentials_of_the_decision_replace_those_of_the_destination()
    {
        WebhookAuthentication? seen = null;
        RecordingSender sender = _bench.Sender((webhook, _, _) =>
        {
            seen = webhook.Destination.Authentication;
            return ValueTask.FromResult(200);
        });
        WebhookAuthentication own = new(AuthenticationScheme.Bearer, new string('c', 40));
        OutboxReceipt receipt = await _bench.EnqueueAsync("a.example");
        await StartAsync(sender, new Authorizer(_ => AttemptDecision.Allow(own)));

        await _bench.UntilEmptyAsync();

        Assert.Same(own, seen);
        Assert.Equal(receipt.IdempotencyKey, sender.Attempts.Single().IdempotencyKey);
    }

    [Fact]
    public async Task One_decision_does_not_hold_up_another_endpoint()
    {
        RecordingSender sender = Sender(200);
        Authorizer authorizer = new(static asked =>
            asked.Webhook.Destination.Url.Contains("later", StringComparison.Ordinal) ? AttemptDecision.Later() : AttemptDecision.Allow());
        for (int i = 0; i < 20; i++)
        {
            await _bench.EnqueueAsync(i % 2 == 0 ? "later.example" : "now.example");
        }

        await StartAsync(sender, authorizer);
        await _bench.UntilAsync(() => _bench.Store.Waiting == 10);

        Assert.Equal(10, sender.Count);
        Assert.All(sender.Attempts, static sent => Assert.Contains("now", sent.Destination.Url, StringComparison.Ordinal));
    }

    private RecordingSender Sender(int status) => _bench.Sender((_, _, _) => ValueTask.FromResult(status));

    private Task<(OutboxWorker Worker, FaultyOutboxStore Process)> StartAsync(
        RecordingSender sender, IAttemptAuthorizer authorizer, TimeSpan? timeout = null) =>
        _bench.StartAsync(
            sender, options => options with { Authorizer = authorizer, AuthorizerTimeout = timeout ?? TimeSpan.FromMinutes(5) });

    private sealed class Authorizer(Func<PlannedAttempt, AttemptDecision> decide) : IAttemptAuthorizer
    {
        private readonly Lock _lock = new();
        private readonly List<PlannedAttempt> _asked = [];
        private int _calls;

        /// <summary>Gets the first step of a call; the call decides nothing if it returns false.</summary>
        public Func<CancellationToken, Task<bool>>? Before { get; init; }

        public int Calls => Volatile.Read(ref _calls);

        public IReadOnlyList<PlannedAttempt> Asked
        {
            get
            {
                lock (_lock)
                {
                    return [.. _asked];
                }
            }
        }

        public async ValueTask AuthorizeAsync(
            IReadOnlyList<PlannedAttempt> attempts, Memory<AttemptDecision> decisions, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _calls);
            if (Before is not null && !await Before(cancellationToken))
            {
                return;
            }

            lock (_lock)
            {
                _asked.AddRange(attempts);
            }

            for (int i = 0; i < attempts.Count; i++)
            {
                decisions.Span[i] = decide(attempts[i]);
            }
        }
    }
}
