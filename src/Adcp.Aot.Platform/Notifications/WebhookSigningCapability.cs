using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// The <c>webhook_signing</c> block of <c>get_adcp_capabilities</c>. It accepts any value: at boot its promises are
/// compared with the wiring, and all gaps are reported together. Immutable.
/// </summary>
public sealed record WebhookSigningCapability
{
    /// <summary>Gets whether webhooks are signed. Default true.</summary>
    public bool IsSupported { get; init; } = true;

    /// <summary>The algorithms of the keys that sign.</summary>
    public IReadOnlyList<SignatureAlgorithm> Algorithms
    {
        get;
        init => field = [.. value ?? throw new ArgumentNullException(nameof(Algorithms))];
    } = [];

    /// <summary>Gets whether a registration's <c>authentication</c> is honoured. Default false: it is refused at the call.</summary>
    public bool AllowsLegacyAuthentication { get; init; }

    /// <summary>
    /// Gets the time for which a delivery is retried, since 3.2: 24 hours to 7 days in whole seconds. Default null, no
    /// promise.
    /// </summary>
    public TimeSpan? RetryHorizon { get; init; }

    /// <summary>Writes the member <c>webhook_signing</c>.</summary>
    /// <param name="json">Inside an object.</param>
    /// <param name="version">The AdCP version that is spoken.</param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> is null.</exception>
    public void Write(Utf8JsonWriter json, AdcpVersion version)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject("webhook_signing"u8);
        json.WriteBoolean("supported"u8, IsSupported);
        json.WriteString("profile"u8, "adcp/webhook-signing/v1"u8);
        json.WriteStartArray("algorithms"u8);
        foreach (SignatureAlgorithm algorithm in Algorithms)
        {
            json.WriteStringValue(algorithm == SignatureAlgorithm.Ed25519 ? "ed25519"u8 : "ecdsa-p256-sha256"u8);
        }

        json.WriteEndArray();
        json.WriteBoolean("legacy_hmac_fallback"u8, AllowsLegacyAuthentication);
        if (version >= AdcpVersion.V32 && RetryHorizon is { } horizon)
        {
            json.WriteNumber("delivery_retry_horizon_seconds"u8, (long)horizon.TotalSeconds);
        }

        json.WriteEndObject();
    }
}
