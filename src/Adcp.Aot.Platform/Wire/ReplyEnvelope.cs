using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>The members that AdCP demands of every reply beside the answer itself.</summary>
/// <param name="Version">The release that was served.</param>
/// <param name="Status">The status of the call.</param>
/// <param name="IdempotencyKey">The caller's key if the reply echoes it; <c>null</c> if not.</param>
internal readonly record struct ReplyEnvelope(AdcpVersion Version, AdcpTaskStatus Status, string? IdempotencyKey)
{
    /// <summary>
    /// Writes the members that the answer does not have. A <c>status</c> of the answer's own stays, because some tools define it as the
    /// status of a media buy or of another task.
    /// </summary>
    internal void WriteBefore(Utf8JsonWriter json, JsonElement answer)
    {
        if (!answer.TryGetProperty("adcp_version"u8, out _))
        {
            json.WriteString("adcp_version"u8, ReleaseNegotiation.Release(Version));
        }

        if (!answer.TryGetProperty("status"u8, out _))
        {
            json.WriteString("status"u8, Status.ToWire());
        }

        if (IdempotencyKey is not null && !answer.TryGetProperty("idempotency_key"u8, out _))
        {
            json.WriteString("idempotency_key"u8, IdempotencyKey);
        }
    }
}
