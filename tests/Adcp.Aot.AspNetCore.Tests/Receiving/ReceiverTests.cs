using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.AspNetCore.Tests.Receiving;

public sealed class ReceiverTests
{
    private const string Token = "a-token-of-sixteen";

    [Fact]
    public async Task A_webhook_is_processed_once_and_every_retry_acknowledged()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        PreparedWebhook webhook = receiver.Prepare("""{"media_buy_id":"mb_1"}""");
        for (int attempt = 0; attempt < 3; attempt++)
        {
            Assert.Equal(200, await receiver.StatusAsync(webhook));
        }

        var (sender, key, envelope, body) = Assert.Single(receiver.Handled);
        Assert.Equal((Receiver.Sender, webhook.IdempotencyKey, "task_1"), (sender, key, envelope?.TaskId));
        Assert.Equal(Encoding.UTF8.GetString(webhook.Body.Span), body);
    }

    [Fact]
    public async Task Another_payload_under_the_key_is_a_conflict_and_the_same_one_written_otherwise_is_not()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        PreparedWebhook first = receiver.Prepare("""{"a":1.0,"b":2}""", "whk_0123456789abcdef");
        Assert.Equal(200, await receiver.StatusAsync(first));
        Assert.Equal(409, await receiver.StatusAsync(receiver.Prepare("""{"a":1,"b":3}""", "whk_0123456789abcdef")));
        string text = Encoding.UTF8.GetString(first.Body.Span)
            .Replace("""{"a":1.0,"b":2}""", """ { "b": 2e0, "a": 1 } """, StringComparison.Ordinal);
        Assert.Equal(200, await receiver.StatusAsync(receiver.Raw(text)));
        Assert.Single(receiver.Handled);
    }

    [Fact]
    public async Task While_one_request_processes_it_others_are_told_to_come_back()
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Receiver receiver = await Receiver.StartAsync(handler: async (_, _) =>
        {
            entered.SetResult();
            await leave.Task;
        });
        PreparedWebhook webhook = receiver.Prepare();
        Task<int> first = receiver.StatusAsync(webhook);
        await entered.Task;
        WebhookSendResult second = await receiver.SendAsync(webhook);
        Assert.Equal(503, second.StatusCode);
        Assert.NotNull(second.ResponseHeaders!.RetryAfter);
        leave.SetResult();
        Assert.Equal(200, await first);
        Assert.Equal(200, await receiver.StatusAsync(webhook));
        Assert.Single(receiver.Handled);
    }

    [Fact]
    public async Task A_handler_that_fails_is_given_the_retry()
    {
        int calls = 0;
        await using Receiver receiver = await Receiver.StartAsync(handler: (_, _) =>
            Interlocked.Increment(ref calls) < 3 ? throw new InvalidOperationException("no") : default);
        PreparedWebhook webhook = receiver.Prepare();
        Assert.Equal(500, await receiver.StatusAsync(webhook));
        Assert.Equal(500, await receiver.StatusAsync(webhook));
        Assert.Equal(200, await receiver.StatusAsync(webhook));
        Assert.Equal(200, await receiver.StatusAsync(webhook));
        Assert.Equal(3, calls);
        Assert.Contains(receiver.Log.Lines, line => line.Contains("handler failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_sender_that_hangs_up_does_not_stop_the_work()
    {
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken given = default;
        await using Receiver receiver = await Receiver.StartAsync(handler: async (_, token) =>
        {
            given = token;
            entered.SetResult();
            await leave.Task;
        });
        PreparedWebhook webhook = receiver.Prepare();
        using CancellationTokenSource impatience = new();
        Task<WebhookSendResult> first = receiver.Seller.SendAsync(webhook, impatience.Token).AsTask();
        await entered.Task;
        await impatience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal(503, await receiver.StatusAsync(webhook));
        Assert.False(given.IsCancellationRequested);
        leave.SetResult();
        int status;
        while ((status = await receiver.StatusAsync(webhook)) == 503)
        {
            await Task.Yield();
        }

        Assert.Equal(200, status);
        Assert.Single(receiver.Handled);
    }

    [Fact]
    public async Task A_claim_that_is_lost_cancels_the_handler_and_is_not_acknowledged()
    {
        LosingStore store = new();
        FakeTimeProvider time = new();
        await using Receiver receiver = await Receiver.StartAsync(
            options => options with { Store = store, TimeProvider = time }, async (_, token) =>
            {
                // A claim is renewed a third of its lease after it was made: this one is lost then.
                time.Advance(TimeSpan.FromSeconds(10));
                await Task.Delay(Timeout.InfiniteTimeSpan, token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            });
        Assert.Equal(503, await receiver.StatusAsync(receiver.Prepare()));
        Assert.Contains(receiver.Log.Lines, line => line.Contains("expired", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_not_the_senders_is_refused_with_its_code_and_nothing_of_it_is_logged()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        using HttpClient stranger = new();
        using HttpRequestMessage unsigned = new(HttpMethod.Post, receiver.Url) { Content = Json("""{"private":"pssst"}""") };
        using HttpResponseMessage answer = await stranger.SendAsync(unsigned);
        Assert.Equal(401, (int)answer.StatusCode);
        Assert.Equal("Signature error=\"webhook_signature_header_malformed\"", answer.Headers.GetValues("WWW-Authenticate").Single());

        Adcp.Aot.SigningKey forged = Adcp.Aot.SigningKey.Generate(Adcp.Aot.SignatureAlgorithm.Ed25519, "seller-1");
        using WebhookSender forger = new(new Adcp.Aot.Signing.Rfc9421Signer(forged),
            new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        WebhookSendResult refused = await forger.SendAsync(receiver.Raw("""{"private":"pssst"}"""));
        Assert.Equal(401, refused.StatusCode);
        Assert.Equal("Signature error=\"webhook_signature_invalid\"", refused.ResponseHeaders!.GetValues("WWW-Authenticate").Single());

        using HttpRequestMessage text = new(HttpMethod.Post, receiver.Url)
        { Content = new StringContent("{}", Encoding.UTF8, "text/plain") };
        using HttpResponseMessage unsupported = await stranger.SendAsync(text);
        Assert.Equal(415, (int)unsupported.StatusCode);
        using HttpResponseMessage get = await stranger.GetAsync(receiver.Url);
        Assert.Equal(405, (int)get.StatusCode);
        Assert.Empty(receiver.Handled);
        string log = string.Join('\n', receiver.Log.Lines.Where(l => l.Contains("Webhook", StringComparison.Ordinal)));
        Assert.Contains("webhook_signature_invalid", log, StringComparison.Ordinal);
        Assert.DoesNotContain("pssst", log, StringComparison.Ordinal);
        Assert.DoesNotContain("secret=s", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_that_cannot_be_read_are_no_fault_of_the_sender()
    {
        await using Receiver receiver =
            await Receiver.StartAsync(options =>
                options with { Verifier = new Rfc9421Verifier(new NoKeysNow(), new InMemoryReplayCache()) });
        WebhookSendResult result = await receiver.SendAsync(receiver.Prepare());
        Assert.Equal(503, result.StatusCode);
        Assert.False(result.ResponseHeaders!.Contains("WWW-Authenticate"));
    }

    [Fact]
    public async Task A_verified_body_that_is_no_envelope_is_refused_by_name()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        WebhookSendResult bare = await receiver.SendAsync(receiver.Raw("""{"notification_type":"scheduled"}"""));
        Assert.Equal(400, bare.StatusCode);
        Assert.Equal("""{"error_code":"missing_envelope_fields"}""", Encoding.UTF8.GetString(bare.ResponseBody.Span));
        WebhookSendResult twice = await receiver.SendAsync(receiver.Raw("""{"a":1,"a":2}"""));
        Assert.Equal(401, twice.StatusCode);
        Assert.Equal("Signature error=\"webhook_body_malformed\"", twice.ResponseHeaders!.GetValues("WWW-Authenticate").Single());
        Assert.Empty(receiver.Handled);
    }

    [Fact]
    public async Task Other_payloads_pass_where_they_are_asked_for()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { AcceptsOtherPayloads = true });
        PreparedWebhook webhook = receiver.Raw("""{"idempotency_key":"whk_0123456789abcdef","notification_type":"capabilities.changed"}""");
        Assert.Equal(200, await receiver.StatusAsync(webhook));
        Assert.Equal(200, await receiver.StatusAsync(webhook));
        Assert.Null(Assert.Single(receiver.Handled).Envelope);
        Assert.Equal(400, await receiver.StatusAsync(receiver.Raw("""{"notification_type":"capabilities.changed"}""")));
    }

    [Fact]
    public async Task The_registrations_token_is_compared()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { Token = Token });
        Assert.Equal(401, await receiver.StatusAsync(receiver.Prepare()));
        WebhookSendResult wrong = await receiver.SendAsync(receiver.Prepare(token: Token + "x"));
        Assert.Equal(401, wrong.StatusCode);

        // Not one of AdCP's codes, which would end the delivery: a receiver may be behind with its registrations.
        Assert.False(wrong.ResponseHeaders!.Contains("WWW-Authenticate"));
        Assert.Equal(200, await receiver.StatusAsync(receiver.Prepare(token: Token)));
        Assert.Single(receiver.Handled);
        Assert.DoesNotContain(receiver.Log.Lines, line => line.Contains(Token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_sender_with_too_many_keys_is_slowed_down()
    {
        await using Receiver receiver =
            await Receiver.StartAsync(options => options with { Store = new DevelopmentWebhookClaimStore(maxKeysPerSender: 2) });
        Assert.Equal(200, await receiver.StatusAsync(receiver.Prepare()));
        Assert.Equal(200, await receiver.StatusAsync(receiver.Prepare()));
        Assert.Equal(429, await receiver.StatusAsync(receiver.Prepare()));
    }

    [Fact]
    public async Task A_store_that_fails_means_come_back()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { Store = new LosingStore { Broken = true } });
        Assert.Equal(503, await receiver.StatusAsync(receiver.Prepare()));
        Assert.Empty(receiver.Handled);
    }

    [Fact]
    public async Task Claims_are_kept_by_the_applications_service_if_the_options_name_no_store()
    {
        DevelopmentWebhookClaimStore store = new();
        await using Receiver receiver = await Receiver.StartAsync(
            options => options with { Store = null }, services: services => services.AddSingleton<IWebhookClaimStore>(store));

        Assert.Equal(200, await receiver.StatusAsync(receiver.Prepare(key: "whk_0123456789abcdef")));

        WebhookClaim claim = await store.ClaimAsync(Receiver.Sender, "whk_0123456789abcdef", new byte[32], TimeSpan.FromHours(1),
            TimeSpan.FromHours(1), default);
        Assert.Equal(ClaimStatus.Conflict, claim.Status);
    }

    [Fact]
    public async Task An_endpoint_without_a_store_is_not_mapped()
    {
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(
            () => Receiver.StartAsync(options => options with { Store = null }));

        Assert.StartsWith("Store is needed", refused.Message, StringComparison.Ordinal);
        Assert.Contains("SqlWebhookClaimStore", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Store_is_checked_when_the_application_has_started()
    {
        LosingStore store = new();

        await using Receiver receiver = await Receiver.StartAsync(options => options with { Store = store });

        await store.Checked.Task;
    }

    [Fact]
    public async Task The_store_in_memory_says_what_it_is()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        Assert.Contains(receiver.Log.Lines, line =>
            line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains("development only", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Behind_a_proxy_the_public_origin_is_what_was_signed()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { PublicOrigins = ["https://buyer.example"] });

        Assert.Equal(401, await receiver.StatusAsync(receiver.Prepare()));
        Assert.Equal(200, await receiver.PostSignedAsync("https://buyer.example", host: "internal:8080"));
    }

    [Fact]
    public async Task A_webhook_that_was_signed_for_another_host_is_refused_although_the_request_names_that_host()
    {
        await using Receiver receiver = await Receiver.StartAsync();

        Assert.Equal(401, await receiver.PostSignedAsync("http://attacker.example:45261"));
        Assert.Empty(receiver.Handled);
        Assert.Equal(200, await receiver.PostSignedAsync(null));
        Assert.Equal(200, await receiver.PostSignedAsync(null, host: "attacker.example"));
    }

    [Fact]
    public async Task An_endpoint_without_an_origin_is_not_mapped()
    {
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(
            () => Receiver.StartAsync(options => options with { PublicOrigins = [] }));
        Assert.StartsWith("PublicOrigins is needed", refused.Message, StringComparison.Ordinal);

        await using Receiver trusting = await Receiver.StartAsync(options => options with { PublicOrigins = [], TrustHostHeader = true });
        Assert.Equal(200, await trusting.PostSignedAsync("http://another.example"));
    }

    // The limit is one MiB. Bodies at and over it, with and without a length, in one piece and in drips.
    [Theory]
    [InlineData(1 << 20, false, 401)]
    [InlineData((1 << 20) + 1, false, 413)]
    [InlineData(1 << 20, true, 401)]
    [InlineData((1 << 20) + 1, true, 413)]
    [InlineData(8 << 20, true, 413)]
    public async Task The_limit_holds_for_announced_and_chunked_bodies(int length, bool chunked, int status)
    {
        await using Receiver receiver = await Receiver.StartAsync();

        Assert.Equal(status, await AnsweredAsync(receiver, length, chunked, drip: 64 << 10));
    }

    [Fact]
    public async Task The_limit_holds_for_a_body_that_drips()
    {
        await using Receiver receiver = await Receiver.StartAsync();

        Assert.Equal(413, await AnsweredAsync(receiver, 8 << 20, chunked: true, drip: 1000));
    }

    [Fact]
    public async Task A_body_that_never_ends_is_given_up()
    {
        FakeTimeProvider time = new();
        await using Receiver receiver = await Receiver.StartAsync(options => options with { TimeProvider = time });
        await using NetworkStream stream = await receiver.ConnectAsync();
        await stream.WriteAsync(receiver.SignedHead(null, null, "Content-Length: 100", "{"u8));
        Task<int> answer = Receiver.StatusAsync(stream);
        while (!answer.IsCompleted)
        {
            // The request is on its way, and its time begins when it is there.
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        Assert.Equal(408, await answer);
    }

    [Fact]
    public async Task A_length_that_is_announced_and_too_large_is_refused_before_a_byte_is_read()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using NetworkStream stream = await receiver.ConnectAsync();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "POST /adcp/hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\n\r\n"));
        Assert.Equal(413, await Receiver.StatusAsync(stream));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Signature: sig1=:AAAA:\r\n")]
    [InlineData("Authorization: Bearer a-token-of-another-way\r\n")]
    public async Task An_unsigned_body_is_answered_before_it_comes_and_the_connection_ends(string header)
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using NetworkStream stream = await receiver.ConnectAsync();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /adcp/hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{header}Content-Length: 1000000\r\n\r\n{{"));

        string head = await HeadAsync(stream);

        Assert.StartsWith("HTTP/1.1 401 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("WWW-Authenticate: Signature error=\"webhook_", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sender_that_waits_for_leave_to_send_is_refused_without_it()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using NetworkStream stream = await receiver.ConnectAsync();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "POST /adcp/hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            + "Content-Length: 1000000\r\n\r\n"));

        Assert.Equal(401, await Receiver.StatusAsync(stream));
    }

    [Fact]
    public async Task Bodies_beyond_the_bound_are_told_when_to_come_back()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with { MaxConcurrentWebhooks = 1 });
        await using NetworkStream first = await receiver.ConnectAsync();
        byte[] body = receiver.Prepare().Body.ToArray();

        // When the server gives leave to send, the body is under way.
        await first.WriteAsync(receiver.SignedHead(null, null, $"Content-Length: {body.Length}\r\nExpect: 100-continue", body));
        Assert.StartsWith("HTTP/1.1 100 ", await HeadAsync(first), StringComparison.Ordinal);

        await using NetworkStream second = await receiver.ConnectAsync();
        await second.WriteAsync(receiver.SignedHead(null, null, "Content-Length: 5", "{}"u8));
        string busy = await HeadAsync(second);
        Assert.StartsWith("HTTP/1.1 503 ", busy, StringComparison.Ordinal);
        Assert.Contains("\r\nRetry-After: 1\r\n", busy, StringComparison.OrdinalIgnoreCase);

        await first.WriteAsync(body);
        Assert.Equal(200, await Receiver.StatusAsync(first));
    }

    [Fact]
    public async Task Keys_that_may_be_newer_than_the_last_reading_say_when_to_come_back()
    {
        await using Receiver receiver = await Receiver.StartAsync(options => options with
        {
            Verifier = new Rfc9421Verifier(new NoKeysNow { RetryAfter = TimeSpan.FromSeconds(12.3) }, new InMemoryReplayCache()),
        });

        WebhookSendResult result = await receiver.SendAsync(receiver.Prepare());

        Assert.Equal((503, TimeSpan.FromSeconds(13)), (result.StatusCode, result.ResponseHeaders!.RetryAfter!.Delta));
    }

    /// <summary>Sends zeros, under a signature that is sound until the digest is compared, until there is an answer.</summary>
    private static async Task<int> AnsweredAsync(Receiver receiver, int length, bool chunked, int drip)
    {
        await using NetworkStream stream = await receiver.ConnectAsync();
        string framing = chunked ? "Transfer-Encoding: chunked" : string.Create(CultureInfo.InvariantCulture, $"Content-Length: {length}");
        await stream.WriteAsync(receiver.SignedHead(null, null, framing, "{}"u8));
        Task<int> answer = Receiver.StatusAsync(stream);
        try
        {
            for (int sent = 0; sent < length && !answer.IsCompleted; sent += drip)
            {
                int piece = Math.Min(drip, length - sent);
                byte[] zeros = new byte[piece];
                await stream.WriteAsync(chunked ? [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                    $"{piece:x}\r\n")), .. zeros, .. "\r\n"u8] : zeros);
            }

            await stream.WriteAsync(chunked ? "0\r\n\r\n"u8.ToArray() : []);
        }
        catch (IOException)
        {
            // It has read enough.
        }

        return await answer;
    }

    /// <summary>Reads an answer up to the end of its headers.</summary>
    private static async Task<string> HeadAsync(NetworkStream stream)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one);
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));

    private sealed class NoKeysNow : IVerificationKeySource
    {
        public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

        public ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken) =>
            new(KeyLookup.UnavailableFor(RetryAfter));
    }

    /// <summary>Gives claims that do not hold, or fails.</summary>
    private sealed class LosingStore : IWebhookClaimStore
    {
        public bool Broken { get; init; }

        public TaskCompletionSource Checked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsDurable => true;

        public ValueTask CheckAsync(CancellationToken cancellationToken = default)
        {
            Checked.TrySetResult();
            return default;
        }

        public ValueTask<WebhookClaim> ClaimAsync(
            string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
            CancellationToken cancellationToken) => Broken
            ? throw new IOException("the disk is full")
            : new(new WebhookClaim(sender, idempotencyKey, 1, ClaimStatus.Owned));

        public ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken) => new(false);

        public ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken) => new(false);

        public ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken) => new(false);
    }
}
