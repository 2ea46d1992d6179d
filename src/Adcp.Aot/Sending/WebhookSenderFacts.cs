using Adcp.Aot.Network;

namespace Adcp.Aot;

/// <summary>What a sender says of itself, so that wiring which does not fit is found before the first webhook. Immutable.</summary>
/// <param name="Version">The AdCP generation that its bodies are written in.</param>
/// <param name="KeyId">The <c>kid</c> of the key that signs; null if it does not sign by RFC 9421.</param>
/// <param name="Algorithm">The algorithm of that key; null if it does not sign by RFC 9421.</param>
/// <param name="Guard">Judges where it may send to.</param>
/// <param name="AttemptTimeout">How long one attempt may take.</param>
public sealed record WebhookSenderFacts(
    AdcpVersion Version, string? KeyId, SignatureAlgorithm? Algorithm, DestinationGuard Guard, TimeSpan AttemptTimeout);
