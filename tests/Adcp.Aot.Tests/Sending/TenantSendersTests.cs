using System.Collections.Concurrent;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Adcp.Aot.Tests.Verification;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Sending;

/// <summary>Keys of their own for tenants that share a sender's connections.</summary>
public sealed class TenantSendersTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));
    private readonly ConcurrentDictionary<string, SigningKey> _keys = new();
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly SigningKey _default = SigningKey.Generate(SignatureAlgorithm.Ed25519, "default");
    private Func<string, CancellationToken, ValueTask<WebhookAuthenticator?>> _find;
    private RecordingReceiver _receiver = null!;
    private WebhookSender _shared = null!;

    public TenantSendersTests() => _find = (tenant, _) =>
        new(_keys.TryGetValue(tenant, out SigningKey? key) ? new Rfc9421Signer(key) : null);

    public async ValueTask InitializeAsync()
    {
        _receiver = await RecordingReceiver.StartAsync();
        _shared = new WebhookSender(new Rfc9421Signer(_default), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            TimeProvider = _time,
        });
        foreach (string tenant in new[] { "acme", "bolt" })
        {
            _keys[tenant] = SigningKey.Generate(SignatureAlgorithm.Ed25519, tenant + "-1");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _receiver.DisposeAsync();
        _shared.Dispose();
    }

    [Fact]
    public async Task Each_tenant_signs_with_its_own_key_and_no_tenant_with_the_senders()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(Senders());

        foreach (string? tenant in new[] { "acme", "bolt", null })
        {
            await DeliverAsync(supervisor, tenant);
        }

        Assert.Equal(["acme-1", "bolt-1", "default"], _receiver.Requests.Select(KeyIdOf));
    }

    [Fact]
    public async Task A_signature_verifies_with_the_key_of_its_tenant_and_with_no_other()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(Senders());
        await DeliverAsync(supervisor, "acme");
        RecordingReceiver.Received request = Assert.Single(_receiver.Requests);
        SignedMessage message = new(request.Method, request.Url, request.Body, request.Headers);

        Assert.True((await message.VerifyAsync(Verifier("acme"))).Ok);
        Assert.Equal(VerificationError.KeyUnknown, (await message.VerifyAsync(Verifier("bolt"))).Error);
    }

    [Fact]
    public async Task A_key_is_looked_up_once_and_again_after_its_lifetime()
    {
        TenantSenders senders = Senders();
        await SendAsync(senders, "acme");
        await SendAsync(senders, "acme");
        Assert.Equal(["acme"], _asked);

        _keys["acme"] = SigningKey.Generate(SignatureAlgorithm.EcdsaP256Sha256, "acme-2");
        _time.Advance(TimeSpan.FromMinutes(5));
        await SendAsync(senders, "acme");

        Assert.Equal(["acme", "acme"], _asked);
        Assert.Equal(["acme-1", "acme-1", "acme-2"], _receiver.Requests.Select(KeyIdOf));
    }

    [Fact]
    public async Task Forget_makes_the_next_attempt_look_the_key_up()
    {
        TenantSenders senders = Senders();
        await SendAsync(senders, "acme");
        _keys["acme"] = SigningKey.Generate(SignatureAlgorithm.Ed25519, "acme-2");

        Assert.True(senders.Forget("acme"));
        Assert.False(senders.Forget("acme"));
        await SendAsync(senders, "acme");

        Assert.Equal(["acme-1", "acme-2"], _receiver.Requests.Select(KeyIdOf));
    }

    [Fact]
    public async Task Attempts_at_once_share_a_look_up_and_one_that_gives_up_does_not_end_it()
    {
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Func<string, CancellationToken, ValueTask<WebhookAuthenticator?>> find = _find;
        _find = async (tenant, token) =>
        {
            await release.Task;
            return await find(tenant, token);
        };
        TenantSenders senders = Senders();
        using CancellationTokenSource impatient = new();
        Task<WebhookSendResult> first = SendAsync(senders, "acme", impatient.Token);
        Task<WebhookSendResult> second = SendAsync(senders, "acme");
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        release.SetResult();

        Assert.True((await second).Ok);
        Assert.Single(_asked);
    }

    [Fact]
    public async Task A_look_up_that_fails_is_retried_and_costs_the_endpoint_nothing()
    {
        int failures = 2;
        Func<string, CancellationToken, ValueTask<WebhookAuthenticator?>> find = _find;
        _find = (tenant, token) => failures-- > 0 ? throw new InvalidOperationException("key service away") : find(tenant, token);
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(Senders());

        DeliveryOutcome outcome = await DeliverAsync(supervisor, "acme");

        Assert.Equal((DeliveryStatus.Delivered, 3), (outcome.Status, outcome.Attempts));
        Assert.Equal(0, Assert.Single(supervisor.Endpoints.Snapshot()).ConsecutiveFailures);
        Assert.Single(_receiver.Requests);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(60)]
    public async Task A_look_up_that_hangs_ends_at_its_own_timeout_or_the_attempts(int callTimeoutInSeconds)
    {
        TaskCompletionSource<WebhookAuthenticator?> never = new();
        _find = (_, _) => new(never.Task);
        TenantSenders senders = Senders(
            new TenantSenderOptions { TimeProvider = _time, CallTimeout = TimeSpan.FromSeconds(callTimeoutInSeconds) });

        Task<WebhookSendResult> sending = SendAsync(senders, "acme");
        await WaitForAsync(() => !_asked.IsEmpty);
        _time.Advance(TimeSpan.FromSeconds(Math.Min(10, callTimeoutInSeconds)));
        WebhookSendResult result = await sending;

        Assert.Equal(WebhookSendError.SignerUnavailable, result.Error);
        never.SetResult(null);
    }

    [Fact]
    public async Task A_tenant_without_a_key_is_refused_and_not_signed_with_another_key()
    {
        await using InMemoryWebhookDeliverySupervisor supervisor = Supervisor(Senders());

        DeliveryOutcome outcome = await DeliverAsync(supervisor, "nobody");

        Assert.Equal((DeliveryStatus.Refused, WebhookSendError.SigningFailed), (outcome.Status, outcome.LastResult!.Error));
        Assert.Equal("no signing key for the tenant", outcome.LastResult.ErrorDetail);
        Assert.Empty(_receiver.Requests);

        // The answer counts for half a minute, and then the tenant's new key is found.
        _keys["nobody"] = SigningKey.Generate(SignatureAlgorithm.Ed25519, "nobody-1");
        Assert.Equal(DeliveryStatus.Refused, (await DeliverAsync(supervisor, "nobody")).Status);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(DeliveryStatus.Delivered, (await DeliverAsync(supervisor, "nobody")).Status);
    }

    [Fact]
    public async Task An_old_key_continues_to_sign_while_the_look_up_fails()
    {
        TenantSenders senders = Senders();
        await SendAsync(senders, "acme");
        Func<string, CancellationToken, ValueTask<WebhookAuthenticator?>> find = _find;
        _find = static (_, _) => throw new TimeoutException();
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.True((await SendAsync(senders, "acme")).Ok);
        Assert.True((await SendAsync(senders, "acme")).Ok);
        Assert.Equal(2, _asked.Count);

        _keys["acme"] = SigningKey.Generate(SignatureAlgorithm.Ed25519, "acme-2");
        _find = find;
        _time.Advance(TimeSpan.FromSeconds(30));
        await SendAsync(senders, "acme");

        Assert.Equal("acme-2", KeyIdOf(_receiver.Requests.Last()));
    }

    [Fact]
    public async Task A_registration_with_its_own_authentication_needs_no_key_of_the_tenant()
    {
        WebhookDestination destination = new(
            _receiver.BaseUrl, authentication: new WebhookAuthentication(AuthenticationScheme.Bearer, new string('t', 40)));
        TenantSenders senders = Senders();

        IWebhookSender sender = senders.GetSender("nobody");
        WebhookSendResult result = await sender.SendAsync(sender.Prepare(destination, new RawPayload()));

        Assert.True(result.Ok);
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Only_so_many_tenants_are_remembered_and_the_busy_ones_stay()
    {
        _find = (_, _) => new(new Rfc9421Signer(_default));
        TenantSenders senders = Senders(new TenantSenderOptions { MaxTenants = 4, TimeProvider = _time });
        await SendAsync(senders, "busy");
        for (int i = 0; i < 40; i++)
        {
            await SendAsync(senders, "tenant" + i);
            await SendAsync(senders, "busy");
            Assert.InRange(senders.Count, 1, 4);
        }

        Assert.InRange(_asked.Count(static tenant => tenant == "busy"), 1, 15);
    }

    [Fact]
    public void Bad_options_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => new TenantSenderOptions { MaxTenants = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(static () => new TenantSenderOptions { KeyLifetime = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(static () => new TenantSenderOptions { CallTimeout = TimeSpan.FromHours(1) });
        Assert.Throws<ArgumentNullException>(static () => new TenantSenderOptions { TimeProvider = null! });
        Assert.Throws<ArgumentNullException>(() => new TenantSenders(null!, _find));
        Assert.Throws<ArgumentNullException>(() => new TenantSenders(_shared, null!));
        Assert.Throws<ArgumentNullException>(() => Senders().GetSender(null!));
    }

    private static string KeyIdOf(RecordingReceiver.Received request)
    {
        string input = request.Headers["Signature-Input"];
        int start = input.IndexOf("keyid=\"", StringComparison.Ordinal) + 7;
        return input[start..input.IndexOf('"', start)];
    }

    private static async Task WaitForAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Yield();
        }
    }

    private static ValueTask<DeliveryOutcome> DeliverAsyncCore(
        InMemoryWebhookDeliverySupervisor supervisor, WebhookDestination destination, string? tenant) =>
        supervisor.SendAsync(destination, new RawPayload(), new DeliveryOptions { Tenant = tenant });

    private TenantSenders Senders(TenantSenderOptions? options = null) => new(
        _shared,
        (tenant, token) =>
        {
            _asked.Enqueue(tenant);
            return _find(tenant, token);
        },
        options ?? new TenantSenderOptions { TimeProvider = _time });

    private InMemoryWebhookDeliverySupervisor Supervisor(IWebhookSenderSource senders) => new(_shared, new WebhookSupervisorOptions
    {
        Senders = senders,
        TimeProvider = _time,
        Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero },
    });

    private async Task<DeliveryOutcome> DeliverAsync(InMemoryWebhookDeliverySupervisor supervisor, string? tenant) =>
        await DeliverAsyncCore(supervisor, new WebhookDestination(_receiver.BaseUrl), tenant);

    private async Task<WebhookSendResult> SendAsync(TenantSenders senders, string tenant, CancellationToken cancellationToken = default)
    {
        IWebhookSender sender = senders.GetSender(tenant);
        return await sender.SendAsync(sender.Prepare(new WebhookDestination(_receiver.BaseUrl), new RawPayload()), cancellationToken);
    }

    private Rfc9421Verifier Verifier(string tenant) => new(
        VerificationKeySet.FromJwks(SigningKey.ExportJwks([_keys[tenant]]), tenant),
        new InMemoryReplayCache(timeProvider: _time), new() { TimeProvider = _time });
}
