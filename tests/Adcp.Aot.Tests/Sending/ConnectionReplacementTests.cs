using System.Collections.Concurrent;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Sending;

/// <summary>A kept connection that turns out to be closed is no sign of the endpoint's health.</summary>
public sealed class ConnectionReplacementTests : IDisposable
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 0)]
    [InlineData(true, 1 << 20)]
    [InlineData(false, 1 << 20)]
    public async Task Kept_connection_that_ends_at_its_second_request_is_replaced_within_the_attempt(bool reset, int bodySize)
    {
        ConcurrentQueue<string> heads = new();
        await using RawReceiver receiver = new(async connection =>
        {
            await TakeAsync(connection, heads);
            await connection.AnswerAsync();
            heads.Enqueue(await connection.ReadHeadAsync());
            End(connection, reset);
        });
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), Payload(bodySize));

        WebhookSendResult first = await sender.SendAsync(webhook);
        WebhookSendResult second = await sender.SendAsync(webhook);

        Assert.Equal((200, false), (first.StatusCode, first.ConnectionReplaced));
        Assert.Equal((200, true), (second.StatusCode, second.ConnectionReplaced));
        Assert.Equal((3, 2), (heads.Count, receiver.Accepted));
    }

    [Fact]
    public async Task Replacement_sends_the_same_key_and_bytes_under_a_fresh_signature()
    {
        ConcurrentQueue<(string Head, string Body)> requests = new();
        await using RawReceiver receiver = new(async connection =>
        {
            requests.Enqueue(await connection.ReadAsync());
            await connection.AnswerAsync();
            requests.Enqueue(await connection.ReadAsync());
            connection.Reset();
        });
        using WebhookSender sender = Sender();
        await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload()));

        await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload()));

        (string Head, string Body)[] seen = [.. requests];
        Assert.Equal(3, seen.Length);
        Assert.Equal(seen[1].Body, seen[2].Body);
        Assert.Equal(Line(seen[1].Head, "Content-Digest"), Line(seen[2].Head, "Content-Digest"));
        Assert.NotEqual(Line(seen[1].Head, "Signature-Input"), Line(seen[2].Head, "Signature-Input"));
        Assert.NotEqual(Line(seen[1].Head, "Signature:"), Line(seen[2].Head, "Signature:"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Receiver_that_ends_every_connection_at_its_second_request_loses_none_of_400_webhooks(bool reset)
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync();
            await connection.ReadAsync();
            End(connection, reset);
        });
        using WebhookSender sender = Sender();
        InMemoryDeliveryLogSink sink = new(capacity: 1000);
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(sender, sink);
        WebhookDestination destination = new(receiver.Url);

        for (int i = 0; i < 400; i++)
        {
            DeliveryOutcome outcome = await supervisor.SendAsync(destination, new RawPayload());
            Assert.Equal((DeliveryStatus.Delivered, 1), (outcome.Status, outcome.Attempts));
        }

        Assert.All(sink.Snapshot(), static record => Assert.Equal(AttemptOutcome.Success, record.Outcome));
        Assert.Equal((CircuitState.Closed, 0), State(supervisor));
    }

    [Fact]
    public async Task Ten_stale_connections_at_once_deliver_ten_webhooks()
    {
        const int Connections = 10;
        TaskCompletionSource allHere = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int arrived = 0;
        await using RawReceiver receiver = new(async connection =>
        {
            bool old = connection.Number <= Connections;
            await connection.ReadAsync();
            if (old && Interlocked.Increment(ref arrived) == Connections)
            {
                allHere.SetResult();
            }

            await allHere.Task;
            await connection.AnswerAsync();
            await connection.ReadAsync();
            connection.Reset();
        });
        using WebhookSender sender = Sender();
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(sender, null);
        WebhookDestination destination = new(receiver.Url);
        DeliveryOutcome[] warm = await SendAsync(supervisor, destination, Connections);

        DeliveryOutcome[] outcomes = await SendAsync(supervisor, destination, Connections);

        Assert.All(warm, static outcome => Assert.True(outcome.IsDelivered));
        Assert.All(
            outcomes,
            static outcome => Assert.Equal(
                (DeliveryStatus.Delivered, 1, true), (outcome.Status, outcome.Attempts, outcome.LastResult!.ConnectionReplaced)));
        Assert.Equal((CircuitState.Closed, 0), State(supervisor));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connection_that_was_closed_while_it_was_idle_costs_no_attempt(bool reset)
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync();
            End(connection, reset);
        });
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());

        for (int i = 0; i < 50; i++)
        {
            Assert.True((await sender.SendAsync(webhook)).Ok);
        }

        Assert.Equal(50, receiver.Accepted);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Failure_on_a_new_connection_counts(bool reset)
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            End(connection, reset);
        });
        using WebhookSender sender = Sender();

        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload()));

        Assert.Equal((WebhookSendError.ConnectionFailed, false), (result.Error, result.ConnectionReplaced));
        Assert.Equal(1, receiver.Accepted);
    }

    [Fact]
    public async Task Replacement_that_fails_too_counts_and_is_the_last()
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            if (connection.Number == 1)
            {
                await connection.AnswerAsync();
                await connection.ReadAsync();
            }

            connection.Reset();
        });
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());
        await sender.SendAsync(webhook);

        WebhookSendResult result = await sender.SendAsync(webhook);

        Assert.Equal((WebhookSendError.ConnectionFailed, true), (result.Error, result.ConnectionReplaced));
        Assert.Equal(2, receiver.Accepted);
    }

    [Theory]
    [InlineData("H")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    public async Task Connection_that_ends_within_an_answer_is_not_replaced(string beginning)
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync();
            await connection.ReadAsync();
            await connection.SendAsync(beginning);
        });
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());
        await sender.SendAsync(webhook);

        WebhookSendResult result = await sender.SendAsync(webhook);

        Assert.Equal((WebhookSendError.ConnectionFailed, false), (result.Error, result.ConnectionReplaced));
        Assert.Equal(1, receiver.Accepted);
    }

    [Fact]
    public async Task Time_out_on_a_kept_connection_counts()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync();
            await connection.ReadAsync();
            asked.SetResult();
            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });
        using WebhookSender sender = Sender(options => options with { TimeProvider = time });
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());
        await sender.SendAsync(webhook);

        Task<WebhookSendResult> sending = sender.SendAsync(webhook).AsTask();
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(10));
        WebhookSendResult result = await sending;

        Assert.Equal((WebhookSendError.Timeout, false), (result.Error, result.ConnectionReplaced));
        Assert.Equal(1, receiver.Accepted);
    }

    [Fact]
    public async Task Replacing_connection_is_not_kept()
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync();
            await connection.ReadAsync();
            connection.Reset();
        });
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload());

        List<bool> replaced = [];
        for (int i = 0; i < 5; i++)
        {
            replaced.Add((await sender.SendAsync(webhook)).ConnectionReplaced);
        }

        Assert.Equal([false, true, false, true, false], replaced);
    }

    private static async Task TakeAsync(RawReceiver.Connection connection, ConcurrentQueue<string> heads)
    {
        string head = await connection.ReadHeadAsync();
        heads.Enqueue(head);
        if (head.Contains("Expect: 100-continue", StringComparison.Ordinal))
        {
            await connection.SendAsync("HTTP/1.1 100 Continue\r\n\r\n");
        }

        await connection.ReadBodyAsync(head);
    }

    private static void End(RawReceiver.Connection connection, bool reset)
    {
        if (reset)
        {
            connection.Reset();
        }
        else
        {
            connection.Dispose();
        }
    }

    private static RawPayload Payload(int size) =>
        size == 0 ? new RawPayload() : new RawPayload { Body = "\"" + new string('x', size) + "\"" };

    private static string Line(string head, string name) =>
        head.Split("\r\n").Single(line => line.StartsWith(name, StringComparison.Ordinal));

    private static async Task<DeliveryOutcome[]> SendAsync(
        InMemoryWebhookDeliverySupervisor supervisor, WebhookDestination destination, int count) =>
        await Task.WhenAll(Enumerable.Range(0, count).Select(_ => supervisor.SendAsync(destination, new RawPayload()).AsTask()));

    private static (CircuitState State, int Failures) State(InMemoryWebhookDeliverySupervisor supervisor)
    {
        EndpointSnapshot endpoint = supervisor.Endpoints.Snapshot().Single();
        return (endpoint.State, endpoint.ConsecutiveFailures);
    }

    /// <summary>One failure would open its circuit.</summary>
    private static InMemoryWebhookDeliverySupervisor Supervisor(WebhookSender sender, IDeliveryLogSink? sink) =>
        new(sender, new WebhookSupervisorOptions
        {
            Sink = sink,
            SinkMode = SinkMode.Inline,
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
        });

    private WebhookSender Sender(Func<WebhookSenderOptions, WebhookSenderOptions>? configure = null)
    {
        WebhookSenderOptions options = new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true };
        return new WebhookSender(new Rfc9421Signer(_key), configure?.Invoke(options) ?? options);
    }
}
