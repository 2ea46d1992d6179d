using System.Collections.Frozen;
using System.Text.Json;

namespace Adcp.Aot.Verification;

/// <summary>A fixed set of one sender's public keys. Immutable and safe for concurrent use.</summary>
public sealed class VerificationKeySet : IVerificationKeySource, INonBlocking
{
    private const int MaxDepth = 16;

    private readonly FrozenDictionary<string, VerificationKey>.AlternateLookup<ReadOnlySpan<char>> _keys;

    private VerificationKeySet(Dictionary<string, VerificationKey> keys, string? sender)
    {
        _keys = keys.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        Sender = sender;
    }

    /// <summary>Gets the set without a key.</summary>
    internal static VerificationKeySet Empty { get; } = new([], null);

    /// <summary>The number of keys, including those that may not verify webhooks.</summary>
    public int Count => _keys.Dictionary.Count;

    /// <summary>Gets the owner of the keys; <c>null</c> if it is not named.</summary>
    internal string? Sender { get; }

    /// <summary>Reads a published JWK set (RFC 7517).</summary>
    /// <param name="json">The JSON text.</param>
    /// <param name="sender">
    /// The owner of the keys: the url of the agent, as <see cref="VerificationResult.Sender"/> names it. A receiver needs it,
    /// because nonces and idempotency keys are kept for each sender.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> is null.</exception>
    /// <exception cref="ArgumentException">Not a JSON object with an array <c>keys</c>, or an object in it has a
    /// duplicate name.</exception>
    public static VerificationKeySet FromJwks(string json, string? sender = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        return Parse(System.Text.Encoding.UTF8.GetBytes(json), sender, static _ => true)
            ?? throw new ArgumentException("Not a JWK set.", nameof(json));
    }

    /// <inheritdoc/>
    public ValueTask<KeyLookup> FindAsync(ReadOnlyMemory<char> keyId, CancellationToken cancellationToken) =>
        new(Find(keyId.Span) is { } key ? KeyLookup.Found(key) : KeyLookup.Unknown);

    internal VerificationKey? Find(ReadOnlySpan<char> keyId) => _keys.TryGetValue(keyId, out VerificationKey? key) ? key : null;

    /// <returns><c>null</c> if it is not a JWK set.</returns>
    internal static VerificationKeySet? Parse(ReadOnlyMemory<byte> json, string? sender, Func<string, bool> admits)
    {
        try
        {
            using JsonDocument document =
                JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("keys", out JsonElement keys)
                || keys.ValueKind != JsonValueKind.Array)
            {
                return null;
            }

            Dictionary<string, VerificationKey> byId = new(StringComparer.Ordinal);
            foreach (JsonElement element in keys.EnumerateArray())
            {
                if (VerificationKey.Read(element, sender) is not { } key || !admits(key.KeyId))
                {
                    continue;
                }

                // Two keys have the same id: a signature could mean either.
                if (!byId.TryAdd(key.KeyId, key))
                {
                    byId[key.KeyId] = VerificationKey.Unusable(key.KeyId, sender);
                }
            }

            return new VerificationKeySet(byId, sender);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The second type is thrown for a lone surrogate in a name.
            return null;
        }
    }
}
