using Adcp.Aot.Network;

namespace Adcp.Aot;

/// <summary>The facts about a sender, so that wrong wiring is found before the first webhook. Immutable.</summary>
/// <param name="Version">The AdCP version of its bodies.</param>
/// <param name="KeyId">The <c>kid</c> of the signing key; null if it does not sign by RFC 9421.</param>
/// <param name="Algorithm">The algorithm of that key; null if it does not sign by RFC 9421.</param>
/// <param name="Guard">Decides which destinations it may send to.</param>
/// <param name="AttemptTimeout">The timeout of one attempt.</param>
public sealed record WebhookSenderFacts(
    AdcpVersion Version, string? KeyId, SignatureAlgorithm? Algorithm, DestinationGuard Guard, TimeSpan AttemptTimeout);
