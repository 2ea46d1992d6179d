using System.Net;
using System.Net.Sockets;
using System.Text;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Sending;

public sealed class WebhookSenderTests : IDisposable
{
    private static readonly CancellationToken Token = CancellationToken.None;

    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public WebhookSenderTests() => _listener.Start();

    private string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public void Dispose()
    {
        _listener.Dispose();
        _key.Dispose();
    }

    [Fact]
    public void A_sender_shows_its_version_and_the_key_that_signs()
    {
        WebhookSenderOptions options = new() { Version = AdcpVersion.V31 };
        using WebhookSender signing = new(new Rfc9421Signer(_key), options);
        using WebhookSender bearing = WebhookSender.FromBearerToken(new string('t', 40), options);

        Assert.Equal((AdcpVersion.V31, "k", SignatureAlgorithm.Ed25519), (signing.Version, signing.KeyId, signing.Algorithm));
        Assert.Equal((AdcpVersion.V31, null, null), (bearing.Version, bearing.KeyId, bearing.Algorithm));
    }

    [Fact]
    public async Task The_wire_carries_exactly_what_was_signed()
    {
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(Url + "/a//b/../%7ex%2f?q=%7e&+=", "op"),
            new RawPayload { Headers = [new("X-AdCP-Notification-Type", "final")] });
        Task<string> request = ReceiveAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        WebhookSendResult result = await sender.SendAsync(webhook, Token);
        string[] lines = (await request).Split("\r\n");
        Assert.Equal("POST /a//~x%2F?q=%7e&+= HTTP/1.1", lines[0]);
        Assert.Single(lines, l => l == "Host: " + webhook.Destination.Target.Authority);
        Assert.Single(lines, l => l == "Content-Type: application/json");
        Assert.Single(lines, l => l == "Content-Digest: " + Rfc9421Signer.ContentDigest(webhook.Body.Span));
        Assert.Single(lines, l => l.StartsWith("Signature: sig1=:", StringComparison.Ordinal));
        Assert.Single(lines, l => l.StartsWith("Signature-Input: sig1=(", StringComparison.Ordinal));
        Assert.Single(lines, l => l == "X-AdCP-Notification-Type: final");
        Assert.Equal(Encoding.UTF8.GetString(webhook.Body.Span), lines[^1]);
        Assert.Equal((true, 200, "ok"), (result.Ok, result.StatusCode, Encoding.UTF8.GetString(result.ResponseBody.Span)));
    }

    [Fact]
    public async Task Resending_keeps_key_and_bytes_and_signs_afresh()
    {
        using WebhookSender sender = Sender();
        Task<string> first = ReceiveAsync("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token);
        string one = await first;
        Task<string> second = ReceiveAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        Assert.True((await sender.ResendAsync(result, Token)).Ok);
        string two = await second;
        Assert.Equal(one.Split("\r\n\r\n")[1], two.Split("\r\n\r\n")[1]);
        Assert.NotEqual(Line(one, "Signature-Input"), Line(two, "Signature-Input"));
        Assert.NotEqual(Line(one, "Signature:"), Line(two, "Signature:"));
    }

    [Fact]
    public async Task Redirects_are_answers_and_never_followed()
    {
        using WebhookSender sender = Sender();
        Task<string> request = ReceiveAsync("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        Assert.Equal(302, (await sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token)).StatusCode);
        await request;
    }

    [Fact]
    public async Task A_huge_answer_is_read_to_the_cap_and_no_further()
    {
        using WebhookSender sender = Sender(o => o with { MaxResponseBytes = 100 });
        Task<string> request = ReceiveAsync("HTTP/1.1 500 No\r\nContent-Length: 10000000\r\n\r\n" + new string('x', 5000));
        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token);
        await request;
        Assert.Equal((500, 100), (result.StatusCode, result.ResponseBody.Length));
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    [InlineData("")]
    public async Task A_hang_or_a_slow_drip_of_the_head_ends_at_the_attempt_timeout(string beginning)
    {
        Microsoft.Extensions.Time.Testing.FakeTimeProvider time = new();
        using WebhookSender sender = Sender(o => o with { TimeProvider = time });
        Task<(TcpClient, string)> request = AcceptAsync(beginning);
        Task<WebhookSendResult> sending = sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token).AsTask();
        (TcpClient held, _) = await request;
        time.Advance(TimeSpan.FromSeconds(10));
        WebhookSendResult result = await sending;
        held.Dispose();
        Assert.Equal((WebhookSendError.Timeout, 0), (result.Error, result.StatusCode));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(409)]
    public async Task A_status_stands_although_its_body_breaks(int status)
    {
        using WebhookSender sender = Sender();
        Task<string> request = ReceiveAsync($"HTTP/1.1 {status} X\r\nContent-Length: 100\r\n\r\nbroken");
        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token);
        await request;
        Assert.Equal((WebhookSendError.None, status), (result.Error, result.StatusCode));
    }

    [Fact]
    public async Task A_refused_connection_is_a_result_without_addresses()
    {
        using WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(Url), new RawPayload());
        _listener.Stop();
        WebhookSendResult result = await sender.SendAsync(webhook, Token);
        Assert.Equal((WebhookSendError.ConnectionFailed, "connection refused"), (result.Error, result.ErrorDetail));
    }

    [Fact]
    public async Task A_connection_that_breaks_is_a_result()
    {
        using WebhookSender sender = Sender();
        Task<(TcpClient Client, string)> request = AcceptAsync("");
        Task<WebhookSendResult> sending = sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token).AsTask();
        (TcpClient client, _) = await request;
        client.Client.Close(0);
        Assert.Equal(WebhookSendError.ConnectionFailed, (await sending).Error);
    }

    [Fact]
    public async Task The_callers_cancellation_is_the_callers()
    {
        using WebhookSender sender = Sender();
        using CancellationTokenSource cancel = new();
        Task<(TcpClient, string)> request = AcceptAsync("");
        Task<WebhookSendResult> sending =
            sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), cancel.Token).AsTask();
        (TcpClient held, _) = await request;
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        held.Dispose();
    }

    [Fact]
    public async Task Addresses_are_tried_in_order_until_one_accepts()
    {
        int port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        using WebhookSender sender = Sender(o =>
            o with { Resolver = (_, _) => Task.FromResult(new[] { IPAddress.Parse("127.0.0.2"), IPAddress.Loopback }) });
        Task<string> request = ReceiveAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination($"http://buyer.example:{port}/"), new RawPayload()),
            Token)).Ok);
        Assert.Contains($"Host: buyer.example:{port}", await request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_with_one_reserved_address_is_refused_and_nothing_is_sent()
    {
        using WebhookSender sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            Resolver = (_, _) => Task.FromResult(new[] { IPAddress.Parse("1.1.1.1"), IPAddress.Loopback }),
        });
        WebhookSendResult result = await sender.SendAsync(
            sender.Prepare(new WebhookDestination("https://rebinding.example/"), new RawPayload()), Token);
        Assert.Equal((WebhookSendError.NoUsableAddress, "the destination cannot be reached from here"), (result.Error, result.ErrorDetail));
        Assert.Equal(
            WebhookSendError.DestinationRefused,
            (await sender.SendAsync(sender.Prepare(new WebhookDestination("http://buyer.example/"), new RawPayload()), Token)).Error);
    }

    [Fact]
    public async Task A_connection_is_used_again()
    {
        using WebhookSender sender = Sender();
        using CancellationTokenSource done = new();
        int accepted = 0;
        Task serving = ServeAsync(() => accepted++, done.Token);
        for (int i = 0; i < 3; i++)
        {
            Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination(Url), new RawPayload()), Token)).Ok);
        }

        await done.CancelAsync();
        await serving;
        Assert.Equal(1, accepted);
    }

    [Fact]
    public async Task The_docker_hook_changes_the_host_that_is_checked_and_signed()
    {
        int port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        using WebhookSender sender = Sender(o => o with
        {
            TransportHooks = [new DockerLocalhostRewrite("host.docker.internal")],
            Resolver = (host, _) => Task.FromResult(host == "host.docker.internal" ? new[] { IPAddress.Loopback } : []),
        });
        Task<string> request = ReceiveAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination($"http://localhost:{port}/x"), new RawPayload()),
            Token)).Ok);
        Assert.Contains($"Host: host.docker.internal:{port}", await request, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() =>
            Sender(o => o with { AllowPrivateNetworks = false, TransportHooks = [new DockerLocalhostRewrite()] }));
        Assert.Throws<ArgumentException>(() => new DockerLocalhostRewrite("a b"));
        Assert.Throws<ArgumentNullException>(() => new DockerLocalhostRewrite(null!));
    }

    [Theory]
    [InlineData("Signature", "x")]
    [InlineData("content-type", "text/plain")]
    [InlineData("HOST", "evil")]
    [InlineData("Transfer-Encoding", "chunked")]
    [InlineData("Authorization", "Bearer x")]
    [InlineData("X-A", "b\r\nX-B: c")]
    [InlineData("X A", "b")]
    [InlineData("", "b")]
    public void Headers_that_are_ours_or_break_out_are_refused(string name, string value)
    {
        using WebhookSender sender = Sender();
        Assert.Throws<WebhookPayloadException>(() =>
            sender.Prepare(new WebhookDestination(Url), new RawPayload { Headers = [new(name, value)] }));
    }

    [Fact]
    public void Bad_input_is_named_at_once()
    {
        using WebhookSender sender = Sender(o => o with { MaxBodyBytes = 64 });
        WebhookDestination destination = new(Url);
        Assert.Equal("body_too_large",
            Assert.Throws<WebhookPayloadException>(() => sender.Prepare(destination, new RawPayload { Body = new string('x', 65) })).Code);
        Assert.Equal("missing_sequence_number",
            Assert.Throws<WebhookPayloadException>(() => sender.Prepare(destination, new RawPayload(numbered: true))).Code);
        Assert.Throws<ArgumentOutOfRangeException>(() => sender.Prepare(destination, new RawPayload(), 0));
        Assert.Throws<ArgumentNullException>(() => sender.Prepare(null!, new RawPayload()));
        Assert.Throws<ArgumentNullException>(() => sender.Prepare(destination, null!));
        Assert.Throws<ArgumentException>(() => sender.Prepare(destination, new RawPayload { IdempotencyKey = "short" }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSenderOptions { Version = default });
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new WebhookSenderOptions { Version = AdcpVersion.V32, AttemptTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookSenderOptions { Version = AdcpVersion.V32, MaxBodyBytes = 0 });
        Assert.Throws<ArgumentNullException>(() => new WebhookSenderOptions { Version = AdcpVersion.V32, TransportHooks = null! });
        Assert.Throws<ArgumentNullException>(() => new WebhookSender(null!, new WebhookSenderOptions { Version = AdcpVersion.V32 }));
        Assert.Throws<ArgumentNullException>(() => WebhookSender.FromJwk("{}", null!));
        Assert.ThrowsAny<ArgumentException>(() => WebhookSender.FromJwk("{}", new WebhookSenderOptions { Version = AdcpVersion.V32 }));
        Assert.Throws<ArgumentException>(() => new PreparedWebhook(destination, default, "key-0123456789abcdef"));
        Assert.Throws<ArgumentException>(() => new PreparedWebhook(destination, "{}"u8.ToArray(), "short"));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new WebhookSendResult(new PreparedWebhook(destination, "{}"u8.ToArray(), "key-0123456789abcdef"), 99));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new WebhookSendResult(new PreparedWebhook(destination, "{}"u8.ToArray(), "key-0123456789abcdef"), WebhookSendError.None));
    }

    [Theory]
    [InlineData("https://user:pass@buyer.example/", null, null)]
    [InlineData("not a url", null, null)]
    [InlineData("", null, null)]
    [InlineData("https://bu\u0000yer.example/", null, null)]
    [InlineData("https://buyer.example/", "", null)]
    [InlineData("https://buyer.example/", "op 1", null)]
    [InlineData("https://buyer.example/", "op", "short")]
    [InlineData("https://buyer.example/", "op", "sixteen-characters\r\nX: y")]
    public void A_destination_that_is_none_is_refused(string url, string? operationId, string? token) =>
        Assert.Throws<ArgumentException>(() => new WebhookDestination(url, operationId, token));

    [Fact]
    public void A_null_or_endless_url_is_refused()
    {
        Assert.Throws<ArgumentNullException>(() => new WebhookDestination(null!));
        Assert.Throws<ArgumentException>(() => new WebhookDestination("https://buyer.example/", "op", "sixteen-characters\uD800"));
        Assert.Throws<ArgumentException>(() => new WebhookDestination("https://buyer.example/" + new string('a', 2048)));
        Assert.Equal("xn--bcher-kva.example", new WebhookDestination("https://bücher.example/").Target.Authority);
    }

    [Fact]
    public async Task A_disposed_sender_says_so()
    {
        WebhookSender sender = Sender();
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(Url), new RawPayload());
        sender.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => sender.SendAsync(webhook, Token).AsTask());
    }

    private static string Line(string request, string name) =>
        request.Split("\r\n").Single(l => l.StartsWith(name, StringComparison.Ordinal));

    private WebhookSender Sender(Func<WebhookSenderOptions, WebhookSenderOptions>? configure = null)
    {
        WebhookSenderOptions options = new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true };
        return new WebhookSender(new Rfc9421Signer(_key), configure?.Invoke(options) ?? options);
    }

    private async Task<string> ReceiveAsync(string answer)
    {
        (TcpClient client, string request) = await AcceptAsync(answer);
        client.Dispose();
        return request;
    }

    private async Task<(TcpClient Client, string Request)> AcceptAsync(string answer)
    {
        TcpClient client = await _listener.AcceptTcpClientAsync();
        string request = await ReadRequestAsync(client.GetStream());
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
        return (client, request);
    }

    private async Task ServeAsync(Action accepted, CancellationToken done)
    {
        try
        {
            while (true)
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync(done);
                accepted();
                while (true)
                {
                    await ReadRequestAsync(client.GetStream(), done);
                    await client.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), done);
                }
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
        }
    }

    private static async Task<string> ReadRequestAsync(NetworkStream stream, CancellationToken token = default)
    {
        byte[] buffer = new byte[1 << 16];
        int length = 0;
        while (true)
        {
            int read = await stream.ReadAsync(buffer.AsMemory(length), token);
            if (read == 0)
            {
                throw new IOException("closed");
            }

            length += read;
            string text = Encoding.UTF8.GetString(buffer, 0, length);
            int body = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (body >= 0)
            {
                string size = text.Split("\r\n")
                    .Single(l => l.StartsWith("Content-Length: ", StringComparison.Ordinal))["Content-Length: ".Length..];
                if (length - body - 4 >= int.Parse(size, System.Globalization.CultureInfo.InvariantCulture))
                {
                    return text;
                }
            }
        }
    }
}
