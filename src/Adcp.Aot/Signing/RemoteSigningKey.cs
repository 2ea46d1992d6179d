using System.Formats.Asn1;
using System.Security.Cryptography;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Signing;

/// <summary>
/// A remote signing key. Before the first signature, the public half of the remote key is read once for all waiting
/// attempts and compared with the published one: a key that was swapped or misconfigured signs nothing. Only success is
/// remembered; after a failure the next attempt tries again. Thread-safe.
/// </summary>
public sealed class RemoteSigningKey
{
    private static readonly TimeSpan InitialisationTimeout = TimeSpan.FromSeconds(30);

    private readonly IRemoteSigner _signer;
    private readonly byte[] _expected;
    private readonly CallGuard _guard;
    private Task? _initialisation;

    /// <summary>Creates a remote key from its published form.</summary>
    /// <param name="signer">Signs.</param>
    /// <param name="publicJwk">The public JWK as it is published, with its <c>kid</c>.</param>
    /// <param name="timeProvider">The clock of the first call's timeout of 30 s. Default: the system's.</param>
    /// <exception cref="ArgumentNullException"><paramref name="signer"/> or <paramref name="publicJwk"/> is null.</exception>
    /// <exception cref="ArgumentException">The JWK is not valid, is for another use, or has a private
    /// member.</exception>
    public RemoteSigningKey(IRemoteSigner signer, string publicJwk, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(signer);
        ArgumentNullException.ThrowIfNull(publicJwk);
        Jwk jwk = Jwk.Parse(publicJwk, nameof(publicJwk));
        SigningKey.CheckKeyId(jwk.KeyId, nameof(publicJwk));
        jwk.CheckUse(nameof(publicJwk), "verify");
        if (jwk.Private is not null || jwk.X is null || (jwk.Y is null && jwk.Algorithm == SignatureAlgorithm.EcdsaP256Sha256))
        {
            throw new ArgumentException("Must be a public JWK with its 'x' (and 'y' on P-256) and without 'd'.", nameof(publicJwk));
        }

        _signer = signer;
        _guard = new CallGuard("The remote signer", timeProvider ?? TimeProvider.System);
        _expected = [.. jwk.X, .. jwk.Y ?? []];
        KeyId = jwk.KeyId!;
        Algorithm = jwk.Algorithm;
    }

    /// <summary>The <c>kid</c> under which the public key is published.</summary>
    public string KeyId { get; }

    /// <summary>The algorithm.</summary>
    public SignatureAlgorithm Algorithm { get; }

    /// <summary>Returns the id and algorithm only.</summary>
    public override string ToString() => $"{Algorithm} {KeyId} (remote)";

    /// <summary>Signs into 64 bytes.</summary>
    /// <exception cref="CryptographicException">The remote key differs from the published one, or its signature is not
    /// valid.</exception>
    internal async ValueTask SignAsync(ReadOnlyMemory<byte> message, Memory<byte> signature, CancellationToken cancellationToken)
    {
        Task ready = Initialisation();
        if (!ready.IsCompletedSuccessfully)
        {
            await ready.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        // The attempt's own timeout ends the call.
        ReadOnlyMemory<byte> raw = await _guard.RunAsync(
            (_signer, message),
            static (call, token) => call._signer.SignAsync(call.message, token),
            Timeout.InfiniteTimeSpan,
            cancellationToken).ConfigureAwait(false);
        if (raw.Length == signature.Length)
        {
            raw.CopyTo(signature);
        }
        else if (Algorithm != SignatureAlgorithm.EcdsaP256Sha256 || !TryConvertDer(raw, signature.Span))
        {
            throw new CryptographicException("The remote signer returned neither 64 bytes nor, on P-256, a DER signature.");
        }
    }

    /// <summary>
    /// Converts DER <c>SEQUENCE { r INTEGER, s INTEGER }</c> to IEEE P1363: two unsigned 32-byte numbers.
    /// </summary>
    internal static bool TryConvertDer(ReadOnlyMemory<byte> der, Span<byte> p1363)
    {
        try
        {
            AsnReader reader = new(der, AsnEncodingRules.DER);
            AsnReader sequence = reader.ReadSequence();
            bool fits = Put(sequence.ReadIntegerBytes().Span, p1363[..32]) && Put(sequence.ReadIntegerBytes().Span, p1363[32..]);
            return fits && !sequence.HasData && !reader.HasData;
        }
        catch (AsnContentException)
        {
            return false;
        }

        static bool Put(ReadOnlySpan<byte> integer, Span<byte> output)
        {
            if (integer[0] >= 0x80)
            {
                return false;
            }

            integer = integer.TrimStart((byte)0);
            if (integer.Length is 0 or > 32)
            {
                return false;
            }

            output[..(32 - integer.Length)].Clear();
            integer.CopyTo(output[(32 - integer.Length)..]);
            return true;
        }
    }

    private Task Initialisation()
    {
        Task? known = Volatile.Read(ref _initialisation);
        if (known is not null && !known.IsFaulted)
        {
            return known;
        }

        TaskCompletionSource own = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task? winner = Interlocked.CompareExchange(ref _initialisation, own.Task, known);
        if (winner != known)
        {
            return winner!;
        }

        // No caller's token is passed on: many callers wait for this call, and if one gives up, the others still need
        // it.
        _ = CompleteAsync(own);
        return own.Task;
    }

    private async Task CompleteAsync(TaskCompletionSource initialisation)
    {
        try
        {
            await InitialiseAsync().ConfigureAwait(false);
            initialisation.SetResult();
        }
        catch (Exception fault)
        {
            initialisation.SetException(fault);

            // Observed here, in case every caller has given up.
            _ = initialisation.Task.Exception;
        }
    }

    private async Task InitialiseAsync()
    {
        ReadOnlyMemory<byte> spki = await _guard.RunAsync(
            _signer,
            static (signer, token) => signer.GetPublicKeyAsync(token),
            InitialisationTimeout,
            CancellationToken.None).ConfigureAwait(false);
        if (!Matches(spki))
        {
            throw new CryptographicException("The remote key is not the published one.");
        }
    }

    private bool Matches(ReadOnlyMemory<byte> spki)
    {
        try
        {
            AsnReader reader = new(spki, AsnEncodingRules.DER);
            AsnReader info = reader.ReadSequence();
            AsnReader algorithm = info.ReadSequence();
            string oid = algorithm.ReadObjectIdentifier();
            byte[] point = info.ReadBitString(out _);
            reader.ThrowIfNotEmpty();
            return Algorithm == SignatureAlgorithm.Ed25519
                ? oid == "1.3.101.112" && point.AsSpan().SequenceEqual(_expected)
                : oid == "1.2.840.10045.2.1" && algorithm.ReadObjectIdentifier() == "1.2.840.10045.3.1.7" && point is [0x04, ..]
                && point.AsSpan(1).SequenceEqual(_expected);
        }
        catch (AsnContentException)
        {
            return false;
        }
    }
}
