using Adcp.Aot.Operations;
using Adcp.Aot.Resilience;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Operations;

public sealed class WebhookOperationsTests
{
    private static readonly OperatorAction Night = new("alice", "buyer is down");

    [Fact]
    public async Task An_isolated_endpoint_refuses_until_it_is_reset_and_both_actions_are_recorded_with_actor_and_reason()
    {
        RecordingLogger log = new();
        ScriptedSender sender = new();
        await using InMemoryWebhookDeliverySupervisor supervisor = new(sender);
        WebhookOperations operations = new(supervisor, logger: log);
        WebhookDestination destination = new("https://buyer.example/hook");
        await SendAsync(supervisor, destination);
        EndpointStatus endpoint = Assert.Single((await operations.ListEndpointsAsync()).Items);

        EndpointStatus? isolated = await operations.IsolateAsync(endpoint.Id, Night);
        DeliveryOutcome refused = await SendAsync(supervisor, destination);
        EndpointStatus? reset = await operations.ResetAsync(endpoint.Id, new OperatorAction("bob"));
        DeliveryOutcome delivered = await SendAsync(supervisor, destination);

        Assert.Equal((CircuitState.Isolated, CircuitState.Closed), (isolated!.State, reset!.State));
        Assert.Equal((DeliveryStatus.CircuitOpen, DeliveryStatus.Delivered), (refused.Status, delivered.Status));
        IReadOnlyList<ActionRecord> actions = await operations.ListActionsAsync();
        Assert.Equal(
            [("bob", "reset", null), ("alice", "isolate", "buyer is down")],
            actions.Select(static action => (action.Actor, action.Action, action.Reason)));
        Assert.Equal(2, log.Lines.Count(static line => line.StartsWith("Operator action ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_unknown_endpoint_is_null_and_no_action_is_recorded()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);

        Assert.Null(await operations.IsolateAsync("0123456789abcdef", Night));
        Assert.Null(await operations.ResetAsync("", Night));
        Assert.Empty(await operations.ListActionsAsync());
    }

    [Fact]
    public async Task Endpoints_in_trouble_come_first_and_their_last_error_is_in_words()
    {
        ScriptedSender sender = new();
        await using InMemoryWebhookDeliverySupervisor supervisor = new(
            sender,
            new WebhookSupervisorOptions
            {
                Retry = new RetryPolicy { MaxAttempts = 1 },
                Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
            });
        WebhookOperations operations = new(supervisor);
        await SendAsync(supervisor, new("https://a-healthy.example/hook"));
        sender.Status(503);
        await SendAsync(supervisor, new("https://b-failing.example/hook"));
        sender.Status(500, 500);
        await SendAsync(supervisor, new("https://c-open.example/hook"));
        await SendAsync(supervisor, new("https://c-open.example/hook"));
        supervisor.Endpoints.Isolate("https://d-isolated.example/hook");

        IReadOnlyList<EndpointStatus> rows = (await operations.ListEndpointsAsync()).Items;
        OperationsStatus status = await operations.GetStatusAsync();

        Assert.Equal(
            ["https://d-isolated.example/hook", "https://c-open.example/hook", "https://b-failing.example/hook",
                "https://a-healthy.example/hook"],
            rows.Select(static row => row.Name));
        Assert.Equal([null, "answered 500", "answered 503", null], rows.Select(static row => row.LastError));
        Assert.Equal((4, 1, 1), (status.Endpoints, status.OpenEndpoints, status.IsolatedEndpoints));
    }

    [Fact]
    public async Task Ten_thousand_endpoints_are_paged_without_a_gap_or_a_repeat()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);
        for (int i = 0; i < 10_000; i++)
        {
            supervisor.Endpoints.Reset($"https://buyer-{(char)('a' + (i % 26))}.example:{i + 1}/hook");
        }

        HashSet<string> ids = [];
        EndpointQuery query = new() { Limit = 1000 };
        int rows = 0;
        while (true)
        {
            OperationsPage<EndpointStatus> page = await operations.ListEndpointsAsync(query);
            Assert.Equal(10_000, page.Count);
            rows += page.Items.Count;
            ids.UnionWith(page.Items.Select(static row => row.Id));
            if (page.Next is null)
            {
                break;
            }

            query = query with { After = page.Next };
        }

        Assert.Equal((10_000, 10_000), (rows, ids.Count));
    }

    [Fact]
    public async Task A_page_goes_on_behind_an_endpoint_that_is_gone()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);
        supervisor.Endpoints.Reset("https://a.example/hook");
        supervisor.Endpoints.Reset("https://c.example/hook");

        OperationsPage<EndpointStatus> page = await operations.ListEndpointsAsync(
            new EndpointQuery { After = "4|0000000000000000|https://b.example/hook" });

        Assert.Equal("https://c.example/hook", Assert.Single(page.Items).Name);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("|")]
    [InlineData("a|b|c")]
    public async Task A_cursor_that_is_no_cursor_is_refused(string after)
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);

        await Assert.ThrowsAsync<ArgumentException>("query", async () => await operations.ListEndpointsAsync(new() { After = after }));
    }

    [Fact]
    public async Task Endpoints_are_filtered_by_state_and_by_a_part_of_their_name()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);
        supervisor.Endpoints.Reset("https://buyer.example/hook");
        supervisor.Endpoints.Isolate("https://other.example/hook");

        Assert.Equal(
            "https://buyer.example/hook", Assert.Single((await operations.ListEndpointsAsync(new() { Text = "BUYER" })).Items).Name);
        Assert.Equal(
            "https://other.example/hook",
            Assert.Single((await operations.ListEndpointsAsync(new() { State = CircuitState.Isolated })).Items).Name);
    }

    [Fact]
    public async Task No_secret_of_a_url_is_shown()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender().Status(410));
        AttemptHistory history = new();
        WebhookOperations operations = new(supervisor, history);
        await SendAsync(supervisor, new("https://buyer.example/S3cretPath/hook?token=S3cretQuery"));
        EndpointStatus endpoint = Assert.Single((await operations.ListEndpointsAsync()).Items);
        await operations.IsolateAsync(endpoint.Id, Night);

        Assert.DoesNotContain("S3cret", endpoint.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("S3cret", (await operations.ListActionsAsync())[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_text_of_an_operator_cannot_begin_a_line_of_the_log()
    {
        RecordingLogger log = new();
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor, logger: log);
        supervisor.Endpoints.Reset("https://buyer.example/hook");
        EndpointStatus endpoint = Assert.Single((await operations.ListEndpointsAsync()).Items);

        await operations.ResetAsync(endpoint.Id, new OperatorAction("al\u202eice", "fine \u2028 warn: all lost"));

        Assert.DoesNotContain(log.Lines, static line => line.Any(static character => character is > '~' or < ' '));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a\nb")]
    [InlineData("a\u001bb")]
    public void An_actor_is_one_line_of_text(string actor) =>
        Assert.Throws<ArgumentException>(nameof(actor), () => new OperatorAction(actor));

    [Fact]
    public void Texts_of_actions_are_bounded()
    {
        Assert.Throws<ArgumentException>("actor", () => new OperatorAction(new string('a', 201)));
        Assert.Throws<ArgumentException>("reason", () => new OperatorAction("a", new string('a', 501)));
        Assert.Throws<ArgumentException>("reason", () => new OperatorAction("a", "b\r\nc"));
        Assert.Throws<ArgumentException>("reason", () => new OperatorAction("a", "b\ud800"));
        Assert.Null(new OperatorAction("a", " ").Reason);
    }

    [Fact]
    public async Task The_newest_thousand_actions_are_kept()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);
        supervisor.Endpoints.Reset("https://buyer.example/hook");
        EndpointStatus endpoint = Assert.Single((await operations.ListEndpointsAsync()).Items);
        for (int i = 0; i < 1005; i++)
        {
            await operations.ResetAsync(endpoint.Id, new OperatorAction($"operator-{i}"));
        }

        IReadOnlyList<ActionRecord> actions = await operations.ListActionsAsync();

        Assert.Equal((1000, "operator-1004", "operator-5"), (actions.Count, actions[0].Actor, actions[^1].Actor));
    }

    [Fact]
    public async Task Attempts_cannot_be_listed_without_a_history()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new ScriptedSender());
        WebhookOperations operations = new(supervisor);

        Assert.Equal(OperationsFeatures.None, operations.Features);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await operations.ListAttemptsAsync());
    }

    private static async Task<DeliveryOutcome> SendAsync(InMemoryWebhookDeliverySupervisor supervisor, WebhookDestination destination) =>
        await supervisor.SendAsync(destination, new RawPayload());
}
