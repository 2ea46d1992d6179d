using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>artifact-webhook-payload</c>: content of delivered impressions for the buyer's governance. If a batch is
/// sent again after a correction, it keeps its <see cref="BatchId"/> and gets a new idempotency key. The destination's
/// token is echoed. Immutable.
/// </summary>
public sealed class ArtifactBatch : WebhookPayload
{
    /// <summary>The media buy. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string MediaBuyId { get; init => field = JsonWire.Name(value, nameof(MediaBuyId)); }

    /// <summary>The batch. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string BatchId { get; init => field = JsonWire.Name(value, nameof(BatchId)); }

    /// <summary>The artifacts; may be empty.</summary>
    /// <exception cref="ArgumentException">Null, or an item is null.</exception>
    public required IReadOnlyList<DeliveredArtifact> Artifacts
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Artifacts));
            field = value.Contains(null!) ? throw new ArgumentException("Must not contain null.", nameof(Artifacts)) : [.. value];
        }
    }

    /// <summary>The position of the batch; default null, left out.</summary>
    public ArtifactPage? Page { get; init; }

    /// <summary>Extensions, a JSON object as UTF-8; default empty, left out.</summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Ext { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Ext)); }

    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        using Utf8JsonWriter json = new(output, JsonWire.Compact);
        json.WriteStartObject();
        json.WriteString("idempotency_key"u8, facts.IdempotencyKey);
        json.WriteText("token"u8, facts.Token);
        json.WriteString("media_buy_id"u8, MediaBuyId);
        json.WriteString("batch_id"u8, BatchId);
        json.WriteTime("timestamp"u8, facts.Timestamp);
        json.WriteStartArray("artifacts"u8);
        foreach (DeliveredArtifact artifact in Artifacts)
        {
            json.WriteStartObject();
            json.WriteJson("artifact"u8, artifact.Artifact);
            json.WriteTime("delivered_at"u8, artifact.DeliveredAt);
            json.WriteText("impression_id"u8, artifact.ImpressionId);
            json.WriteText("package_id"u8, artifact.PackageId);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (Page is not null)
        {
            json.WriteStartObject("pagination"u8);
            json.WriteNumber("total_artifacts"u8, Page.TotalArtifacts);
            json.WriteNumber("batch_number"u8, Page.BatchNumber);
            json.WriteNumber("total_batches"u8, Page.TotalBatches);
            json.WriteEndObject();
        }

        json.WriteJson("ext"u8, Ext);
        json.WriteEndObject();
    }
}
