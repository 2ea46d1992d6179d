using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Adcp.Aot.Json;

/// <summary>
/// Writes the canonical form of JSON (RFC 8785, JCS) and its SHA-256 fingerprint, by which AdCP binds an idempotency
/// key to a payload. If two texts have the same fingerprint, they are equivalent: the order of members and the spelling
/// of numbers and strings do not matter. Thread-safe.
/// </summary>
/// <remarks>
/// Numbers are IEEE 754 doubles, written as ECMAScript does; members are ordered by the UTF-16 code units of their
/// names. Time and memory are bounded by the text's length: at most 64 levels, members sorted in n log n. The canonical
/// form of a text of n bytes is shorter than 6n bytes.
/// </remarks>
public static class CanonicalJson
{
    /// <summary>The length of a fingerprint in bytes: SHA-256's 32.</summary>
    public const int FingerprintLength = SHA256.HashSizeInBytes;

    /// <summary>Writes the canonical form. Writes nothing if the text is refused.</summary>
    /// <param name="json">One JSON value in UTF-8.</param>
    /// <param name="output">Receives the canonical form.</param>
    /// <exception cref="ArgumentNullException"><paramref name="output"/> is null.</exception>
    /// <exception cref="WebhookPayloadException">
    /// <c>duplicate_key_input</c>: an object has a name twice. <c>invalid_json</c>: not one JSON value of at most 64
    /// levels, not valid UTF-8, a lone surrogate, or a number that no double holds.
    /// </exception>
    public static void Write(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        using JsonTape tape = new();
        if (!tape.TryRead(json))
        {
            (string code, string message) = Fault(json);
            throw new WebhookPayloadException(code, message, nameof(json));
        }

        tape.WriteCanonical(output);
    }

    /// <summary>Computes the fingerprint: the SHA-256 of the canonical form.</summary>
    /// <param name="json">One JSON value in UTF-8.</param>
    /// <param name="fingerprint">Receives the fingerprint in its first <see cref="FingerprintLength"/> bytes.</param>
    /// <param name="code">The reason why the text is refused: <c>duplicate_key_input</c> or <c>invalid_json</c>, as for
    /// <see cref="Write"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="fingerprint"/> is too short.</exception>
    public static bool TryFingerprint(ReadOnlySpan<byte> json, Span<byte> fingerprint, [NotNullWhen(false)] out string? code)
    {
        if (fingerprint.Length < FingerprintLength)
        {
            throw new ArgumentException("A fingerprint has 32 bytes.", nameof(fingerprint));
        }

        using JsonTape tape = new();
        if (!tape.TryRead(json))
        {
            code = Fault(json).Code;
            return false;
        }

        ArrayBufferWriter<byte> canonical = new(json.Length + 1);
        tape.WriteCanonical(canonical);
        SHA256.HashData(canonical.WrittenSpan, fingerprint);
        code = null;
        return true;
    }

    private static (string Code, string Message) Fault(ReadOnlySpan<byte> json) =>
        JsonBodyCheck.Check(json) ?? ("invalid_json", "A number of the JSON is outside the range of a double.");
}
