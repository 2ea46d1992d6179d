using System.Collections.Frozen;
using System.Text.Json;

namespace Adcp.Aot.Verification;

/// <summary>A sender's list of revoked key ids at one time. Immutable.</summary>
/// <remarks>
/// AdCP signs the list as a JWS under governance keys. Check that signature before you create this object: it is not
/// checked here.
/// </remarks>
public sealed class RevocationList
{
    private static readonly TimeSpan MinInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MaxInterval = TimeSpan.FromMinutes(30);

    private readonly FrozenSet<string> _revoked;

    /// <summary>Creates a list.</summary>
    /// <param name="revokedKeyIds"><c>revoked_kids</c>.</param>
    /// <param name="updated"><c>updated</c>.</param>
    /// <param name="nextUpdate"><c>next_update</c>, later than <paramref name="updated"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="revokedKeyIds"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="nextUpdate"/> is not later than <paramref name="updated"/>.</exception>
    public RevocationList(IEnumerable<string> revokedKeyIds, DateTimeOffset updated, DateTimeOffset nextUpdate)
    {
        ArgumentNullException.ThrowIfNull(revokedKeyIds);
        if (nextUpdate <= updated)
        {
            throw new ArgumentException("The next update of a revocation list is later than the list.", nameof(nextUpdate));
        }

        _revoked = revokedKeyIds.ToFrozenSet(StringComparer.Ordinal);
        Updated = updated;
        NextUpdate = nextUpdate;
    }

    /// <summary>The time when the list was made.</summary>
    public DateTimeOffset Updated { get; }

    /// <summary>The time when the next one is due.</summary>
    public DateTimeOffset NextUpdate { get; }

    /// <summary>The polling interval: the time from one update to the next, 1 to 30 minutes.</summary>
    public TimeSpan PollingInterval =>
        NextUpdate - Updated is var interval && interval < MinInterval ? MinInterval : interval > MaxInterval ? MaxInterval : interval;

    /// <summary>
    /// The time from which no webhook may be accepted by this list: four polling intervals after the next update was
    /// due.
    /// </summary>
    public DateTimeOffset StaleFrom => NextUpdate + (4 * PollingInterval);

    /// <summary>Reads a list: an object with <c>revoked_kids</c>, <c>updated</c> and <c>next_update</c>.</summary>
    /// <param name="json">The JSON text. Check its signature first.</param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> is null.</exception>
    /// <exception cref="ArgumentException">The text is not such a list.</exception>
    public static RevocationList Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using JsonDocument document =
                JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
            JsonElement root = document.RootElement;
            List<string> revoked = [];
            foreach (JsonElement keyId in root.GetProperty("revoked_kids").EnumerateArray())
            {
                revoked.Add(keyId.GetString() ?? throw new FormatException());
            }

            return new RevocationList(revoked, root.GetProperty("updated").GetDateTimeOffset(), root.GetProperty("next_update")
                .GetDateTimeOffset());
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ArgumentException("Not a revocation list with 'revoked_kids', 'updated' and 'next_update'.", nameof(json));
        }
    }

    /// <summary>Returns whether the key is revoked. The time of the signature does not matter.</summary>
    /// <param name="keyId">The key.</param>
    public bool Revokes(string keyId) => _revoked.Contains(keyId);
}
