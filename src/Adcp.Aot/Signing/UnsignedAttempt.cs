using Adcp.Aot.Network;

namespace Adcp.Aot.Signing;

/// <summary>The input of a signature.</summary>
/// <param name="Target">The canonical url that is requested.</param>
/// <param name="Body">The bytes that are sent.</param>
/// <param name="ContentDigest">The <c>Content-Digest</c> header; empty if the scheme sends none.</param>
/// <param name="IdempotencyKey">The delivery's key, the same on every attempt.</param>
/// <param name="Now">The time of the attempt.</param>
internal readonly record struct UnsignedAttempt(TargetUri Target, ReadOnlyMemory<byte> Body, ReadOnlyMemory<char> ContentDigest,
    string IdempotencyKey, DateTimeOffset Now);
