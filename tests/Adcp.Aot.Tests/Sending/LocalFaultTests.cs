using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Sending;

/// <summary>
/// Faults of this machine and its network are not the endpoint's, and the results of names reveal nothing about this
/// network.
/// </summary>
public sealed class LocalFaultTests : IDisposable
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData(SocketError.TooManyOpenSockets)]
    [InlineData(SocketError.AddressNotAvailable)]
    [InlineData(SocketError.AddressAlreadyInUse)]
    [InlineData(SocketError.NoBufferSpaceAvailable)]
    [InlineData(SocketError.NetworkUnreachable)]
    [InlineData(SocketError.NetworkDown)]
    [InlineData(SocketError.AccessDenied)]
    [InlineData(SocketError.AddressFamilyNotSupported)]
    [InlineData(SocketError.TryAgain)]
    [InlineData(SocketError.NoRecovery)]
    public void Fault_of_this_machine_is_retried_and_charged_to_no_endpoint(SocketError error)
    {
        HttpRequestException thrown = new("no", new IOException("no", new SocketException((int)error)));

        (WebhookSendError kind, string detail) = AttemptFault.Classify(thrown, timedOut: false);
        ResponseClassification ours = ResponseTable.Adcp.Classify(new WebhookSendResult(Webhook(), kind, detail));
        AttemptStep step = default;
        ResponseClassification foreign = AttemptClassifier.Classify(thrown, ref step);

        Assert.Equal((WebhookSendError.LocalNetwork, WebhookSendError.LocalNetwork), (kind, step.Error));
        Assert.Equal((DeliveryVerdict.Retry, EndpointHealth.Unknown), (ours.Verdict, ours.Health));
        Assert.Equal((DeliveryVerdict.Retry, EndpointHealth.Unknown), (foreign.Verdict, foreign.Health));
    }

    [Theory]
    [InlineData(SocketError.ConnectionRefused, WebhookSendError.ConnectionFailed)]
    [InlineData(SocketError.ConnectionReset, WebhookSendError.ConnectionFailed)]
    [InlineData(SocketError.HostUnreachable, WebhookSendError.ConnectionFailed)]
    [InlineData(SocketError.TimedOut, WebhookSendError.Timeout)]
    public void Fault_of_the_endpoint_is_charged_to_it(SocketError error, WebhookSendError kind)
    {
        HttpRequestException thrown = new("no", new SocketException((int)error));

        (WebhookSendError classified, string detail) = AttemptFault.Classify(thrown, timedOut: false);
        ResponseClassification verdict = ResponseTable.Adcp.Classify(new WebhookSendResult(Webhook(), classified, detail));

        Assert.Equal(kind, classified);
        Assert.Equal((DeliveryVerdict.Retry, EndpointHealth.Failing), (verdict.Verdict, verdict.Health));
    }

    [Fact]
    public async Task Resolver_that_is_down_opens_no_circuit()
    {
        using WebhookSender sender = Sender(static (_, _) => throw new SocketException((int)SocketError.TryAgain));
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(sender, null);
        WebhookDestination destination = new("https://buyer.example/");

        for (int i = 0; i < 10; i++)
        {
            DeliveryOutcome outcome = await supervisor.SendAsync(destination, new RawPayload());
            Assert.Equal(
                (DeliveryStatus.Exhausted, 3, WebhookSendError.LocalNetwork),
                (outcome.Status, outcome.Attempts, outcome.LastResult!.Error));
        }

        EndpointSnapshot endpoint = supervisor.Endpoints.Snapshot().Single();
        Assert.Equal((CircuitState.Closed, 0), (endpoint.State, endpoint.ConsecutiveFailures));
    }

    [Fact]
    public async Task Name_whose_answer_was_empty_once_is_asked_again_and_delivered()
    {
        await using RawReceiver receiver = new(static async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync();
        });
        Queue<IPAddress[]> answers = new([[], [.. Enumerable.Repeat(IPAddress.Loopback, 33)], [IPAddress.Loopback]]);
        using WebhookSender sender = Sender((_, _) => Task.FromResult(answers.Dequeue()));
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(sender, null);

        DeliveryOutcome outcome = await supervisor.SendAsync(
            new WebhookDestination($"http://buyer.example:{receiver.Port}/"), new RawPayload());

        Assert.Equal((DeliveryStatus.Delivered, 3), (outcome.Status, outcome.Attempts));
    }

    [Fact]
    public async Task Name_that_is_refused_looks_to_the_buyer_like_one_that_does_not_exist()
    {
        using WebhookSender sender = Sender(
            static (host, _) => host switch
            {
                "metadata.example" => Task.FromResult(new[] { IPAddress.Parse("169.254.169.254") }),
                "empty.example" => Task.FromResult(Array.Empty<IPAddress>()),
                _ => throw new SocketException((int)SocketError.HostNotFound),
            });

        List<string> seen = [];
        foreach (string host in new[] { "metadata.example", "empty.example", "absent.example" })
        {
            InMemoryDeliveryLogSink sink = new();
            await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(sender, sink);
            DeliveryOutcome outcome = await supervisor.SendAsync(new WebhookDestination($"https://{host}/"), new RawPayload());
            Assert.True(supervisor.Endpoints.TryGet($"https://{host}/", out EndpointSnapshot endpoint));
            seen.Add($"{outcome.Status} {outcome.Attempts} {outcome.Code} {endpoint.State} {endpoint.ConsecutiveFailures} "
                + string.Join(' ', sink.Snapshot().Select(
                    static record => $"{record.Outcome} {record.Error} {record.ErrorMessage} {record.IsAttempt}")));
        }

        Assert.Equal(seen[0], seen[1]);
        Assert.Equal(seen[0], seen[2]);
        Assert.Contains("Exhausted 3", seen[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Operator_learns_why_a_name_was_refused()
    {
        RecordingLogger logger = new();
        using WebhookSender sender = Sender(static (_, _) => Task.FromResult(new[] { IPAddress.Parse("169.254.169.254") }), logger);

        WebhookSendResult result = await sender.SendAsync(
            sender.Prepare(new WebhookDestination("https://buyer.example/x?secret=1"), new RawPayload()));

        string line = Assert.Single(logger.Lines);
        Assert.Contains("buyer.example", line, StringComparison.Ordinal);
        Assert.Contains("169.254.169.254, a metadata service", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        Assert.DoesNotContain("169.254", result.ErrorDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failure_of_the_connection_as_the_caller_cancels_is_the_cancellation()
    {
        using CancellationTokenSource cancel = new();
        using WebhookSender sender = Sender((_, _) =>
        {
            cancel.Cancel();
            throw new SocketException((int)SocketError.HostNotFound);
        });

        PreparedWebhook webhook = sender.Prepare(new WebhookDestination("https://buyer.example/"), new RawPayload());

        OperationCanceledException thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => sender.SendAsync(webhook, cancel.Token).AsTask());

        Assert.Equal(cancel.Token, thrown.CancellationToken);
    }

    private static PreparedWebhook Webhook() =>
        new(new WebhookDestination("https://buyer.example/"), "{}"u8.ToArray(), "key-0123456789abcdef");

    private static InMemoryWebhookDeliverySupervisor Supervisor(WebhookSender sender, IDeliveryLogSink? sink) =>
        new(sender, new WebhookSupervisorOptions
        {
            Sink = sink,
            SinkMode = SinkMode.Inline,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero },
        });

    private WebhookSender Sender(Func<string, CancellationToken, Task<IPAddress[]>> resolver, RecordingLogger? logger = null)
    {
        WebhookSenderOptions options = new()
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            Resolver = resolver,
        };
        return new WebhookSender(new Rfc9421Signer(_key), logger is null ? options : options with { Logger = logger });
    }
}
