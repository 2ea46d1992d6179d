using Adcp.Aot.Resilience;
using Adcp.Aot.Tests.Doubles;
using CsCheck;

namespace Adcp.Aot.Tests.Resilience;

public sealed class EndpointTableTests
{
    private static readonly RetryPolicy Once = new() { MaxAttempts = 1 };

    /// <summary>Operation ids, none of which is a dot segment.</summary>
    private static readonly Gen<string> Ids = Gen.String[Gen.Char["abcXYZ019_.:-"], 1, 40].Select(static id => "op" + id);

    [Theory]
    [InlineData("https://buyer.example/adcp/webhook/create_media_buy/agent_1/op_1", "op_1", null,
        "https://buyer.example/adcp/webhook/create_media_buy/agent_1/{operation_id}")]
    [InlineData("https://buyer.example/hook/op%3A1", "op:1", null, "https://buyer.example/hook/{operation_id}")]
    [InlineData("https://buyer.example/hook/%6Fp_1/x", "op_1", null, "https://buyer.example/hook/{operation_id}/x")]
    [InlineData("https://buyer.example/t/a%2Fb", null, "a/b", "https://buyer.example/t/{task_id}")]
    [InlineData("https://buyer.example/t/caf%C3%A9", null, "café", "https://buyer.example/t/{task_id}")]
    [InlineData("https://buyer.example/hook?op=op_1&token=secret", "op_1", null, "https://buyer.example/hook")]
    [InlineData("https://buyer.example/hook-op_1/op_12", "op_1", null, "https://buyer.example/hook-op_1/op_12")]
    [InlineData("HTTPS://Buyer.Example:443/a/../hook", null, null, "https://buyer.example/hook")]
    [InlineData("https://buyer.example:8443", null, null, "https://buyer.example:8443/")]
    public void The_key_is_origin_and_path_without_what_changes_with_each_operation(string url, string? operationId,
        string? taskId, string key) =>
        Assert.Equal(key, EndpointTable.KeyOf(new WebhookDestination(url, operationId), taskId: taskId));

    [Fact]
    public void Urls_of_one_template_have_one_key_and_other_urls_have_another() =>
        Gen.Select(Ids, Ids).Sample((first, second) =>
        {
            string KeyOf(string id, string tail) =>
                EndpointTable.KeyOf(new WebhookDestination($"https://buyer.example/adcp/{Uri.EscapeDataString(id)}/{tail}?op={id}",
                    id), "acme");

            Assert.Equal(KeyOf(first, "done"), KeyOf(second, "done"));
            Assert.NotEqual(KeyOf(first, "done"), KeyOf(second, "other"));
        });

    [Fact]
    public async Task Tenants_never_share_an_endpoint()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 }, Retry = Once });
        bench.Sender.Status(503);

        await bench.DeliverAsync(new DeliveryOptions { Tenant = "acme" });

        Assert.Equal(DeliveryStatus.CircuitOpen, (await bench.DeliverAsync(new DeliveryOptions { Tenant = "acme" })).Status);
        Assert.True((await bench.DeliverAsync(new DeliveryOptions { Tenant = "acme b" })).IsDelivered);
        Assert.True((await bench.DeliverAsync()).IsDelivered);
        Assert.True((await bench.DeliverAsync(new DeliveryOptions { Tenant = "other", BreakerKey = "hook" })).IsDelivered);
        Assert.True((await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "hook" })).IsDelivered);
        Assert.Equal(5, bench.Supervisor.Endpoints.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fifty_operations_to_a_dead_host_make_at_most_seven_requests(bool hasOperationId)
    {
        Bench bench = new(o => o with { Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero } });
        for (int i = 0; i < 200; i++)
        {
            bench.Sender.Result(webhook =>
                new WebhookSendResult(webhook, WebhookSendError.ConnectionFailed, "connection refused") { IsConnectFailure = true });
        }

        for (int i = 0; i < 50; i++)
        {
            WebhookDestination destination =
                new($"https://dead.example/adcp/webhook/create_media_buy/agent_1/op_{i}", hasOperationId ? $"op_{i}" : null);
            await bench.Supervisor.SendAsync(destination, new RawPayload(), new DeliveryOptions { Tenant = "acme" },
                TestContext.Current.CancellationToken);
        }

        Assert.InRange(bench.Sender.Sent.Count, 5, 7);
        Assert.True(bench.Supervisor.Endpoints.TryGet("acme https://dead.example", out EndpointSnapshot origin));
        Assert.Equal(CircuitState.Open, origin.State);
    }

    [Fact]
    public async Task An_origin_that_answers_again_recovers_for_all_its_urls()
    {
        Bench bench = new(o => o with { Retry = Once });
        for (int i = 0; i < 5; i++)
        {
            bench.Sender.Throws(() => new HttpRequestException(HttpRequestError.ConnectionError));
            await bench.DeliverAsync(to: new WebhookDestination($"https://buyer.example/{i}"));
        }

        WebhookDestination another = new("https://buyer.example/another");
        DeliveryOutcome refused = await bench.DeliverAsync(to: another);
        bench.Time.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal((DeliveryStatus.CircuitOpen, bench.Time.GetUtcNow()), (refused.Status, refused.RetryAt));
        Assert.True((await bench.DeliverAsync(to: another)).IsDelivered);
        Assert.True((await bench.DeliverAsync(to: new WebhookDestination("https://buyer.example/0"))).IsDelivered);
        Assert.True(bench.Supervisor.Endpoints.TryGet("https://buyer.example", out EndpointSnapshot origin));
        Assert.Equal(CircuitState.Closed, origin.State);
    }

    [Fact]
    public async Task Answers_and_read_timeouts_do_not_count_against_the_origin()
    {
        Bench bench = new(o => o with { Retry = Once });
        bench.Sender.Status(503, 503, 503, 503, 503);
        for (int i = 0; i < 10; i++)
        {
            if (i >= 5)
            {
                bench.Sender.Result(webhook => new WebhookSendResult(webhook, WebhookSendError.Timeout));
            }

            await bench.DeliverAsync(to: new WebhookDestination($"https://buyer.example/{i}"));
        }

        Assert.False(bench.Supervisor.Endpoints.TryGet("https://buyer.example", out _));
        Assert.Equal(10, bench.Sender.Sent.Count);
    }

    [Fact]
    public async Task An_isolated_origin_refuses_every_path()
    {
        Bench bench = new();
        bench.Supervisor.Endpoints.Isolate("https://buyer.example");

        Assert.Equal("circuit_isolated", (await bench.DeliverAsync()).Code);
        Assert.Equal("circuit_isolated", (await bench.DeliverAsync(to: new WebhookDestination("https://buyer.example/other"))).Code);
        Assert.True((await bench.DeliverAsync(to: new WebhookDestination("https://other.example/"))).IsDelivered);
        bench.Supervisor.Endpoints.Reset("https://buyer.example");
        Assert.True((await bench.DeliverAsync()).IsDelivered);
    }

    [Fact]
    public async Task Isolate_holds_for_a_delivery_that_waited_until_its_endpoint_was_forgotten()
    {
        Bench bench = new(o => o with { Retry = RetryPolicy.Schedule(TimeSpan.FromMinutes(30)) });
        bench.Sender.Status(503, 503);
        Task<DeliveryOutcome> waiting = bench.DeliverAsync().AsTask();
        DeliveryOptions custom = new() { BreakerKey = "key", Tenant = "acme" };
        Task<DeliveryOutcome> waitingToo = bench.DeliverAsync(custom).AsTask();
        bench.Supervisor.Endpoints.Reset(bench.Destination);
        bench.Supervisor.Endpoints.Reset("acme key");
        bench.Time.Advance(TimeSpan.FromMinutes(20));
        bench.Supervisor.Endpoints.Sweep();
        Assert.Equal(0, bench.Supervisor.Endpoints.Count);

        bench.Supervisor.Endpoints.Isolate(bench.Destination);
        bench.Supervisor.Endpoints.Isolate("acme key");
        bench.Time.Advance(TimeSpan.FromMinutes(10));

        Assert.Equal("circuit_isolated", (await waiting).Code);
        Assert.Equal("circuit_isolated", (await waitingToo).Code);
        Assert.Equal(2, bench.Sender.Sent.Count);
    }

    [Fact]
    public async Task A_changed_policy_holds_for_failures_that_were_counted_before()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 10 }, Retry = Once });
        bench.Sender.Status(503, 503, 503);
        await bench.DeliverAsync();
        await bench.DeliverAsync();

        bench.Supervisor.Endpoints.Policy = new CircuitBreakerPolicy { FailureThreshold = 3, OpenTimeout = TimeSpan.FromHours(1) };
        EndpointSnapshot before = Assert.Single(bench.Supervisor.Endpoints.Snapshot());
        await bench.DeliverAsync();
        EndpointSnapshot after = Assert.Single(bench.Supervisor.Endpoints.Snapshot());

        Assert.Equal((CircuitState.Closed, CircuitState.Open), (before.State, after.State));
        Assert.Equal(TimeSpan.FromHours(1), after.NextProbeIn);
        Assert.Throws<ArgumentNullException>(() => bench.Supervisor.Endpoints.Policy = null!);
    }

    [Fact]
    public async Task Only_closed_idle_endpoints_are_forgotten()
    {
        Bench bench = new(o => o with { Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 }, Retry = Once });
        bench.Sender.Status(503, 200, 503);
        await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "open", Tenant = "acme" });
        await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "closed", Tenant = "acme" });
        await bench.DeliverAsync(new DeliveryOptions { BreakerKey = "open2" });
        TaskCompletionSource<int> busy = bench.Sender.Hangs();
        Task<DeliveryOutcome> running = bench.DeliverAsync(new DeliveryOptions { BreakerKey = "busy" }).AsTask();

        bench.Time.Advance(TimeSpan.FromDays(40));
        bench.Supervisor.Endpoints.Sweep();

        Assert.Equal(["acme open", "busy", "open2"], bench.Supervisor.Endpoints.Snapshot().Select(row => row.Key)
            .Order(StringComparer.Ordinal));
        busy.SetResult(200);
        Assert.True((await running).IsDelivered);
    }

    [Theory]
    [InlineData(25)]
    [InlineData(30)]
    [InlineData(50)]
    [InlineData(400)]
    public async Task An_open_circuit_that_was_idle_for_long_admits_a_probe(int days)
    {
        Bench bench = new(o => o with
        {
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1, OpenTimeout = TimeSpan.FromDays(7) },
            Retry = Once
        });
        bench.Sender.Status(503);
        await bench.DeliverAsync();
        EndpointSnapshot Row() => Assert.Single(bench.Supervisor.Endpoints.Snapshot());
        Assert.Equal(TimeSpan.FromDays(7), Row().NextProbeIn);

        bench.Time.Advance(TimeSpan.FromDays(days));

        Assert.Equal((CircuitState.Open, TimeSpan.Zero), (Row().State, Row().NextProbeIn));
        Assert.True((await bench.DeliverAsync()).IsDelivered);
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(1)]
    public async Task Slow_endpoints_of_one_tenant_take_that_tenants_share_only(int maxEndpoints)
    {
        Bench bench = new(o => o with
        {
            MaxConcurrencyPerEndpoint = 2,
            MaxConcurrencyPerTenant = 3,
            MaxConcurrency = 4,
            MaxEndpoints = maxEndpoints,
        });
        DeliveryOptions attacker = new() { Tenant = "attacker" };
        List<TaskCompletionSource<int>> hanging = [];
        List<Task<DeliveryOutcome>> attack = [];
        for (int i = 0; i < 3; i++)
        {
            hanging.Add(bench.Sender.Hangs());
            attack.Add(bench.DeliverAsync(attacker, new WebhookDestination($"https://slow.example/{i}")).AsTask());
        }

        attack.Add(bench.DeliverAsync(attacker, new WebhookDestination("https://slow.example/3")).AsTask());

        Assert.True((await bench.DeliverAsync(new DeliveryOptions { Tenant = "victim" })).IsDelivered);
        Assert.Equal(4, bench.Sender.Sent.Count);
        hanging.ForEach(gate => gate.SetResult(200));
        Assert.All(await Task.WhenAll(attack), outcome => Assert.True(outcome.IsDelivered));
        Assert.All(bench.Supervisor.Endpoints.Snapshot(), row => Assert.Equal(0, row.InFlight));
    }

    [Fact]
    public void Bad_keys_and_tenants_are_refused_with_the_rule()
    {
        Assert.Contains("1 to 4096", Assert.Throws<ArgumentException>("Tenant", () => new DeliveryOptions { Tenant = "" }).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("Tenant", () => new DeliveryOptions { Tenant = new string('t', 4097) });
        Assert.Contains("without spaces",
            Assert.Throws<ArgumentException>("BreakerKey", () => new DeliveryOptions { BreakerKey = "a b" }).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("BreakerKey", () => new DeliveryOptions { BreakerKey = "a\nb" });
        Assert.Throws<ArgumentNullException>("destination", () => EndpointTable.KeyOf(null!));
    }
}
