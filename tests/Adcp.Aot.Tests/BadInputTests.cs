using Adcp.Aot.Delivery;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests;

/// <summary>
/// Bad input at every public entry point is refused at once, by the exception that names the argument and the rule.
/// </summary>
public sealed class BadInputTests
{
    private static readonly WebhookSenderOptions Options = new() { Version = AdcpVersion.V32 };

    public static TheoryData<string, string?, string?> Urls => new()
    {
        { "null", null, "url" },
        { "empty", "", "url" },
        { "relative", "/hook", "url" },
        { "another scheme", "ftp://buyer.example/hook", "url" },
        { "no host", "https:///hook", "url" },
        { "user information", "https://user:secret@buyer.example/hook", "url" },
        { "a host that IDNA refuses", "https://buyer\uFFFD.example/hook", "url" },
        { "an empty label", "https://buyer..example/hook", "url" },
        { "a zone id", "https://[fe80::1%25eth0]/hook", "url" },
        { "a port that is none", "https://buyer.example:99999/hook", "url" },
        { "a line break", "https://buyer.example/a\r\nHost: x", "url" },
        { "a lone surrogate", "https://buyer.example/\uD800", "url" },
        { "too long", "https://buyer.example/" + new string('a', 2048), "url" },
    };

    public static TheoryData<string, string?> Tokens => new()
    {
        { "short", "0123456789abcde" },
        { "long", new string('t', 4097) },
        { "a line break", "0123456789abcdef\r\nX: y" },
        { "a lone surrogate", "0123456789abcdef\uDC00" },
    };

    public static TheoryData<string, string, string> Results => new()
    {
        { "not JSON", "{", "invalid_json" },
        { "NaN", "{\"spend\":NaN}", "invalid_json" },
        { "infinity", "{\"spend\":1e}", "invalid_json" },
        { "duplicate keys", "{\"a\":1,\"a\":2}", "duplicate_key_input" },
        { "duplicate keys deep inside", "{\"a\":[{\"b\":[{\"c\":1,\"\\u0063\":2}]}]}", "duplicate_key_input" },
        { "a lone surrogate", "{\"a\":\"\\uD800\"}", "invalid_json" },
        { "two documents", "{}{}", "invalid_json" },
        { "a byte order mark", "\uFEFF{}", "invalid_json" },
    };

    [Theory]
    [MemberData(nameof(Urls))]
    public void A_url_is_refused(string what, string? url, string? argument)
    {
        ArgumentException fault = Assert.ThrowsAny<ArgumentException>(() => new WebhookDestination(url!));
        Assert.Equal(argument, fault.ParamName);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
        Assert.NotEmpty(what);
    }

    [Theory]
    [MemberData(nameof(Tokens))]
    public void A_token_is_refused_without_being_shown(string what, string? token)
    {
        ArgumentException fault = Assert.Throws<ArgumentException>(() => new WebhookDestination("https://buyer.example/", "op_1", token));
        Assert.Equal("token", fault.ParamName);
        Assert.DoesNotContain(token!, fault.Message, StringComparison.Ordinal);
        Assert.NotEmpty(what);
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("line\nbreak")]
    [InlineData("umlaut\u00E4")]
    public void An_operation_id_is_refused(string operationId) =>
        Assert.Equal("operationId", Assert.Throws<ArgumentException>(() =>
            new WebhookDestination("https://buyer.example/", operationId)).ParamName);

    [Theory]
    [MemberData(nameof(Results))]
    public async Task A_result_is_refused_before_anything_is_sent_or_numbered(string what, string result, string code)
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "kid");
        using WebhookSender sender = new(new Rfc9421Signer(key), Options);
        await using InMemoryWebhookDeliverySupervisor supervisor = new(sender);
        McpWebhook webhook = new()
        {
            TaskId = "t",
            TaskType = TaskType.MediaBuyDelivery,
            Status = AdcpTaskStatus.Completed,
            Result = System.Text.Encoding.UTF8.GetBytes(result),
            NumbersResult = true,
        };
        WebhookPayloadException fault = await Assert.ThrowsAsync<WebhookPayloadException>(
            () => supervisor.SendMcpAsync(new WebhookDestination("https://buyer.example/", "op_1"), webhook,
                new DeliveryOptions { SequenceKey = what }).AsTask());
        Assert.Equal(code, fault.Code);
        Assert.Equal(1, supervisor.NextSequence(what));
        Assert.Equal(0, supervisor.InFlight);
    }

    [Fact]
    public void A_body_over_the_limit_is_refused()
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "kid");
        using WebhookSender sender = new(new Rfc9421Signer(key), Options);
        RawPayload huge = new() { Body = new string(' ', 10 * 1024 * 1024) + "{}" };
        Assert.Equal("body_too_large",
            Assert.Throws<WebhookPayloadException>(() => sender.Prepare(new WebhookDestination("https://buyer.example/"), huge)).Code);
    }

    [Fact]
    public async Task Every_reference_is_asked_for_by_name()
    {
        Bench bench = new();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "kid");
        using WebhookSender sender = new(new Rfc9421Signer(key), Options);
        PreparedWebhook webhook = bench.Sender.Prepare(bench.Destination, new RawPayload());
        (string Argument, Action Call)[] calls =
        [
            ("sender", () => _ = new InMemoryWebhookDeliverySupervisor(null!)),
            ("authenticator", () => _ = new WebhookSender(null!, Options)),
            ("options", () => _ = new WebhookSender(new Rfc9421Signer(key), null!)),
            ("key", () => _ = new Rfc9421Signer((SigningKey)null!)),
            ("options", () => WebhookSender.FromJwk("{}", null!)),
            ("json", () => WebhookSender.FromJwk(null!, Options)),
            ("pem", () => WebhookSender.FromPem(null!, "kid", Options)),
            ("destination", () => _ = new PreparedWebhook(null!, "{}"u8.ToArray(), webhook.IdempotencyKey)),
            ("idempotencyKey", () => _ = new PreparedWebhook(bench.Destination, "{}"u8.ToArray(), null!)),
            ("webhook", () => _ = new WebhookSendResult(null!, 200)),
            ("delays", () => RetryPolicy.Schedule()),
            ("key", () => new SequenceAllocator().Next(null!)),
        ];
        foreach ((string argument, Action call) in calls)
        {
            Assert.Equal(argument, Assert.ThrowsAny<ArgumentException>(call).ParamName);
        }

        Assert.Equal("result", (await Assert.ThrowsAsync<ArgumentNullException>(() => sender.ResendAsync(null!).AsTask())).ParamName);
        Assert.Equal("webhook", (await Assert.ThrowsAsync<ArgumentNullException>(() => sender.SendAsync(null!).AsTask())).ParamName);
        Assert.Equal("destination", (await Assert.ThrowsAsync<ArgumentNullException>(() =>
            bench.Supervisor.SendAsync(null!, new RawPayload()).AsTask())).ParamName);
        Assert.Equal("payload", (await Assert.ThrowsAsync<ArgumentNullException>(() =>
            bench.Supervisor.SendAsync(bench.Destination, null!).AsTask())).ParamName);
    }

    [Fact]
    public void Ranges_are_named()
    {
        (string Name, Action Call)[] calls =
        [
            ("MaxAttempts", () => _ = new RetryPolicy { MaxAttempts = 1001 }),
            ("BaseDelay", () => _ = new RetryPolicy { BaseDelay = TimeSpan.MaxValue }),
            ("MaxDelay", () => _ = new RetryPolicy { MaxDelay = TimeSpan.FromDays(8) }),
            ("MaxRetryAfter", () => _ = new RetryPolicy { MaxRetryAfter = -TimeSpan.FromTicks(1) }),
            ("Deadline", () => _ = new RetryPolicy { Deadline = TimeSpan.FromDays(8) }),
            ("SinkTimeout", () => _ = new WebhookSupervisorOptions { SinkTimeout = TimeSpan.FromHours(2) }),
            ("CancellationTimeout", () => _ = new WebhookSupervisorOptions { CancellationTimeout = TimeSpan.Zero }),
            ("MaxConcurrencyPerTenant", () => _ = new WebhookSupervisorOptions { MaxConcurrencyPerTenant = 0 }),
            ("AttemptNumber", () => _ = new AttemptRequest(new(new("https://buyer.example/"), "{}"u8.ToArray(), "0123456789abcdef"))
                { AttemptNumber = 0 }),
            ("delays", () => RetryPolicy.Schedule(TimeSpan.FromDays(8))),
            ("FailureThreshold", () => _ = new CircuitBreakerPolicy { FailureThreshold = 1024 }),
            ("SuccessThreshold", () => _ = new CircuitBreakerPolicy { SuccessThreshold = 0 }),
            ("OpenTimeout", () => _ = new CircuitBreakerPolicy { OpenTimeout = TimeSpan.Zero }),
            ("HalfOpenPermits", () => _ = new CircuitBreakerPolicy { HalfOpenPermits = 0 }),
            ("maxStreams", () => _ = new SequenceAllocator(0)),
            ("last", () => new SequenceAllocator().Resume("s", -1)),
            ("validity", () => _ = new Rfc9421Signer(SigningKey.Generate(SignatureAlgorithm.Ed25519, "kid"), TimeSpan.FromSeconds(301))),
            ("statusCode", () => _ = new WebhookSendResult(
                new PreparedWebhook(new("https://buyer.example/"), "{}"u8.ToArray(), "0123456789abcdef"), 99)),
        ];
        foreach ((string name, Action call) in calls)
        {
            Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(call).ParamName);
        }
    }
}
