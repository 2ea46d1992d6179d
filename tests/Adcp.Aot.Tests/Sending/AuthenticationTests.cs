using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Network;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Sending;

public sealed class AuthenticationTests
{
    private const string Secret = "q8Rz0PpXyW3mKd7VbN2sHf6LtJc9GaEu";
    private const string Token = "dGhpc19pc19hX3Rva2VuX3dpdGhfMzJfY2hhcnM=";
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1776520800);
    private static readonly string Whsec = "whsec_" + Convert.ToBase64String(SHA256.HashData("one"u8));
    private static readonly string OldWhsec = "whsec_" + Convert.ToBase64String(SHA256.HashData("two"u8));

    [Fact]
    public async Task Legacy_hmac_signs_the_bytes_that_are_sent()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using WebhookSender sender = WebhookSender.FromLegacyHmac(Secret, Options());
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.BaseUrl), new RawPayload());
        Assert.True((await sender.SendAsync(webhook, CancellationToken.None)).Ok);
        RecordingReceiver.Received request = Assert.Single(receiver.Requests);
        byte[] message = [.. Encoding.ASCII.GetBytes("1776520800."), .. request.Body];
        string expected = "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), message));
        Assert.Equal(expected, request.Headers["X-ADCP-Signature"]);
        Assert.Equal("1776520800", request.Headers["X-ADCP-Timestamp"]);
        Assert.Equal(expected, new LegacyHmacSigner(Secret).Sign(1776520800, request.Body));
        AssertOnly(request, "X-ADCP-Signature", "X-ADCP-Timestamp");
    }

    [Fact]
    public async Task Bearer_sends_the_token_and_nothing_else()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using WebhookSender sender = WebhookSender.FromBearerToken(Token, Options());
        Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.BaseUrl), new RawPayload()),
            CancellationToken.None)).Ok);
        RecordingReceiver.Received request = Assert.Single(receiver.Requests);
        Assert.Equal("Bearer " + Token, request.Headers["Authorization"]);
        AssertOnly(request, "Authorization");
    }

    [Fact]
    public async Task Standard_webhooks_keeps_its_id_over_retries_and_signs_with_every_secret()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        FakeTimeProvider time = new(Now);
        using WebhookSender sender = new(new StandardWebhooksSigner(Whsec, OldWhsec), Options() with { TimeProvider = time });
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.BaseUrl), new RawPayload());
        WebhookSendResult first = await sender.SendAsync(webhook, CancellationToken.None);
        time.Advance(TimeSpan.FromSeconds(7));
        await sender.ResendAsync(first, CancellationToken.None);
        RecordingReceiver.Received[] requests = [.. receiver.Requests];
        Assert.Equal(2, requests.Length);
        for (int i = 0; i < 2; i++)
        {
            string seconds = (1776520800 + (7 * i)).ToString(CultureInfo.InvariantCulture);
            Assert.Equal(webhook.IdempotencyKey, requests[i].Headers["webhook-id"]);
            Assert.Equal(seconds, requests[i].Headers["webhook-timestamp"]);
            byte[] message = [.. Encoding.ASCII.GetBytes($"{webhook.IdempotencyKey}.{seconds}."), .. requests[i].Body];
            string expected = string.Join(' ',
                new[] { "one", "two" }.Select(s =>
                    "v1," + Convert.ToBase64String(HMACSHA256.HashData(SHA256.HashData(Encoding.ASCII.GetBytes(s)), message))));
            Assert.Equal(expected, requests[i].Headers["webhook-signature"]);
            AssertOnly(requests[i], "webhook-id", "webhook-timestamp", "webhook-signature");
        }
    }

    [Fact]
    public async Task A_key_with_a_dot_gets_an_id_without_one_that_stays()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using WebhookSender sender = WebhookSender.FromStandardWebhooksSecret(Whsec, Options());
        PreparedWebhook webhook = sender.Prepare(new WebhookDestination(receiver.BaseUrl),
            new RawPayload { IdempotencyKey = "key.with.dots.0123" });
        await sender.SendAsync(webhook, CancellationToken.None);
        await sender.SendAsync(webhook, CancellationToken.None);
        string id = Assert.Single(receiver.Requests.Select(r => r.Headers["webhook-id"]).Distinct());
        Assert.Matches("^msg_[A-Za-z0-9_-]{43}$", id);
    }

    [Theory]
    [InlineData(AuthenticationScheme.Bearer)]
    [InlineData(AuthenticationScheme.HmacSha256)]
    public async Task A_registrations_authentication_replaces_the_senders_own_way_and_only_there(AuthenticationScheme scheme)
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        ListLogger logger = new();
        using WebhookSender sender = new(new Rfc9421Signer(key), Options() with { Logger = logger });
        WebhookDestination switched = new(receiver.BaseUrl, authentication: new WebhookAuthentication(scheme, Secret));
        Assert.Empty(logger.Lines);
        await sender.SendAsync(sender.Prepare(switched, new RawPayload()), CancellationToken.None);
        await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.BaseUrl), new RawPayload()), CancellationToken.None);
        await sender.SendAsync(sender.Prepare(switched, new RawPayload()), CancellationToken.None);
        RecordingReceiver.Received[] requests = [.. receiver.Requests];
        string[] expected = scheme == AuthenticationScheme.Bearer ? ["Authorization"] : ["X-ADCP-Signature", "X-ADCP-Timestamp"];
        AssertOnly(requests[0], expected);
        AssertOnly(requests[1], "Signature", "Signature-Input", "Content-Digest");
        AssertOnly(requests[2], expected);
        Assert.Contains(scheme == AuthenticationScheme.Bearer
            ? "Bearer"
            : "HMAC-SHA256", Assert.Single(logger.Lines), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, switched.ToString() + switched.Authentication + logger.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void The_deprecation_of_a_legacy_sender_is_logged_once_and_without_the_secret()
    {
        ListLogger logger = new();
        using WebhookSender sender = WebhookSender.FromLegacyHmac(Secret, Options() with { Logger = logger });
        Assert.Contains("deprecated", Assert.Single(logger.Lines), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, logger.Lines[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1234567890abcdef1234567890abcde")]
    [InlineData("00000000000000000000000000000000")]
    [InlineData("abcabcabcabcabcabcabcabcabcabcabcab")]
    [InlineData("ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`")]
    [InlineData("password-passwordpassword-password")]
    [InlineData("0101001011010110010101101011010110100101")]
    public void A_short_or_patterned_secret_is_refused_and_not_shown(string secret)
    {
        ArgumentException fault = Assert.Throws<ArgumentException>(() => new LegacyHmacSigner(secret));
        Assert.DoesNotContain(secret, fault.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new WebhookAuthentication(AuthenticationScheme.HmacSha256, secret));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("token\r\nX-Injected: 1")]
    [InlineData("tok=en")]
    [InlineData("====")]
    [InlineData("schlüssel")]
    public void A_token_that_could_break_out_of_its_header_is_refused(string token) =>
        Assert.Throws<ArgumentException>(() => new BearerToken(token));

    [Theory]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_")]
    [InlineData("whsec_c2hvcnQ=")]
    [InlineData("whsec_not base64 at all, but long enough!")]
    [InlineData("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    public void A_standard_webhooks_secret_that_is_none_is_refused(string secret) =>
        Assert.Throws<ArgumentException>(() => new StandardWebhooksSigner(secret));

    [Fact]
    public void A_registration_names_exactly_one_known_scheme()
    {
        Assert.Equal(AuthenticationScheme.Bearer, WebhookAuthentication.FromRegistration(["Bearer"], Secret).Scheme);
        Assert.Equal(AuthenticationScheme.HmacSha256, WebhookAuthentication.FromRegistration(["HMAC-SHA256"], Secret).Scheme);
        Assert.Throws<ArgumentException>(() => WebhookAuthentication.FromRegistration([], Secret));
        Assert.Throws<ArgumentException>(() => WebhookAuthentication.FromRegistration(["Bearer", "HMAC-SHA256"], Secret));
        Assert.Throws<ArgumentException>(() => WebhookAuthentication.FromRegistration(["hmac-sha256"], Secret));
        Assert.Throws<ArgumentException>(() => WebhookAuthentication.FromRegistration(["Bearer"], Secret[..31]));
        Assert.Throws<ArgumentException>(() => WebhookAuthentication.FromRegistration(["Bearer"], Secret + "\r\nX: y"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WebhookAuthentication((AuthenticationScheme)7, Secret));
        Assert.Throws<ArgumentException>(() => new StandardWebhooksSigner());
        Assert.Throws<ArgumentException>(() => new StandardWebhooksSigner(Whsec).Sign("a.b", 0, "{}"u8));
        Assert.Throws<ArgumentNullException>(() => WebhookSender.FromBearerToken(null!, Options()));
        Assert.Throws<ArgumentNullException>(() => WebhookSender.FromLegacyHmac(Secret, null!));
    }

    [Theory]
    [InlineData("Bearer", 4096, true)]
    [InlineData("Bearer", 4097, false)]
    [InlineData("HMAC-SHA256", 4096, true)]
    [InlineData("HMAC-SHA256", 4097, false)]
    [InlineData("HMAC-SHA256", 1_000_000, false)]
    public void Credentials_of_a_registration_are_bounded_so_that_judging_them_takes_no_time(string scheme, int length, bool isTaken)
    {
        // The slowest secret for the check of repetitions: each period fails only at the end.
        string credentials = new string('a', length - 16) + "bcdefghijklmnopq";

        Exception? refusal = Record.Exception(() => WebhookAuthentication.FromRegistration([scheme], credentials));

        Assert.Equal(isTaken ? null : typeof(ArgumentException), refusal?.GetType());
    }

    [Theory]
    [InlineData(1365, true)]
    [InlineData(1366, false)]
    public void An_hmac_secret_is_bounded_in_bytes(int characters, bool isTaken)
    {
        string secret = string.Concat(Enumerable.Range(0, characters).Select(static i => (char)(0x4E00 + (i * i % 5000))));

        Exception? refusal = Record.Exception(() => new LegacyHmacSigner(secret));

        Assert.Equal(isTaken ? null : typeof(ArgumentException), refusal?.GetType());
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void The_official_legacy_vectors_are_signed_as_they_say()
    {
        using System.Text.Json.JsonDocument file = SharedFiles.Read("vectors/webhook-hmac-sha256/webhook-hmac-sha256.json");
        LegacyHmacSigner signer = new(file.RootElement.GetProperty("secret").GetString()!);
        int signed = 0;
        foreach (System.Text.Json.JsonElement vector in file.RootElement.GetProperty("vectors").EnumerateArray())
        {
            byte[] body = Encoding.UTF8.GetBytes(vector.GetProperty("raw_body").GetString()!);
            Assert.Equal(vector.GetProperty("expected_signature").GetString(),
                signer.Sign(vector.GetProperty("timestamp").GetInt64(), body));
            signed++;
        }

        foreach (System.Text.Json.JsonElement vector in file.RootElement.GetProperty("secret_rejection_vectors").EnumerateArray())
        {
            Assert.Throws<ArgumentException>(() => new LegacyHmacSigner(vector.GetProperty("secret").GetString()!));
        }

        Assert.True(signed >= 8);
    }

    [Theory]
    [InlineData("rfc9421")]
    [InlineData("hmac")]
    [InlineData("bearer")]
    [InlineData("standard")]
    public void Authenticating_with_a_local_key_completes_at_once_and_allocates_nothing(string mode)
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        WebhookAuthenticator authenticator = mode switch
        {
            "rfc9421" => new Rfc9421Signer(key),
            "hmac" => new LegacyHmacSigner(Secret),
            "bearer" => new BearerToken(Token),
            _ => new StandardWebhooksSigner(Whsec, OldWhsec),
        };
        Assert.True(TargetUri.TryParse("https://buyer.example/adcp/webhook/create_media_buy/agent_123/op_abc",
            out TargetUri? target, out _));
        byte[] body = new byte[1024];
        UnsignedAttempt attempt = new(target, body, Rfc9421Signer.ContentDigest(body).AsMemory(), "whk_0123456789abcdef", Now);
        Run(100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int times)
        {
            for (int i = 0; i < times; i++)
            {
                AttemptHeaders headers = AttemptHeaders.Rent();
                ValueTask done = authenticator.AuthenticateAsync(attempt, headers, CancellationToken.None);
                Assert.True(done.IsCompletedSuccessfully);
                done.GetAwaiter().GetResult();
                AttemptHeaders.Return(headers);
            }
        }
    }

    private static void AssertOnly(RecordingReceiver.Received request, params string[] expected)
    {
        string[] all = ["Authorization", "Signature", "Signature-Input", "Content-Digest", "X-ADCP-Signature", "X-ADCP-Timestamp",
            "webhook-id", "webhook-timestamp", "webhook-signature"];
        Assert.Equal(expected.Order(StringComparer.Ordinal), all.Where(request.Headers.ContainsKey).Order(StringComparer.Ordinal));
    }

    private static WebhookSenderOptions Options() =>
        new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true, TimeProvider = new FakeTimeProvider(Now) };

    private sealed class ListLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
