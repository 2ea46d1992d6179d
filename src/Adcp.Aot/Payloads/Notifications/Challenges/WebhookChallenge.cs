using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// A proof-of-control challenge to an endpoint that wants to become an active subscriber, since 3.1. The value is
/// random, made for this object, and good for one proof. If the connection is lost, the same object may be sent once
/// more. Always sent under an RFC 9421 signature, whose <c>expires</c> is the challenge's. The body is a closed object
/// without idempotency key. Immutable.
/// </summary>
public abstract class WebhookChallenge : WebhookPayload
{
    private readonly byte[] _value = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));

    private protected WebhookChallenge()
    {
    }

    /// <summary>The candidate's <c>subscriber_id</c>. 1 to 64 of <c>A-Z a-z 0-9 _ . : -</c>.</summary>
    /// <exception cref="ArgumentException">Does not match its pattern.</exception>
    public required string SubscriberId { get; init => field = JsonWire.Id(value, nameof(SubscriberId), 64); }

    /// <summary>The seller agent's url.</summary>
    /// <exception cref="ArgumentException">Not an absolute http or https URI.</exception>
    public required string SellerAgentUrl { get; init => field = JsonWire.WebUri(value, nameof(SellerAgentUrl)); }

    /// <summary>The authentication of the candidate's deliveries.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public required DeliveryAuthentication DeliveryAuthentication
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(DeliveryAuthentication));
    }

    /// <summary>The maximum size of an answer: 16 KiB.</summary>
    internal const int MaxAnswerBytes = 16 << 10;

    private protected abstract AdcpVersion Since { get; }

    private protected abstract IReadOnlyList<string> Events { get; }

    /// <summary>Checks an answer. Compares the value in constant time.</summary>
    /// <param name="status">The HTTP status.</param>
    /// <param name="body">The body, at most 16 KiB; a longer one is malformed.</param>
    public ChallengeAnswer Check(int status, ReadOnlySpan<byte> body)
    {
        if (status is < 200 or > 299)
        {
            return ChallengeAnswer.NotAccepted;
        }

        if (body.Length is 0 or >= MaxAnswerBytes || JsonBodyCheck.Check(body) is not null)
        {
            return ChallengeAnswer.Malformed;
        }

        Utf8JsonReader reader = new(body);
        string? answer = null;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return ChallengeAnswer.Malformed;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // The answer's schema is closed and has one of the two names.
            if (answer is not null || !(reader.ValueTextEquals("challenge"u8) || reader.ValueTextEquals("token"u8))
                || !reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                return ChallengeAnswer.Malformed;
            }

            answer = reader.GetString();
        }

        return answer is null ? ChallengeAnswer.Malformed
            : CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(answer), _value) ? ChallengeAnswer.Proven
            : ChallengeAnswer.Mismatch;
    }

    /// <inheritdoc/>
    public sealed override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        JsonWire.Since(facts.Version, Since, "webhook.challenge");
        using Utf8JsonWriter json = new(output, JsonWire.Compact);
        json.WriteStartObject();
        json.WriteString("type"u8, "webhook.challenge"u8);
        WriteScope(json);
        json.WriteString("challenge"u8, _value);
        json.WriteString("subscriber_id"u8, SubscriberId);
        json.WriteString("seller_agent_url"u8, SellerAgentUrl);
        json.WriteStartObject("delivery_auth"u8);
        json.WriteString("mode"u8, DeliveryAuthentication.Mode);
        json.WriteText("credential_fingerprint"u8, DeliveryAuthentication.CredentialFingerprint);
        json.WriteEndObject();
        json.WriteNames("event_types"u8, Events);
        json.WriteEndObject();
    }

    /// <summary>Returns the type's name only: the value is a secret until it is answered.</summary>
    public sealed override string ToString() =>
        GetType() == typeof(AgentWebhookChallenge) ? nameof(AgentWebhookChallenge) : nameof(AccountWebhookChallenge);

    private protected abstract void WriteScope(Utf8JsonWriter json);
}
