using System.Security.Cryptography;
using Adcp.Aot.Auditing;
using Adcp.Aot.Network;
using Adcp.Aot.Resilience;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;
using Adcp.Aot.Threading;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Signing;

public sealed class RemoteSigningKeyTests : IDisposable
{
    private readonly ECDsa _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose() => _ec.Dispose();

    [Fact]
    public void Der_and_p1363_are_the_same_signature() => Gen.Byte.Array[0, 64].Sample(
        data =>
        {
            byte[] der = _ec.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
            byte[] p1363 = new byte[64];
            return RemoteSigningKey.TryConvertDer(der, p1363) && _ec.VerifyData(data, p1363, HashAlgorithmName.SHA256);
        },
        iter: 600);

    [Fact]
    public void Der_that_is_no_signature_is_refused_without_an_exception()
    {
        byte[] good = _ec.SignData([1], HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        byte[] output = new byte[64];
        Assert.False(RemoteSigningKey.TryConvertDer(good.AsMemory(..^1), output));
        Assert.False(RemoteSigningKey.TryConvertDer((byte[])[.. good, 0], output));
        Assert.False(RemoteSigningKey.TryConvertDer(new byte[] { 0x30, 0x06, 0x02, 0x01, 0x81, 0x02, 0x01, 0x01 }, output));
        Gen.Byte.Array[0, 80].Sample(bytes => { RemoteSigningKey.TryConvertDer(bytes, new byte[64]); }, iter: 5000);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_sender_signs_with_a_remote_key(bool der)
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        Kms kms = new(_ec) { Der = der };
        using WebhookSender sender = new(new Rfc9421Signer(new RemoteSigningKey(kms, PublicJwk(_ec))), Options());
        Assert.True((await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.BaseUrl), new RawPayload()),
            CancellationToken.None)).Ok);
        RecordingReceiver.Received request = Assert.Single(receiver.Requests);
        byte[] signature = System.Buffers.Text.Base64Url.DecodeFromChars(request.Headers["Signature"].AsSpan(6, 86));
        Assert.True(_ec.VerifyData(kms.LastMessage, signature, HashAlgorithmName.SHA256));
        Assert.Contains("keyid=\"kms-1\"", request.Headers["Signature-Input"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_signatures_wait_for_one_reading_of_the_public_key()
    {
        Kms kms = new(_ec) { Gate = new TaskCompletionSource() };
        RemoteSigningKey key = new(kms, PublicJwk(_ec));
        Task[] signing = [.. Enumerable.Range(0, 10)
            .Select(_ => key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None).AsTask())];
        kms.Gate.SetResult();
        await Task.WhenAll(signing);
        await key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None);
        Assert.Equal((1, 11), (kms.PublicKeyReads, kms.Signatures));
    }

    [Fact]
    public async Task One_that_gives_up_waiting_does_not_end_it_for_the_others()
    {
        Kms kms = new(_ec) { Gate = new TaskCompletionSource() };
        RemoteSigningKey key = new(kms, PublicJwk(_ec));
        using CancellationTokenSource cancel = new();
        Task impatient = key.SignAsync(new byte[] { 1 }, new byte[64], cancel.Token).AsTask();
        Task patient = key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        kms.Gate.SetResult();
        await patient;
        Assert.Equal((1, 1), (kms.PublicKeyReads, kms.Signatures));
    }

    [Fact]
    public async Task A_failed_first_reading_is_not_remembered()
    {
        Kms kms = new(_ec) { Failures = 1 };
        RemoteSigningKey key = new(kms, PublicJwk(_ec));
        await Assert.ThrowsAsync<IOException>(() => key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None).AsTask());
        await key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None);
        Assert.Equal((2, 1), (kms.PublicKeyReads, kms.Signatures));
    }

    [Fact]
    public async Task A_remote_key_that_is_not_the_published_one_signs_nothing()
    {
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using SigningKey ed25519 = SigningKey.Generate(SignatureAlgorithm.Ed25519, "kms-1");
        foreach (string published in new[] { PublicJwk(other), ed25519.ExportPublicJwk() })
        {
            Kms kms = new(_ec);
            RemoteSigningKey key = new(kms, published);
            Assert.Contains("not the published",
                (await Assert.ThrowsAsync<CryptographicException>(() =>
                    key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None).AsTask())).Message, StringComparison.Ordinal);
            Assert.Equal(0, kms.Signatures);
        }
    }

    [Fact]
    public async Task A_remote_fault_is_a_result_of_the_attempt_and_nothing_is_sent()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using WebhookSender sender = new(new Rfc9421Signer(new RemoteSigningKey(new Kms(_ec) { Failures = 1 }, PublicJwk(_ec))), Options());
        WebhookSendResult result = await sender.SendAsync(sender.Prepare(new WebhookDestination(receiver.BaseUrl), new RawPayload()),
            CancellationToken.None);
        Assert.Equal((WebhookSendError.SignerUnavailable, "signer unavailable: IOException"), (result.Error, result.ErrorDetail));
        Assert.Empty(receiver.Requests);
        Assert.True((await sender.ResendAsync(result, CancellationToken.None)).Ok);
    }

    [Fact]
    public async Task A_delivery_outlives_a_remote_key_that_is_away_and_blames_no_endpoint()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using WebhookSender sender = new(new Rfc9421Signer(new RemoteSigningKey(new Kms(_ec) { Failures = 2 }, PublicJwk(_ec))), Options());
        InMemoryDeliveryLogSink sink = new();
        await using InMemoryWebhookDeliverySupervisor supervisor = new(sender, new WebhookSupervisorOptions
        {
            Sink = sink,
            SinkMode = SinkMode.Inline,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero },
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 1 },
        });
        DeliveryOutcome outcome = await supervisor.SendAsync(new WebhookDestination(receiver.BaseUrl), new RawPayload());
        Assert.Equal((DeliveryStatus.Delivered, 3), (outcome.Status, outcome.Attempts));
        Assert.Equal([WebhookSendError.SignerUnavailable, WebhookSendError.SignerUnavailable, WebhookSendError.None],
            sink.Snapshot().Select(record => record.Error));
        Assert.Single(receiver.Requests);
        Assert.Equal(CircuitState.Closed, supervisor.Endpoints.Snapshot()[0].State);
    }

    [Fact]
    public async Task A_remote_key_that_signs_wrongly_is_not_asked_again()
    {
        await using RecordingReceiver receiver = await RecordingReceiver.StartAsync();
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using WebhookSender sender = new(new Rfc9421Signer(new RemoteSigningKey(new Kms(_ec), PublicJwk(other))), Options());
        await using InMemoryWebhookDeliverySupervisor supervisor =
            new(sender, new WebhookSupervisorOptions { Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero } });
        DeliveryOutcome outcome = await supervisor.SendAsync(new WebhookDestination(receiver.BaseUrl), new RawPayload());
        Assert.Equal((DeliveryStatus.Refused, "signing_failed", 1), (outcome.Status, outcome.Code, outcome.Attempts));
        Assert.Empty(receiver.Requests);
    }

    [Fact]
    public void A_private_or_incomplete_jwk_is_refused()
    {
        Kms kms = new(_ec);
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        Assert.Throws<ArgumentException>(() => new RemoteSigningKey(kms, key.ExportPrivateJwk()));
        Assert.Throws<ArgumentException>(() => new RemoteSigningKey(kms, """{"kty":"OKP","crv":"Ed25519","kid":"k"}"""));
        Assert.Throws<ArgumentNullException>(() => new RemoteSigningKey(null!, key.ExportPublicJwk()));
        Assert.Throws<ArgumentNullException>(() => new Rfc9421Signer((RemoteSigningKey)null!));
        Assert.True(TargetUri.TryParse("https://buyer.example/", out TargetUri? target, out _));
        Assert.Throws<InvalidOperationException>(() =>
            new Rfc9421Signer(new RemoteSigningKey(kms, key.ExportPublicJwk())).Sign(target, "d", default, out _, out _));
    }

    private static string PublicJwk(ECDsa key)
    {
        using SigningKey signing = SigningKey.FromPem(key.ExportPkcs8PrivateKeyPem(), "kms-1", SignatureAlgorithm.EcdsaP256Sha256);
        return signing.ExportPublicJwk();
    }

    private static WebhookSenderOptions Options() => new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true };

    [Fact]
    public async Task A_cancellation_callback_of_a_signer_that_throws_stays_with_the_signer()
    {
        HangingKms kms = new(_ec);
        RemoteSigningKey key = new(kms, PublicJwk(_ec));
        using CancellationTokenSource attempt = new();
        Task signing = key.SignAsync(new byte[] { 1 }, new byte[64], attempt.Token).AsTask();
        await kms.Called.Task;

        attempt.Cancel(throwOnFirstException: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => signing);
        await kms.Cancelled.Task;
    }

    private sealed class HangingKms(ECDsa key) : IRemoteSigner
    {
        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ValueTask<ReadOnlyMemory<byte>> GetPublicKeyAsync(CancellationToken cancellationToken) =>
            new(key.ExportSubjectPublicKeyInfo());

        public ValueTask<ReadOnlyMemory<byte>> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            cancellationToken.Register(() =>
            {
                Cancelled.SetResult();
                throw new InvalidOperationException("A callback's own fault.");
            });
            Called.SetResult();
            return new(new TaskCompletionSource<ReadOnlyMemory<byte>>().Task);
        }
    }

    [Fact]
    public async Task Calls_that_never_return_are_bounded_in_number_and_the_key_recovers_when_they_do()
    {
        TaskCompletionSource stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Kms kms = new(_ec);
        RemoteSigningKey key = new(kms, PublicJwk(_ec));
        await key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None);
        kms.Stuck = stuck.Task;
        using CancellationTokenSource timeout = new();
        Task[] late = [.. Enumerable.Range(0, CallGuard.MaxAbandoned)
            .Select(_ => key.SignAsync(new byte[] { 1 }, new byte[64], timeout.Token).AsTask())];
        await timeout.CancelAsync();
        await Task.WhenAll(late).ContinueWith(static _ => { }, TaskScheduler.Default);

        Task refused = key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None).AsTask();
        TimeoutException fault = await Assert.ThrowsAsync<TimeoutException>(() => refused);
        kms.Stuck = null;
        stuck.SetResult();
        while (!await SignsAsync(key))
        {
            await Task.Yield();
        }

        Assert.All(late, static call => Assert.True(call.IsCanceled));
        Assert.Contains("64 earlier calls have not returned", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_callback_that_throws_when_the_first_reading_times_out_reaches_no_timer()
    {
        FakeTimeProvider time = new();
        RemoteSigningKey key = new(new ThrowingOnCancellation(), PublicJwk(_ec), time);
        Task signing = key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None).AsTask();

        time.Advance(TimeSpan.FromSeconds(30));

        await Assert.ThrowsAsync<TimeoutException>(() => signing);
    }

    [Fact]
    public async Task A_signer_that_blocks_its_thread_is_given_up_with_the_attempt()
    {
        using ManualResetEventSlim leave = new();
        BlockingKms kms = new(_ec, leave);
        RemoteSigningKey key = new(kms, PublicJwk(_ec));
        using CancellationTokenSource attempt = new();

        Task signing = key.SignAsync(new byte[] { 1 }, new byte[64], attempt.Token).AsTask();
        await kms.Called.Task;
        await attempt.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => signing);
        leave.Set();
        await kms.Left.Task;
    }

    private static async Task<bool> SignsAsync(RemoteSigningKey key)
    {
        try
        {
            await key.SignAsync(new byte[] { 1 }, new byte[64], CancellationToken.None);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private sealed class BlockingKms(ECDsa key, ManualResetEventSlim leave) : IRemoteSigner
    {
        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Left { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ValueTask<ReadOnlyMemory<byte>> GetPublicKeyAsync(CancellationToken cancellationToken) =>
            new(key.ExportSubjectPublicKeyInfo());

        public ValueTask<ReadOnlyMemory<byte>> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            Called.SetResult();
            leave.Wait(CancellationToken.None);
            Left.SetResult();
            return new(key.SignData(message.Span, HashAlgorithmName.SHA256));
        }
    }

    /// <summary>A signer that never answers and whose callback throws when it is cancelled.</summary>
    private sealed class ThrowingOnCancellation : IRemoteSigner
    {
        public ValueTask<ReadOnlyMemory<byte>> GetPublicKeyAsync(CancellationToken cancellationToken)
        {
            cancellationToken.Register(static () => throw new InvalidOperationException("hostile"));
            return new(new TaskCompletionSource<ReadOnlyMemory<byte>>().Task);
        }

        public ValueTask<ReadOnlyMemory<byte>> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }

    private sealed class Kms(ECDsa key) : IRemoteSigner
    {
        public int PublicKeyReads;
        public int Signatures;

        public bool Der { get; init; } = true;

        public int Failures { get; set; }

        public TaskCompletionSource? Gate { get; init; }

        /// <summary>Ends calls to sign, which heed no token; null to sign at once.</summary>
        public Task? Stuck { get; set; }

        public byte[] LastMessage { get; private set; } = [];

        public async ValueTask<ReadOnlyMemory<byte>> GetPublicKeyAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref PublicKeyReads);
            await (Gate?.Task ?? Task.CompletedTask);
            return Failures-- > 0 ? throw new IOException("the KMS is away") : key.ExportSubjectPublicKeyInfo();
        }

        public async ValueTask<ReadOnlyMemory<byte>> SignAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            await Task.Yield();
            await (Stuck ?? Task.CompletedTask);
            Interlocked.Increment(ref Signatures);
            LastMessage = message.ToArray();
            return key.SignData(LastMessage, HashAlgorithmName.SHA256, Der
                ? DSASignatureFormat.Rfc3279DerSequence
                : DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
    }
}
