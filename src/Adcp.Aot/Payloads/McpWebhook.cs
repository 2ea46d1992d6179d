using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Json;
using Adcp.Aot.Payloads;

namespace Adcp.Aot;

/// <summary>
/// AdCP's <c>mcp-webhook-payload</c>: a task's status change, sent to the url of a <c>push_notification_config</c>. A
/// rule of one member is checked when the member is set; rules of the AdCP version are checked when the body is
/// written. Immutable, except that <see cref="Result"/> and <see cref="Context"/> are not copied.
/// </summary>
public sealed class McpWebhook : WebhookPayload
{
    /// <summary>The task's durable handle, as the buyer got it. 1 to 1024 characters.</summary>
    /// <exception cref="ArgumentException">Null, blank, too long, or with a control character or lone surrogate.</exception>
    public required string TaskId
    {
        get;
        init
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(value, nameof(TaskId));
            field = JsonWire.Text(value, 1024, nameof(TaskId))!;
        }
    }

    /// <summary>The operation that the task performs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a task type.</exception>
    public required TaskType TaskType
    {
        get;
        init
        {
            _ = value.ToWire();
            field = value;
        }
    }

    /// <summary>The status entered.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public required AdcpTaskStatus Status
    {
        get;
        init
        {
            _ = value.ToWire();
            field = value;
        }
    }

    /// <summary>The protocol of the task; default null, left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a protocol.</exception>
    public AdcpProtocol? Protocol
    {
        get;
        init
        {
            _ = value?.ToWire();
            field = value;
        }
    }

    /// <summary>A summary for people; default null, left out.</summary>
    /// <exception cref="ArgumentException">Longer than 65,536 characters, or with a lone surrogate.</exception>
    public string? Message { get; init => field = JsonWire.Text(value, 65_536, nameof(Message), allowControl: true); }

    /// <summary>The conversation of the task; default null, left out.</summary>
    /// <exception cref="ArgumentException">Longer than 1024 characters, or with a control character or lone surrogate.</exception>
    public string? ContextId { get; init => field = JsonWire.Text(value, 1024, nameof(ContextId)); }

    /// <summary>
    /// The task's result as UTF-8 JSON; default empty, left out. <see cref="ResultOf"/> serialises your own type.
    /// </summary>
    public ReadOnlyMemory<byte> Result { get; init; }

    /// <summary>
    /// The request's top-level <c>context</c> object as UTF-8 JSON, echoed unchanged; default empty, left out.
    /// </summary>
    public ReadOnlyMemory<byte> Context { get; init; }

    /// <summary>
    /// Gets whether <c>sequence_number</c> is written as the first member of the result, as in delivery reports.
    /// Default false.
    /// </summary>
    public bool NumbersResult { get; init; }

    /// <inheritdoc/>
    public override bool CarriesSequenceNumber => NumbersResult;

    /// <inheritdoc/>
    public override string? AuditTaskId => TaskId;

    /// <inheritdoc/>
    public override string? AuditTaskType => TaskType.ToWire();

    /// <summary>Serialises a value for <see cref="Result"/> by its source-generated contract.</summary>
    /// <param name="value">The value.</param>
    /// <param name="typeInfo">Its contract.</param>
    /// <exception cref="ArgumentNullException"><paramref name="typeInfo"/> is null.</exception>
    public static ReadOnlyMemory<byte> ResultOf<T>(T value, JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return JsonSerializer.SerializeToUtf8Bytes(value, typeInfo);
    }

    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        Check(facts);
        using Utf8JsonWriter json = new(output, JsonWire.Compact);
        json.WriteStartObject();
        json.WriteString("idempotency_key"u8, facts.IdempotencyKey);
        json.WriteText("notification_id"u8, NotificationId);
        json.WriteText("operation_id"u8, facts.OperationId);
        json.WriteString("task_id"u8, TaskId);
        json.WriteString("task_type"u8, TaskType.ToWire());
        json.WriteText("protocol"u8, Protocol?.ToWire());
        json.WriteString("status"u8, Status.ToWire());
        json.WriteString("timestamp"u8, JsonWire.Timestamp(facts.Timestamp));
        json.WriteText("context_id"u8, ContextId);
        json.WriteText("message"u8, Message);

        // The envelope of 3.0 has no token, but its registration promises the echo and the envelope is open.
        json.WriteText("token"u8, facts.Token);
        if (!Result.IsEmpty)
        {
            json.WritePropertyName("result"u8);
            JsonWire.WriteValue(json, Result.Span, facts.SequenceNumber);
        }

        if (!Context.IsEmpty)
        {
            json.WritePropertyName("context"u8);
            JsonWire.WriteValue(json, Context.Span);
        }

        json.WriteEndObject();
    }

    private void Check(in EnvelopeContext facts)
    {
        if (facts.OperationId is null && facts.Version != AdcpVersion.V30)
        {
            throw new WebhookPayloadException(
                "missing_operation_id", "From AdCP 3.1 every webhook echoes the registration's operation_id; the destination has none.",
                nameof(facts));
        }

        if (!TaskType.IsEligible(facts.Version))
        {
            throw new WebhookPayloadException(
                "task_type_not_eligible", $"'{TaskType.ToWire()}' is not a webhook task type of the AdCP version spoken.",
                nameof(TaskType));
        }

        if (NotificationId is { } id && !JsonWire.IsId(id, 255))
        {
            throw new WebhookPayloadException(
                "invalid_notification_id", "A notification id is 1 to 255 characters of A-Z a-z 0-9 _ . : -", nameof(NotificationId));
        }

        CheckJson(Result.Span, nameof(Result));
        CheckJson(Context.Span, nameof(Context));
        if (!Context.IsEmpty && JsonWire.FirstToken(Context.Span) != JsonTokenType.StartObject)
        {
            throw new WebhookPayloadException("invalid_context", "The context is a JSON object.", nameof(Context));
        }

        if (NumbersResult)
        {
            if (Result.IsEmpty || JsonWire.FirstToken(Result.Span) != JsonTokenType.StartObject)
            {
                throw new WebhookPayloadException("invalid_result", "A result that carries the sequence number is a JSON object.",
                    nameof(Result));
            }

            if (JsonWire.HasMember(Result.Span, "sequence_number"u8))
            {
                throw new WebhookPayloadException(
                    "duplicate_key_input", "The result already has a sequence_number; the delivery's own would be a second.",
                    nameof(Result));
            }
        }
    }

    private static void CheckJson(ReadOnlySpan<byte> json, string name)
    {
        if (!json.IsEmpty && JsonBodyCheck.Check(json) is { } fault)
        {
            throw new WebhookPayloadException(fault.Code, fault.Message, name);
        }
    }
}
