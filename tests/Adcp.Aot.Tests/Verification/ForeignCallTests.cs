using Adcp.Aot.Signing;
using Adcp.Aot.Threading;
using Adcp.Aot.Verification;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Verification;

/// <summary>Key sources and replay caches of users that throw, block and never return.</summary>
public sealed class ForeignCallTests : IDisposable
{
    private const string Url = "https://buyer.example/hook";

    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeSeconds(1776520800));
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k1");

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task A_key_source_that_throws_makes_keys_unavailable()
    {
        Rfc9421Verifier verifier = Verifier(new Source((_, _) => throw new IOException("the database is away")));

        VerificationResult result = await Sign().VerifyAsync(verifier);

        Assert.Equal((VerificationError.KeysUnavailable, 503, null, "k1"),
            (result.Error, result.StatusCode, result.Challenge, result.KeyId));
        Assert.IsType<IOException>(result.Fault);
    }

    [Fact]
    public async Task A_key_source_that_never_answers_is_given_up_after_its_time()
    {
        TaskCompletionSource<CancellationToken> called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<KeyLookup> never = new();
        Rfc9421Verifier verifier = Verifier(new Source((_, token) =>
        {
            called.SetResult(token);
            return new(never.Task);
        }));

        Task<VerificationResult> verifying = Sign().VerifyAsync(verifier);
        CancellationToken token = await called.Task;
        await AdvanceUntilAsync(verifying);

        Assert.Equal(VerificationError.KeysUnavailable, (await verifying).Error);
        Assert.IsType<TimeoutException>((await verifying).Fault);
        await CancelledAsync(token);
        never.SetResult(default);
    }

    [Fact]
    public async Task A_key_source_that_blocks_its_thread_is_given_up_after_its_time()
    {
        using ManualResetEventSlim leave = new();
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Rfc9421Verifier verifier = Verifier(new Source((_, _) =>
        {
            called.SetResult();
            leave.Wait(CancellationToken.None);
            return new(KeyLookup.Unavailable);
        }));

        Task<VerificationResult> verifying = Sign().VerifyAsync(verifier);
        await called.Task;
        await AdvanceUntilAsync(verifying);

        Assert.Equal(VerificationError.KeysUnavailable, (await verifying).Error);
        leave.Set();
    }

    [Fact]
    public async Task Calls_that_were_given_up_are_bounded_and_room_comes_back_when_they_return()
    {
        int calls = 0;
        TaskCompletionSource<KeyLookup> late = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenSource hangUp = new();
        Rfc9421Verifier verifier = Verifier(new Source((_, _) =>
        {
            Interlocked.Increment(ref calls);
            return new(late.Task);
        }));
        SignedMessage message = Sign();
        Task<VerificationResult>[] verifying =
            [.. Enumerable.Range(0,
                CallGuard.MaxAbandoned).Select(_ => verifier.VerifyAsync(message.Request(), message.Body, default, hangUp.Token).AsTask())];
        while (Volatile.Read(ref calls) < CallGuard.MaxAbandoned)
        {
            await Task.Yield();
        }

        await hangUp.CancelAsync();
        foreach (Task<VerificationResult> one in verifying)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        }

        VerificationResult refused = await message.VerifyAsync(verifier);
        Assert.Equal(VerificationError.KeysUnavailable, refused.Error);
        Assert.Contains("earlier calls have not returned", refused.Fault!.Message, StringComparison.Ordinal);
        Assert.Equal(CallGuard.MaxAbandoned, calls);

        late.SetResult(KeyLookup.Unknown);
        while ((await message.VerifyAsync(verifier)).Error != VerificationError.KeyUnknown)
        {
            await Task.Yield();
        }
    }

    [Theory]
    [InlineData(true, "9a")]
    [InlineData(false, "12")]
    public async Task A_replay_cache_that_throws_makes_the_sender_come_back(bool whenAsked, string step)
    {
        Rfc9421Verifier verifier = new(Keys(), new Cache(whenAsked), new() { TimeProvider = _time });

        VerificationResult result = await Sign().VerifyAsync(verifier);

        Assert.Equal((VerificationError.ReplayCacheUnavailable, 503, null, step),
            (result.Error, result.StatusCode, result.Challenge, result.FailedStep));
        Assert.Equal(("k1", "seller"), (result.KeyId, result.Sender));
        Assert.IsType<IOException>(result.Fault);
    }

    [Fact]
    public async Task Every_step_that_needs_no_body_is_done_without_one()
    {
        Rfc9421Verifier verifier = new(Keys(), new InMemoryReplayCache(timeProvider: _time),
            new() { TimeProvider = _time, MaxBodyBytes = 100 });
        SignedMessage message = Sign();
        (SignedMessage Message, long? Length, VerificationError Expected)[] cases =
        [
            (message, 100, VerificationError.None),
            (message, null, VerificationError.None),
            (message, 101, VerificationError.BodyTooLarge),
            (message.With("Content-Type", "text/plain"), null, VerificationError.UnsupportedContentType),
            (message.With("Signature", null), null, VerificationError.HeaderMalformed),
            (message.With("Signature", null).With("Signature-Input", null), null, VerificationError.HeaderMalformed),
            (message.With("Content-Digest", "sha-256=5"), null, VerificationError.HeaderMalformed),
            (message.Edit("Signature-Input", text => text.Replace("webhook-signing", "other", StringComparison.Ordinal)), null,
                VerificationError.TagInvalid),
            (message.Edit("Signature-Input", text => text.Replace("\"k1\"", "\"k2\"", StringComparison.Ordinal)), null,
                VerificationError.KeyUnknown),
            (message with { Url = "https://attacker.example/hook" }, null, VerificationError.SignatureInvalid),
        ];

        foreach ((SignedMessage tried, long? length, VerificationError expected) in cases)
        {
            HeaderCheck check = await verifier.CheckHeadersAsync(tried.Request(), length, default);
            Assert.Equal(expected, check.Refusal?.Error ?? VerificationError.None);
        }
    }

    private async Task AdvanceUntilAsync(Task done)
    {
        while (!done.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }

    private static async Task CancelledAsync(CancellationToken token)
    {
        TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = token.Register(cancelled.SetResult);
        await cancelled.Task;
    }

    private VerificationKeySet Keys() => VerificationKeySet.FromJwks(SigningKey.ExportJwks([_key]), "seller");

    private SignedMessage Sign() => SignedMessage.Sign(new Rfc9421Signer(_key), Url, "{}"u8.ToArray(), _time.GetUtcNow());

    private Rfc9421Verifier Verifier(IVerificationKeySource source) =>
        new(source, new InMemoryReplayCache(timeProvider: _time), new() { TimeProvider = _time });

    private sealed class Source(Func<string, CancellationToken, ValueTask<KeyLookup>> find) : IVerificationKeySource
    {
        public ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken) =>
            find(keyId.ToString(), cancellationToken);
    }

    private sealed class Cache(bool throwsWhenAsked) : IReplayCache
    {
        public ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken) =>
            throwsWhenAsked ? throw new IOException("the database is away") : new(true);

        public ValueTask<ReplayAdmission> TryAddAsync(
            string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken) =>
            throw new IOException("the database is away");
    }
}
