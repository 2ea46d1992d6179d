using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Verification;

/// <summary>
/// Verifies webhooks by AdCP's profile of RFC 9421, in the order of AdCP's checklist: the cheapest checks first,
/// revocation and limits before any cryptography, and the nonce is used up before the body is examined. Thread-safe.
/// </summary>
/// <remarks>
/// Steps 1 to 10 need no body: a receiver performs them before it reads one. If a key source or replay cache throws or
/// is slow, the answer is 503 and never a permanent refusal. The signature covers the url that the sender called.
/// Create the <see cref="InboundRequest"/> with your configured origin and not with the request's own <c>Host</c>:
/// otherwise a webhook that was signed for another host is accepted.
/// </remarks>
public sealed class Rfc9421Verifier : WebhookVerifier
{
    private const int MaxWindowSeconds = 300;
    private const int SkewSeconds = 60;
    private const int TargetSlots = 64;

    private readonly IVerificationKeySource _keys;
    private readonly IReplayCache _replays;
    private readonly Rfc9421VerifierOptions _options;
    private readonly CallGuard? _keyGuard;
    private readonly CallGuard? _replayGuard;

    // The urls by which a receiver is called are few. Each is canonicalised once.
    private readonly KnownTarget?[] _targets = new KnownTarget?[TargetSlots];

    /// <summary>Creates a verifier for one sender.</summary>
    /// <param name="keys">The sender's keys.</param>
    /// <param name="replays">The used nonces: one cache for all endpoints that the sender can reach.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="keys"/> or <paramref name="replays"/> is null.</exception>
    public Rfc9421Verifier(IVerificationKeySource keys, IReplayCache replays, Rfc9421VerifierOptions? options = null)
        : base((options ?? new()).MaxBodyBytes)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(replays);
        _keys = keys;
        _replays = replays;
        _options = options ?? new();

        _keyGuard = keys is INonBlocking ? null : new CallGuard("The key source", _options.TimeProvider);
        _replayGuard = replays is INonBlocking ? null : new CallGuard("The replay cache", _options.TimeProvider);
    }

    /// <summary>Gets whether verified webhooks name their sender. A key source of the user's is trusted to do so.</summary>
    internal bool NamesSender => _keys is not VerificationKeySet { Sender: null };

    private protected override async ValueTask<HeaderCheck> CheckHeadersCoreAsync(InboundRequest request,
        CancellationToken cancellationToken)
    {
        string? input = request.Header("signature-input");
        string? signature = request.Header("signature");
        if (input is null && signature is null)
        {
            return HeaderCheck.Refused(Unauthenticated(request, "signature", "x-adcp-signature", "webhook-signature", "authorization"));
        }

        long now = _options.TimeProvider.GetUtcNow().ToUnixTimeSeconds();
        if (CheckHeaders(request, input, signature, now, out ParsedSignature parsed) is { } malformed)
        {
            return HeaderCheck.Refused(malformed);
        }

        // Step 7. A quote or backslash in the id would be escaped here and so names no key: AdCP's signers use neither.
        ReadOnlyMemory<char> keyId = input.AsMemory(parsed.KeyId);
        (KeyLookup lookup, Exception? fault) = await FindKeyAsync(keyId, cancellationToken).ConfigureAwait(false);
        if (lookup.Key is not { } key)
        {
            return HeaderCheck.Refused(lookup.IsUnavailable
                ? VerificationResult.Unavailable(
                    VerificationError.KeysUnavailable, "7", "The sender's keys cannot be read now.", keyId.ToString(), null,
                    lookup.RetryAfter, fault)
                : VerificationResult.Refused(VerificationError.KeyUnknown, "7", keyId: keyId.ToString()));
        }

        if (CheckKey(key, input!.AsSpan(parsed.Alg), parsed.Created) is { } unusable)
        {
            return HeaderCheck.Refused(unusable);
        }

        // Step 9a
        if (await RefuseFullAsync(key, cancellationToken).ConfigureAwait(false) is { } full)
        {
            return HeaderCheck.Refused(full);
        }

        return CheckSignature(request, parsed, key, input!, signature!) is { } forged
            ? HeaderCheck.Refused(forged)
            : HeaderCheck.Signed(request, key, input.AsMemory(parsed.Nonce), parsed.Expires);
    }

    private protected override async ValueTask<VerificationResult> VerifyBodyCoreAsync(
        HeaderCheck headers, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> bodySha256, CancellationToken cancellationToken)
    {
        VerificationKey key = headers.Key!;
        if (!DigestMatches(headers.Request.Header("content-digest"), body.Span, bodySha256.Span))
        {
            return Refused(VerificationError.DigestMismatch, "11", key);
        }

        // Steps 12 and 13. The nonce is used up here, whatever the checks of the body below find.
        return await SpendAsync(headers, key, cancellationToken).ConfigureAwait(false) is { } refusal ? refusal
            : JsonBodyCheck.Check(body.Span) is { } fault
                ? VerificationResult.Refused(VerificationError.BodyMalformed, "14", fault.Message, key.KeyId, key.Sender)
                : VerificationResult.Verified(key.KeyId, key.Sender);
    }

    /// <inheritdoc/>
    internal override ValueTask CheckAsync(CancellationToken cancellationToken) => _replays.CheckAsync(cancellationToken);

    /// <summary>Asks the key source. If it fails, the keys are <see cref="KeyLookup.Unavailable"/>.</summary>
    private async ValueTask<(KeyLookup Lookup, Exception? Fault)> FindKeyAsync(ReadOnlyMemory<char> keyId,
        CancellationToken cancellationToken)
    {
        try
        {
            ValueTask<KeyLookup> lookup = _keyGuard is null
                ? _keys.FindAsync(keyId, cancellationToken)
                : _keyGuard.RunAsync((_keys, keyId), static (call, token) => call._keys.FindAsync(call.keyId, token), _options.CallTimeout,
                    cancellationToken);
            return (await lookup.ConfigureAwait(false), null);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            return (KeyLookup.Unavailable, fault);
        }
    }

    /// <summary>Step 9a: refuses a key that has no room for another nonce.</summary>
    private async ValueTask<VerificationResult?> RefuseFullAsync(VerificationKey key, CancellationToken cancellationToken)
    {
        try
        {
            ValueTask<bool> hasRoom = _replayGuard is null
                ? _replays.HasRoomAsync(key.Sender ?? "", key.KeyId, cancellationToken)
                : _replayGuard.RunAsync(
                    (_replays, key), static (call, token) =>
                        call._replays.HasRoomAsync(call.key.Sender ?? "", call.key.KeyId, token), _options.CallTimeout, cancellationToken);
            return await hasRoom.ConfigureAwait(false) ? null : Refused(VerificationError.RateAbuse, "9a", key);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            return Unavailable("9a", key, fault);
        }
    }

    /// <summary>Steps 12 and 13: uses up the nonce.</summary>
    private async ValueTask<VerificationResult?> SpendAsync(HeaderCheck headers, VerificationKey key, CancellationToken cancellationToken)
    {
        DateTimeOffset expires = DateTimeOffset.FromUnixTimeSeconds(headers.Expires + SkewSeconds);
        try
        {
            ValueTask<ReplayAdmission> admission = _replayGuard is null
                ? _replays.TryAddAsync(key.Sender ?? "", key.KeyId, headers.Nonce, expires, cancellationToken)
                : _replayGuard.RunAsync(
                    (_replays, key, headers.Nonce, expires),
                    static (call, token) =>
                        call._replays.TryAddAsync(call.key.Sender ?? "", call.key.KeyId, call.Nonce, call.expires, token),
                    _options.CallTimeout,
                    cancellationToken);
            return await admission.ConfigureAwait(false) switch
            {
                ReplayAdmission.Added => null,
                ReplayAdmission.Replayed => Refused(VerificationError.Replayed, "12", key),
                _ => Refused(VerificationError.RateAbuse, "13", key),
            };
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            return Unavailable("12", key, fault);
        }
    }

    private static VerificationResult Unavailable(string step, VerificationKey key, Exception fault) => VerificationResult.Unavailable(
        VerificationError.ReplayCacheUnavailable, step, "The replay cache does not answer.", key.KeyId, key.Sender, null, fault);

    /// <summary>Steps 1 to 6: checks the headers alone.</summary>
    private static VerificationResult? CheckHeaders(InboundRequest request, string? input, string? signature, long now,
        out ParsedSignature parsed)
    {
        parsed = default;
        if (input is null || signature is null)
        {
            return Refused(VerificationError.HeaderMalformed, "1", "One of Signature and Signature-Input is there without the other.");
        }

        if (ParsedSignature.Read(input, signature, out parsed) is { } fault)
        {
            return Refused(VerificationError.HeaderMalformed, "1", fault);
        }

        Span<byte> ignored = stackalloc byte[SHA256.HashSizeInBytes];
        if (request.Header("content-digest") is { } digest && !ParsedSignature.TryReadContentDigest(digest, ignored))
        {
            return Refused(VerificationError.HeaderMalformed, "1", "Content-Digest is not a dictionary with one sha-256 of 32 bytes.");
        }

        if (!HasAsciiAuthority(request.Url))
        {
            return Refused(VerificationError.HeaderMalformed, "1", "The host arrived in other than ASCII.");
        }

        ReadOnlySpan<char> text = input;
        VerificationError error;
        string step;
        if (!parsed.HasAllParameters)
        {
            (error, step) = (VerificationError.ParamsIncomplete, "2");
        }
        else if (!text[parsed.Tag].SequenceEqual(Rfc9421Signer.Tag))
        {
            (error, step) = (VerificationError.TagInvalid, "3");
        }
        else if (!text[parsed.Alg].SequenceEqual(Rfc9421Signer.Ed25519Name) && !text[parsed.Alg].SequenceEqual(Rfc9421Signer.P256Name))
        {
            (error, step) = (VerificationError.AlgNotAllowed, "4");
        }
        else if (parsed.Expires <= parsed.Created || parsed.Created > now + SkewSeconds || parsed.Expires < now - SkewSeconds
            || parsed.Expires - parsed.Created > MaxWindowSeconds)
        {
            (error, step) = (VerificationError.WindowInvalid, "5");
        }
        else if (!parsed.CoversAllRequired)
        {
            (error, step) = (VerificationError.ComponentsIncomplete, "6");
        }
        else
        {
            return null;
        }

        return Refused(error, step, null, text[parsed.KeyId].ToString());
    }

    /// <summary>Steps 7 (the publisher's pins), 8 and 9: checks the key and its sender's revocations.</summary>
    private VerificationResult? CheckKey(VerificationKey key, ReadOnlySpan<char> alg, long created)
    {
        VerificationError unpinned = _options.Pins?.Refuse(key, created) ?? VerificationError.None;
        if (unpinned == VerificationError.KeyUnknown)
        {
            return VerificationResult.Refused(
                unpinned, "7", "The publisher's adagents.json does not pin this key for the agent.", key.KeyId, key.Sender);
        }

        bool fits = alg.SequenceEqual(key.Algorithm == SignatureAlgorithm.Ed25519 ? Rfc9421Signer.Ed25519Name : Rfc9421Signer.P256Name);
        if (!key.MayVerifyWebhooks || !fits)
        {
            return Refused(VerificationError.KeyPurposeInvalid, "8", key);
        }

        if (unpinned != VerificationError.None)
        {
            return Refused(unpinned, "9", key);
        }

        if (_options.Revocations?.Current is not { } list)
        {
            return null;
        }

        if (list.Revokes(key.KeyId))
        {
            return Refused(VerificationError.KeyRevoked, "9", key);
        }

        return _options.TimeProvider.GetUtcNow() >= list.StaleFrom ? Refused(VerificationError.RevocationStale, "9", key) : null;
    }

    /// <summary>Step 10: checks the url that was called, and the signature.</summary>
    private VerificationResult? CheckSignature(InboundRequest request, in ParsedSignature parsed, VerificationKey key,
        string input, string signature)
    {
        if (Target(request.Url) is not { } target || (request.Host is { } host && !IsAuthority(host, target)))
        {
            return Refused(VerificationError.TargetUriMalformed, "10", key);
        }

        Span<byte> raw = stackalloc byte[ParsedSignature.RawLength];
        ReadOnlySpan<char> encoded = signature.AsSpan(parsed.Signature);
        if (!ParsedSignature.TryDecode(encoded, raw))
        {
            return Refused(VerificationError.SignatureInvalid, "10", key);
        }

        SignatureBase text = new(stackalloc byte[1024]);
        bool valid = text.TryWrite(request, target, input.AsSpan(parsed.Parameters)) && key.Verify(text.Written, raw);
        text.Dispose();
        return valid ? null : Refused(VerificationError.SignatureInvalid, "10", key);
    }

    private static bool DigestMatches(string? header, ReadOnlySpan<byte> body, ReadOnlySpan<byte> bodySha256)
    {
        Span<byte> said = stackalloc byte[SHA256.HashSizeInBytes];
        if (header is null || !ParsedSignature.TryReadContentDigest(header, said))
        {
            return false;
        }

        if (!bodySha256.IsEmpty)
        {
            return CryptographicOperations.FixedTimeEquals(said, bodySha256);
        }

        Span<byte> actual = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, actual);
        return CryptographicOperations.FixedTimeEquals(said, actual);
    }

    private static bool HasAsciiAuthority(ReadOnlySpan<char> url)
    {
        int start = url.IndexOf("://");
        ReadOnlySpan<char> authority = start < 0 ? url : url[(start + 3)..];
        int end = authority.IndexOfAny('/', '?', '#');
        return Ascii.IsValid(end < 0 ? authority : authority[..end]);
    }

    private static bool IsAuthority(string host, TargetUri target) =>
        host == target.Authority
        || (!host.AsSpan().ContainsAny("/?#@")
            && TargetUri.TryParse((target.IsHttps ? "https://" : "http://") + host, out TargetUri? other, out _)
            && other.Authority == target.Authority);

    private static VerificationResult Refused(VerificationError error, string step, string? detail, string? keyId = null) =>
        VerificationResult.Refused(error, step, detail, keyId);

    private static VerificationResult Refused(VerificationError error, string step, VerificationKey key) =>
        VerificationResult.Refused(error, step, null, key.KeyId, key.Sender);

    private TargetUri? Target(string url)
    {
        ref KnownTarget? slot = ref _targets[(uint)url.GetHashCode(StringComparison.Ordinal) % TargetSlots];
        if (Volatile.Read(ref slot) is { } known && known.Url == url)
        {
            return known.Target;
        }

        if (!TargetUri.TryParse(url, out TargetUri? target, out _) || target.HadUserInfo)
        {
            return null;
        }

        Volatile.Write(ref slot, new KnownTarget(url, target));
        return target;
    }

    private sealed record KnownTarget(string Url, TargetUri Target);
}
