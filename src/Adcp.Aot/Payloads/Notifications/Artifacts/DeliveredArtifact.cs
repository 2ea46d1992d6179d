using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>One content artifact of a delivered impression.</summary>
public sealed record DeliveredArtifact
{
    /// <summary>The artifact, a JSON object of the content-standards protocol as UTF-8.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public required ReadOnlyMemory<byte> Artifact
    {
        get;
        init => field = JsonWire.Required(value, JsonTokenType.StartObject, nameof(Artifact));
    }

    /// <summary>The time when the impression was delivered.</summary>
    public required DateTimeOffset DeliveredAt { get; init; }

    /// <summary>The impression, for correlation with reports; default null, left out.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public string? ImpressionId { get; init => field = value is null ? null : JsonWire.Name(value, nameof(ImpressionId)); }

    /// <summary>The package; default null, left out.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public string? PackageId { get; init => field = value is null ? null : JsonWire.Name(value, nameof(PackageId)); }
}
