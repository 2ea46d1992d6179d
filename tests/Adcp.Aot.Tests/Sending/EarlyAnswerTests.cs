using System.Collections.Concurrent;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Sending;

/// <summary>An answer counts from its headers on, even if it comes before the body was sent.</summary>
public sealed class EarlyAnswerTests : IDisposable
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData("401 Unauthorized", 401, true)]
    [InlineData("413 Content Too Large", 413, true)]
    [InlineData("200 OK", 200, true)]
    [InlineData("401 Unauthorized", 401, false)]
    [InlineData("413 Content Too Large", 413, false)]
    [InlineData("200 OK", 200, false)]
    public async Task Answer_to_the_head_of_nine_megabytes_is_the_outcome(string status, int code, bool closes)
    {
        ConcurrentQueue<string> heads = new();
        await using RawReceiver receiver = new(async connection =>
        {
            heads.Enqueue(await connection.ReadHeadAsync());
            await connection.AnswerAsync(status);
            if (!closes)
            {
                await Task.Delay(Timeout.Infinite, connection.Stopped);
            }
        });
        using WebhookSender sender = Sender();

        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), Large(9 << 20)));

        Assert.Equal((WebhookSendError.None, code), (result.Error, result.StatusCode));
        Assert.Contains("Expect: 100-continue", Assert.Single(heads), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receiver_that_ignores_the_expectation_is_waited_for_once()
    {
        ConcurrentQueue<string> heads = new();
        await using RawReceiver receiver = new(async connection =>
        {
            (string head, _) = await connection.ReadAsync();
            heads.Enqueue(head);
            await connection.AnswerAsync(headers: "Connection: close\r\n");
        });
        using WebhookSender sender = Sender();

        for (int i = 0; i < 3; i++)
        {
            Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), Large(1 << 20)))).Ok);
        }

        Assert.Equal([true, false, false], heads.Select(static head => head.Contains("Expect:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Receiver_that_honours_the_expectation_is_asked_each_time()
    {
        ConcurrentQueue<string> heads = new();
        await using RawReceiver receiver = new(async connection =>
        {
            while (true)
            {
                string head = await connection.ReadHeadAsync();
                heads.Enqueue(head);
                await connection.SendAsync("HTTP/1.1 100 Continue\r\n\r\n");
                await connection.ReadBodyAsync(head);
                await connection.AnswerAsync();
            }
        });
        using WebhookSender sender = Sender();

        for (int i = 0; i < 3; i++)
        {
            Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), Large(1 << 20)))).Ok);
        }

        Assert.Equal([true, true, true], heads.Select(static head => head.Contains("Expect:", StringComparison.Ordinal)));
        Assert.Equal(1, receiver.Accepted);
    }

    [Fact]
    public async Task Receiver_that_refuses_the_expectation_gets_the_webhook_without_it()
    {
        ConcurrentQueue<string> heads = new();
        await using RawReceiver receiver = new(async connection =>
        {
            string head = await connection.ReadHeadAsync();
            heads.Enqueue(head);
            if (head.Contains("Expect:", StringComparison.Ordinal))
            {
                await connection.AnswerAsync("417 Expectation Failed", "Connection: close\r\n");
                return;
            }

            await connection.ReadBodyAsync(head);
            await connection.AnswerAsync(headers: "Connection: close\r\n");
        });
        using WebhookSender sender = Sender();

        WebhookSendResult first = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), Large(1 << 20)));
        WebhookSendResult second = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), Large(1 << 20)));

        Assert.Equal((200, 200), (first.StatusCode, second.StatusCode));
        Assert.Equal([true, false, false], heads.Select(static head => head.Contains("Expect:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Small_webhook_expects_nothing()
    {
        string head = "";
        await using RawReceiver receiver = new(async connection =>
        {
            (head, _) = await connection.ReadAsync();
            await connection.AnswerAsync();
        });
        using WebhookSender sender = Sender();

        await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), Large(100 << 10)));

        Assert.DoesNotContain("Expect", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun", 200)]
    [InlineData("HTTP/1.1 200 OK\r\n\r\nbegun", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n", 200)]
    [InlineData("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nbegun", 503)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 101)]
    public async Task Body_that_never_ends_does_not_hold_the_attempt(string answer, int status)
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.SendAsync(answer);
            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });

        // If the body were waited for, the test would take the ten minutes of the attempt.
        using WebhookSender sender = Sender(options => options with { AttemptTimeout = TimeSpan.FromMinutes(10) });

        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload()));

        Assert.Equal((WebhookSendError.None, status), (result.Error, result.StatusCode));
    }

    [Fact]
    public async Task Answer_to_an_ownership_challenge_is_read_whole_however_slowly_it_comes()
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        TaskCompletionSource rest = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun");
            begun.SetResult();
            await rest.Task;
            await connection.SendAsync("ended");
            await Task.Delay(Timeout.Infinite, connection.Stopped);
        });
        using WebhookSender sender = Sender(options => options with { TimeProvider = time });
        AgentWebhookChallenge challenge = new()
        {
            SubscriberId = "s",
            SellerAgentUrl = "https://seller.example",
            DeliveryAuthentication = DeliveryAuthentication.Rfc9421,
        };

        Task<WebhookSendResult> sending = sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), challenge)).AsTask();
        await begun.Task;
        time.Advance(TimeSpan.FromSeconds(9));
        rest.SetResult();
        WebhookSendResult result = await sending;

        Assert.Equal("begunended"u8.ToArray(), result.ResponseBody.ToArray());
    }

    [Fact]
    public async Task Headers_of_sixty_kilobytes_are_read()
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync(headers: Thousands(60));
        });
        using WebhookSender sender = Sender();

        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload()));

        Assert.Equal(200, result.StatusCode);
    }

    [Fact]
    public async Task Headers_without_end_are_a_failed_attempt()
    {
        await using RawReceiver receiver = new(async connection =>
        {
            await connection.ReadAsync();
            await connection.AnswerAsync(headers: Thousands(80));
        });
        using WebhookSender sender = Sender();

        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.Url), new RawPayload()));

        Assert.Equal(WebhookSendError.ConnectionFailed, result.Error);
    }

    private static string Thousands(int count) =>
        string.Concat(Enumerable.Range(0, count).Select(static i => $"X-{i}: {new string('x', 1000)}\r\n"));

    private static RawPayload Large(int size) => new() { Body = "\"" + new string('x', size) + "\"" };

    private WebhookSender Sender(Func<WebhookSenderOptions, WebhookSenderOptions>? configure = null)
    {
        WebhookSenderOptions options = new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true };
        return new WebhookSender(new Rfc9421Signer(_key), configure?.Invoke(options) ?? options);
    }
}
