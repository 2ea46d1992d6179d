using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// What a receiver reads of a seller's proof-of-control challenge (PUB-70 to PUB-73): the subscription that it is said
/// to have asked for. <see cref="WebhookChallenge"/> is the sender's side. Compare every member with what was
/// registered at that seller before answering. Immutable.
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

    /// <summary><c>seller_agent_url</c>, which the message says of itself: its signature says who sent it.</summary>
    public string SellerAgentUrl { get; }

    /// <summary>
    /// How deliveries will be authenticated. Equal to what <see cref="DeliveryAuthentication.Bearer"/> and
    /// <see cref="DeliveryAuthentication.HmacSha256"/> make of the registered credentials.
    /// </summary>
    public DeliveryAuthentication DeliveryAuthentication { get; }

    /// <summary><c>event_types</c> as they were sent, each once. Types of later AdCP generations pass.</summary>
    public IReadOnlyList<string> EventTypes { get; }

    /// <summary>Reads a challenge.</summary>
    /// <param name="body">The message's body, its RFC 9421 signature verified: challenges are signed whatever the
    /// deliveries will use.</param>
    /// <param name="challenge">The challenge.</param>
    /// <param name="code">Why it is none: <c>not_a_challenge</c> where it is something else, or no JSON;
    /// <c>invalid_challenge</c> where it says that it is one.</param>
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
            // No JSON, or other kinds of values than a challenge has.
        }

        code = challenge is null ? code : null;
        return challenge is not null;
    }

    /// <summary>The body of a 2xx that proves control of the endpoint, UTF-8 JSON. The value is a secret until it is sent.</summary>
    public byte[] ToAnswer() => Encoding.ASCII.GetBytes($$"""{"challenge":"{{_value}}"}""");

    /// <summary>Names the subscriber only.</summary>
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
