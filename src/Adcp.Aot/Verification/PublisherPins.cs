using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Verification;

/// <summary>
/// The keys that a publisher pins for an agent that sells its inventory: <c>authorized_agents[].signing_keys[]</c> of its
/// <c>adagents.json</c>. Thread-safe.
/// </summary>
/// <remarks>
/// A verifier with pins (<see cref="Rfc9421VerifierOptions.Pins"/>) accepts only keys that the agent publishes and the publisher pins, by
/// key id and key material. So a takeover of the agent's domain alone brings in no new key. The library does not fetch
/// <c>adagents.json</c>: read it as often as its caching headers allow, an hour at most, and pass it to <see cref="Update"/>.
/// </remarks>
public sealed class PublisherPins
{
    private const int MaxDepth = 64;

    private readonly TargetUri _agent;

    /// <summary>The pins by key id; <see langword="null"/> if the publisher pins no key for the agent.</summary>
    private FrozenDictionary<string, Pin>? _pins;

    /// <summary>Reads the pins of an agent.</summary>
    /// <param name="adAgentsJson">The text of <c>adagents.json</c>.</param>
    /// <param name="agentUrl">The agent's url, which is compared in canonical form.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The url is not valid, or the text is malformed or does not list the agent.</exception>
    public PublisherPins(string adAgentsJson, string agentUrl)
    {
        ArgumentNullException.ThrowIfNull(adAgentsJson);
        ArgumentNullException.ThrowIfNull(agentUrl);
        if (!TargetUri.TryParse(agentUrl, out TargetUri? agent, out string? reason))
        {
            throw new ArgumentException($"Not a url: {reason}.", nameof(agentUrl));
        }

        _agent = agent;
        _pins = Read(adAgentsJson);
    }

    /// <summary>
    /// Gets whether the publisher pins keys for the agent. If it has no <c>signing_keys</c>, every key that the agent publishes counts.
    /// </summary>
    public bool IsPinned => Volatile.Read(ref _pins) is not null;

    /// <summary>Replaces the pins by those of a newer document. If the document is refused, the earlier pins stay.</summary>
    /// <param name="adAgentsJson">The text of <c>adagents.json</c>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="adAgentsJson"/> is null.</exception>
    /// <exception cref="ArgumentException">The text is malformed or does not list the agent.</exception>
    public void Update(string adAgentsJson)
    {
        ArgumentNullException.ThrowIfNull(adAgentsJson);
        Volatile.Write(ref _pins, Read(adAgentsJson));
    }

    /// <summary>Returns the reason why a key may not be used; <see cref="VerificationError.None"/> if it may.</summary>
    /// <param name="key">A key that the agent publishes.</param>
    /// <param name="created">The time of the signature in Unix seconds.</param>
    internal VerificationError Refuse(VerificationKey key, long created)
    {
        if (Volatile.Read(ref _pins) is not { } pins)
        {
            return VerificationError.None;
        }

        // Same id and other key material: the key was replaced at the agent.
        return !pins.TryGetValue(key.KeyId, out Pin? pin) || (key.MayVerifyWebhooks && !key.HasMaterial(pin.X, pin.Y))
            ? VerificationError.KeyUnknown
            : created >= pin.RevokedAt ? VerificationError.KeyRevoked : VerificationError.None;
    }

    private FrozenDictionary<string, Pin>? Read(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(
                Encoding.UTF8.GetBytes(json), new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
            bool isListed = false;
            Dictionary<string, Pin>? pins = null;
            foreach (JsonElement entry in document.RootElement.GetProperty("authorized_agents").EnumerateArray())
            {
                if (!TargetUri.TryParse(entry.GetProperty("url").GetString(), out TargetUri? url, out _) || url.Value != _agent.Value)
                {
                    continue;
                }

                isListed = true;
                if (entry.TryGetProperty("signing_keys", out JsonElement keys))
                {
                    // An agent may be listed several times, for parts of the inventory. A webhook does not say for which part it is.
                    Add(pins ??= new(StringComparer.Ordinal), keys);
                }
            }

            return !isListed ? throw new ArgumentException("The adagents.json does not list the agent.", nameof(json))
                : pins?.ToFrozenDictionary(StringComparer.Ordinal);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ArgumentException("Not an adagents.json with authorized_agents[] and sound signing_keys[].", nameof(json));
        }
    }

    private static void Add(Dictionary<string, Pin> pins, JsonElement keys)
    {
        foreach (JsonElement element in keys.EnumerateArray())
        {
            string keyId = element.GetProperty("kid").GetString() ?? throw new FormatException();
            Pin pin = ReadPin(element);
            if (pins.TryGetValue(keyId, out Pin? known))
            {
                // Two different keys under one id: a signature could mean either, so neither counts.
                pin = new Pin(known.Has(pin) ? pin.X : null, pin.Y, Math.Min(known.RevokedAt, pin.RevokedAt));
            }

            pins[keyId] = pin;
        }
    }

    private static Pin ReadPin(JsonElement element)
    {
        long revokedAt = element.TryGetProperty("revoked_at", out JsonElement time)
            ? time.GetDateTimeOffset().ToUnixTimeSeconds()
            : long.MaxValue;
        try
        {
            Jwk jwk = Jwk.Read(element, nameof(element));
            return new Pin(jwk.X, jwk.Y, revokedAt);
        }
        catch (ArgumentException)
        {
            // A key for other uses, such as an RSA key. It stays known by its id and fits no key of webhooks.
            return new Pin(null, null, revokedAt);
        }
    }

    private sealed record Pin(byte[]? X, byte[]? Y, long RevokedAt)
    {
        internal bool Has(Pin other) => X.AsSpan().SequenceEqual(other.X) && Y.AsSpan().SequenceEqual(other.Y);
    }
}
