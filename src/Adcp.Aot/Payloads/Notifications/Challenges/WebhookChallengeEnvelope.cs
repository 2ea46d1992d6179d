using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// A seller's proof-of-control challenge as a receiver reads it: the subscription that the receiver is said to have
/// asked for. <see cref="WebhookChallenge"/> is the sender's side. Compare every member with your registration at that
/// seller before you answer. Immutable.
/// </summary>
public sealed class WebhookChallengeEnvelope
{
    private const int MaxAccountIdLength = 1024;
    private const int MaxEventTypeLength = 64;

    private readonly string _value;

    private WebhookChallengeEnvelope(string value, string? accountId, string subscriberId, string sellerAgentUrl,
        DeliveryAuthentication authentication, string[] eventTypes)
    {
        _value = value;
        AccountId = accountId;
        SubscriberId = subscriberId;
        SellerAgentUrl = sellerAgentUrl;
        DeliveryAuthentication = authentication;
        EventTypes = eventTypes;
    }

    /// <summary><c>account_id</c>; null for an agent-level subscriber.</summary>
    public string? AccountId { get; }

    /// <summary><c>subscriber_id</c> as the buyer registered it.</summary>
    public string SubscriberId { get; }

    /// <summary>
    /// <c>seller_agent_url</c>, which is only a claim of the message. The signature proves the sender.
    /// </summary>
    public string SellerAgentUrl { get; }

    /// <summary>
    /// The authentication of deliveries. Equal to the result of <see cref="DeliveryAuthentication.Bearer"/> or
    /// <see cref="DeliveryAuthentication.HmacSha256"/> for the registered credentials.
    /// </summary>
    public DeliveryAuthentication DeliveryAuthentication { get; }

    /// <summary><c>event_types</c> as they were sent, each once. Types of later AdCP versions are accepted.</summary>
    public IReadOnlyList<string> EventTypes { get; }

    /// <summary>Reads a challenge.</summary>
    /// <param name="body">The message's body. Verify its RFC 9421 signature first: challenges are always signed,
    /// whatever the deliveries will use.</param>
    /// <param name="challenge">The challenge.</param>
    /// <param name="code">The reason for a refusal: <c>not_a_challenge</c> if it is another message or not JSON;
    /// <c>invalid_challenge</c> if it claims to be one.</param>
    public static bool TryRead(ReadOnlySpan<byte> body, [NotNullWhen(true)] out WebhookChallengeEnvelope? challenge,
        [NotNullWhen(false)] out string? code)
    {
        challenge = null;
        code = "not_a_challenge";
        try
        {
            if (IsChallenge(body))
            {
                code = "invalid_challenge";
                challenge = Checked(JsonSerializer.Deserialize(body, ChallengeJson.Default.ChallengeMembers)!);
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not JSON, or values of other kinds than a challenge has.
        }

        code = challenge is null ? code : null;
        return challenge is not null;
    }

    /// <summary>
    /// Returns the body of a 2xx answer that proves control of the endpoint, UTF-8 JSON. The value is a secret until it
    /// is sent.
    /// </summary>
    public byte[] ToAnswer() => Encoding.ASCII.GetBytes($$"""{"challenge":"{{_value}}"}""");

    /// <summary>Returns the subscriber's id only.</summary>
    public override string ToString() => SubscriberId;

    private static bool IsChallenge(ReadOnlySpan<byte> body)
    {
        Utf8JsonReader reader = new(body, new JsonReaderOptions { MaxDepth = JsonBodyCheck.MaxDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            if (isType)
            {
                return reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("webhook.challenge"u8);
            }

            reader.Skip();
        }

        return false;
    }

    private static WebhookChallengeEnvelope? Checked(ChallengeMembers given) =>
        given is
        {
            Challenge: { } value, SubscriberId: { } subscriber, SellerAgentUrl: { } agent, DeliveryAuth: { } auth,
            EventTypes: { Length: > 0 } types
        }
        && JsonWire.IsId(value, 255, 32)
        && JsonWire.IsId(subscriber, 64)
        && JsonWire.IsWebUri(agent)
        && DeliveryAuthentication.Of(auth.Mode, auth.CredentialFingerprint) is { } authentication
        && types.Distinct(StringComparer.Ordinal).Count(static type => type is { Length: >= 1 and <= MaxEventTypeLength }) == types.Length
        && (given.Scope is null
            ? given.AccountId is { Length: >= 1 and <= MaxAccountIdLength }
            : given is { Scope: "agent", AccountId: null })
            ? new WebhookChallengeEnvelope(value, given.AccountId, subscriber, agent, authentication, types)
            : null;
}
