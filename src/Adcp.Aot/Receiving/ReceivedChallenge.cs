using Adcp.Aot.Payloads.Notifications;

namespace Adcp.Aot.Receiving;

/// <summary>A seller's verified challenge: does this endpoint want a subscription? Immutable.</summary>
public sealed class ReceivedChallenge
{
    internal ReceivedChallenge(string sender, string? keyId, WebhookChallengeEnvelope envelope)
    {
        Sender = sender;
        KeyId = keyId;
        Envelope = envelope;
    }

    /// <summary>
    /// The seller that asks: the owner of the signing key, never a claim of the body; empty if the key source names no
    /// sender.
    /// </summary>
    public string Sender { get; }

    /// <summary>The key that signed the challenge.</summary>
    public string? KeyId { get; }

    /// <summary>The subscription.</summary>
    public WebhookChallengeEnvelope Envelope { get; }

    /// <summary>Returns the subscriber only.</summary>
    public override string ToString() => Envelope.ToString();
}
