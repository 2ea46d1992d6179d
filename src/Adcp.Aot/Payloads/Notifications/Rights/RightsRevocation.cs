using System.Buffers;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>
/// AdCP's <c>revocation-notification</c>: a rights holder revokes a grant, or some uses of it. Deliver it with
/// <c>RetryPolicy.RightsRevocation</c>. Operation id and token of the destination are echoed, because the registration
/// is a push config and the object is open. Immutable.
/// </summary>
public sealed class RightsRevocation : WebhookPayload
{
    /// <summary>The grant. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string RightsId { get; init => field = JsonWire.Name(value, nameof(RightsId)); }

    /// <summary>The brand that owns the rights. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Blank, too long or with a control character.</exception>
    public required string BrandId { get; init => field = JsonWire.Name(value, nameof(BrandId)); }

    /// <summary>The reason, for people. 1 to 65,536 characters.</summary>
    /// <exception cref="ArgumentException">Blank or too long.</exception>
    public required string Reason
    {
        get;
        init
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(value, nameof(Reason));
            field = JsonWire.Text(value, 65_536, nameof(Reason), allowControl: true)!;
        }
    }

    /// <summary>The time from which nothing may be served under the grant.</summary>
    public required DateTimeOffset EffectiveAt { get; init; }

    /// <summary>The revoked uses, one or more, each once; default null, all.</summary>
    /// <exception cref="ArgumentException">Empty, a duplicate, or not a use.</exception>
    public IReadOnlyList<RightUse>? RevokedUses { get; init => field = value is null ? null : NonEmptyList.Of(value, nameof(RevokedUses)); }

    /// <summary>
    /// The context of the request that acquired the rights, a JSON object echoed unchanged; default empty, left out.
    /// </summary>
    /// <exception cref="ArgumentException">Not a sound JSON object.</exception>
    public ReadOnlyMemory<byte> Context { get; init => field = JsonWire.Json(value, JsonTokenType.StartObject, nameof(Context)); }

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
        json.WriteText("operation_id"u8, facts.OperationId);
        json.WriteText("token"u8, facts.Token);
        json.WriteString("rights_id"u8, RightsId);
        json.WriteString("brand_id"u8, BrandId);
        json.WriteString("reason"u8, Reason);
        json.WriteTime("effective_at"u8, EffectiveAt);
        json.WriteNames("revoked_uses"u8, RevokedUses?.Select(use => use.Wire()));
        json.WriteJson("context"u8, Context);
        json.WriteJson("ext"u8, Ext);
        json.WriteEndObject();
    }
}
