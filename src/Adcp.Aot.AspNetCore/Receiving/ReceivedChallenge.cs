using Adcp.Aot.Payloads.Notifications;

namespace Adcp.Aot.AspNetCore.Receiving;

/// <summary>A seller's verified question whether this endpoint wants a subscription. Immutable.</summary>
public sealed class ReceivedChallenge
{
    internal ReceivedChallenge(string sender, string? keyId, WebhookChallengeEnvelope envelope)
    {
        Sender = sender;
        KeyId = keyId;
        Envelope = envelope;
    }

    /// <summary>Who asks: the identity its key belongs to, never anything the body says; empty where the verifier names no sender.</summary>
    public string Sender { get; }

    /// <summary>The key that signed it.</summary>
    public string? KeyId { get; }

    /// <summary>The subscription.</summary>
    public WebhookChallengeEnvelope Envelope { get; }

    /// <summary>Names the subscriber only.</summary>
    public override string ToString() => Envelope.ToString();
}
