using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Delivery;

/// <summary>Deliveries to an endpoint with a rate limit wait for their turn.</summary>
public sealed class RateLimitTests
{
    private static readonly EndpointRateLimit OneASecond = new() { Origins = ["https://buyer.example"], MaxAttempts = 1 };

    [Fact]
    public async Task Deliveries_over_the_limit_wait_in_order_and_are_all_delivered_at_the_first_attempt()
    {
        Bench bench = Limited(OneASecond);
        Task<DeliveryOutcome>[] all = [.. Enumerable.Range(0, 4).Select(_ => bench.DeliverAsync().AsTask())];

        Assert.Single(bench.Sender.Sent);
        for (int second = 1; second <= 3; second++)
        {
            bench.Time.Advance(TimeSpan.FromMilliseconds(999));
            Assert.Equal(second, bench.Sender.Sent.Count);
            bench.Time.Advance(TimeSpan.FromMilliseconds(1));
            await all[second];
            Assert.Equal(second + 1, bench.Sender.Sent.Count);
        }

        Assert.All(
            await Task.WhenAll(all), static outcome => Assert.Equal((DeliveryStatus.Delivered, 1), (outcome.Status, outcome.Attempts)));
        Assert.All(bench.Records, static record => Assert.Equal(AttemptOutcome.Success, record.Outcome));
        Assert.Equal(0, Assert.Single(bench.Supervisor.Endpoints.Snapshot()).ConsecutiveFailures);
    }

    [Fact]
    public async Task A_burst_may_begin_at_once_after_a_pause_and_is_earned_back_evenly()
    {
        Bench bench = Limited(OneASecond with { Burst = 3, MaxAttempts = 2, Period = TimeSpan.FromSeconds(1) });
        Task<DeliveryOutcome>[] first = Begin(bench, 5);
        Assert.Equal(3, bench.Sender.Sent.Count);
        bench.Time.Advance(TimeSpan.FromMilliseconds(500));
        await first[3];
        bench.Time.Advance(TimeSpan.FromMilliseconds(500));
        await first[4];

        bench.Time.Advance(TimeSpan.FromMilliseconds(1000));
        Task<DeliveryOutcome>[] second = Begin(bench, 3);
        Assert.Equal(7, bench.Sender.Sent.Count);
        bench.Time.Advance(TimeSpan.FromMilliseconds(500));
        await Task.WhenAll(second);
    }

    [Fact]
    public async Task Retries_take_a_turn_too()
    {
        Bench bench = Limited(OneASecond);
        bench.Sender.Status(503);
        Task<DeliveryOutcome> delivery = bench.DeliverAsync().AsTask();

        Assert.Single(bench.Sender.Sent);
        bench.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((DeliveryStatus.Delivered, 2), ((await delivery).Status, (await delivery).Attempts));
    }

    [Fact]
    public void Endpoints_and_tenants_have_their_limits_for_themselves_and_other_origins_have_none()
    {
        Bench bench = Limited(OneASecond);
        WebhookDestination[] destinations =
        [
            new("https://buyer.example/a"), new("https://buyer.example/b"), new("https://other.example/a"), new("https://other.example/a"),
        ];

        foreach (WebhookDestination destination in destinations)
        {
            _ = bench.DeliverAsync(to: destination).AsTask();
        }

        _ = bench.DeliverAsync(new DeliveryOptions { Tenant = "acme" }, destinations[0]).AsTask();

        Assert.Equal(5, bench.Sender.Sent.Count);
        _ = bench.DeliverAsync(to: destinations[0]).AsTask();
        Assert.Equal(5, bench.Sender.Sent.Count);
        Assert.Equal(1, bench.Supervisor.InFlight);
    }

    [Fact]
    public async Task A_delivery_that_waits_holds_no_permit_of_others()
    {
        Bench bench = new(options => options with { RateLimits = [OneASecond], MaxConcurrency = 1 });
        await bench.DeliverAsync();
        Task<DeliveryOutcome> waiting = bench.DeliverAsync().AsTask();

        DeliveryOutcome other = await bench.DeliverAsync(to: new WebhookDestination("https://other.example/"));

        Assert.Equal(DeliveryStatus.Delivered, other.Status);
        Assert.False(waiting.IsCompleted);
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(DeliveryStatus.Delivered, (await waiting).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_delivery_that_waits_can_be_cancelled_and_ends_at_its_deadline_without_an_attempt(bool byDeadline)
    {
        Bench bench = Limited(OneASecond with { Period = TimeSpan.FromHours(1) });
        await bench.DeliverAsync();
        using CancellationTokenSource caller = new();
        DeliveryOptions options = new() { Retry = RetryPolicy.Default with { Deadline = TimeSpan.FromMinutes(1) } };
        Task<DeliveryOutcome> waiting = bench.DeliverAsync(byDeadline ? options : null, token: caller.Token).AsTask();

        if (byDeadline)
        {
            bench.Time.Advance(TimeSpan.FromMinutes(1));
        }
        else
        {
            await caller.CancelAsync();
        }

        DeliveryOutcome outcome = await waiting;
        Assert.Equal((byDeadline ? DeliveryStatus.DeadlineExceeded : DeliveryStatus.Cancelled, 0), (outcome.Status, outcome.Attempts));
        Assert.Single(bench.Sender.Sent);
    }

    [Fact]
    public async Task A_shutdown_ends_deliveries_that_wait()
    {
        Bench bench = Limited(OneASecond with { Period = TimeSpan.FromHours(1) });
        await bench.DeliverAsync();
        Task<DeliveryOutcome> waiting = bench.DeliverAsync().AsTask();

        DrainReport report = await bench.Supervisor.DrainAsync(new CancellationToken(canceled: true));

        Assert.Equal(DeliveryStatus.ShutDown, (await waiting).Status);
        Assert.Equal(0, report.Abandoned);
    }

    [Fact]
    public async Task A_circuit_that_is_open_refuses_at_once_and_takes_no_turn()
    {
        Bench bench = Limited(OneASecond);
        await bench.DeliverAsync();
        bench.Supervisor.Endpoints.Isolate(bench.Destination);

        Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync()).Status);

        bench.Supervisor.Endpoints.Reset(bench.Destination);
        Task<DeliveryOutcome> next = bench.DeliverAsync().AsTask();
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(DeliveryStatus.Delivered, (await next).Status);
    }

    [Fact]
    public async Task A_circuit_that_opens_during_the_wait_refuses_without_an_attempt()
    {
        Bench bench = Limited(OneASecond);
        await bench.DeliverAsync();
        Task<DeliveryOutcome> waiting = bench.DeliverAsync().AsTask();
        bench.Supervisor.Endpoints.Isolate(bench.Destination);

        bench.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal((DeliveryStatus.CircuitOpen, 0), ((await waiting).Status, (await waiting).Attempts));
    }

    [Fact]
    public async Task The_first_limit_that_matches_holds()
    {
        Bench bench = Limited(OneASecond with { MaxAttempts = 1000 }, OneASecond with { Origins = ["*"], Period = TimeSpan.FromDays(1) });
        Task<DeliveryOutcome>[] fast = Begin(bench, 2);
        bench.Time.Advance(TimeSpan.FromMilliseconds(1));
        await Task.WhenAll(fast);

        WebhookDestination other = new("https://other.example/");
        await bench.DeliverAsync(to: other);
        Task<DeliveryOutcome> slow = bench.DeliverAsync(to: other).AsTask();
        bench.Time.Advance(TimeSpan.FromHours(23));
        Assert.False(slow.IsCompleted);
        bench.Time.Advance(TimeSpan.FromHours(1));
        await slow;
    }

    [Fact]
    public async Task A_single_attempt_of_an_outbox_waits_for_its_turn_as_well()
    {
        FakeTimeProvider time = new();
        ScriptedSender sender = new();
        await using AttemptRunner runner = new(sender, new WebhookSupervisorOptions { TimeProvider = time, RateLimits = [OneASecond] });
        AttemptRequest request = new(sender.Prepare(new WebhookDestination("https://buyer.example/a"), new RawPayload()));

        await runner.RunAsync(request);
        Task<AttemptResult> second = runner.RunAsync(request).AsTask();
        Assert.Equal((1, 1), (runner.Waiting, sender.Sent.Count));
        time.Advance(TimeSpan.FromSeconds(1));

        AttemptResult result = await second;
        Assert.Equal((DeliveryStatus.Delivered, 1), (result.Status, result.AttemptsMade));
        Assert.Equal(0, runner.Waiting);
    }

    [Theory]
    [InlineData("https://other.example/")]
    [InlineData("https://buyer.example/")]
    public async Task A_delivery_that_need_not_wait_allocates_nothing(string url)
    {
        EndpointRateLimit limit = OneASecond with { MaxAttempts = 1_000_000, Burst = 1_000_000 };
        await using InMemoryWebhookDeliverySupervisor supervisor = new(
            new QuickSender(), new WebhookSupervisorOptions { RateLimits = [limit] });
        PreparedWebhook webhook = new(new WebhookDestination(url), "{}"u8.ToArray(), "whk_0123456789abcdef");
        DeliveryOptions options = new();
        Deliver(200);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Deliver(1000);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Deliver(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Assert.True(IsDelivered(supervisor.DeliverAsync(webhook, options)));
            }
        }
    }

    [Fact]
    public void Bad_limits_are_refused_at_once()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => OneASecond with { MaxAttempts = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(static () => OneASecond with { Period = TimeSpan.FromMilliseconds(9) });
        Assert.Throws<ArgumentOutOfRangeException>(static () => OneASecond with { Burst = 0 });
        Assert.Throws<ArgumentException>(static () => OneASecond with { Origins = ["buyer.example"] });
        Assert.Throws<ArgumentException>(static () => new WebhookSupervisorOptions { RateLimits = [null!] });
        Assert.Throws<ArgumentException>(static () => new WebhookSupervisorOptions
        {
            RateLimits = [.. Enumerable.Repeat(OneASecond, 257)],
        });
    }

    private static bool IsDelivered(ValueTask<DeliveryOutcome> delivery) =>
        delivery.IsCompletedSuccessfully && delivery.Result.IsDelivered;

    private static Bench Limited(params EndpointRateLimit[] limits) => new(options => options with { RateLimits = limits });

    private static Task<DeliveryOutcome>[] Begin(Bench bench, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => bench.DeliverAsync().AsTask())];

    private sealed class QuickSender : IWebhookSender
    {
        private WebhookSendResult? _ok;

        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
            throw new NotSupportedException();

        public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
            new(_ok ??= new WebhookSendResult(webhook, 200));
    }
}
