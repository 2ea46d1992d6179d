using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads;

/// <summary>
/// A push notification in A2A's own envelope (A2A 1.0, <c>StreamResponse</c>): an object with exactly one member,
/// <c>task</c>, <c>statusUpdate</c>, <c>artifactUpdate</c> or <c>message</c>. The envelope has no member for the
/// delivery's key, so the key is in the <c>Idempotency-Key</c> header, and the registration's token in
/// <c>X-A2A-Notification-Token</c>. Neither changes between retries. Immutable, except that the value is not copied.
/// </summary>
public sealed class A2ATaskWebhook : WebhookPayload
{
    /// <summary>The header that carries the delivery's idempotency key.</summary>
    public const string IdempotencyKeyHeader = "Idempotency-Key";

    /// <summary>The header that carries the registration's token.</summary>
    public const string TokenHeader = "X-A2A-Notification-Token";

    private const int MaxTokenLength = 4096;

    private static readonly JsonWriterOptions Compact = new()
    { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly string _taskId;
    private readonly ReadOnlyMemory<byte> _value;

    /// <summary>Creates a webhook.</summary>
    /// <param name="member">The member of the envelope. Use <see cref="A2AEnvelopeMember.Task"/> for final states and
    /// <see cref="A2AEnvelopeMember.StatusUpdate"/> for interim ones.</param>
    /// <param name="taskId">The A2A task's id, for the audit record.</param>
    /// <param name="value">The value: one JSON object in UTF-8, without an envelope.</param>
    /// <param name="token">The registration's <c>token</c>, at most 4096 printable ASCII characters; <c>null</c> if it
    /// has none.</param>
    /// <param name="idempotencyKey">The delivery's key; <c>null</c> for a random one.</param>
    /// <exception cref="ArgumentNullException"><paramref name="taskId"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="member"/> is not a member of the envelope.</exception>
    /// <exception cref="ArgumentException">The key breaks its pattern, the task id is blank, or the token is not valid
    /// in a header.</exception>
    public A2ATaskWebhook(A2AEnvelopeMember member, string taskId, ReadOnlyMemory<byte> value, string? token = null,
        string? idempotencyKey = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(taskId);
        if (!Enum.IsDefined(member))
        {
            throw new ArgumentOutOfRangeException(nameof(member), member, "Not a member of the A2A envelope.");
        }

        if (token is not null && (token.Length is 0 or > MaxTokenLength || token.AsSpan().ContainsAnyExceptInRange('!', '~')))
        {
            throw new ArgumentException(
                $"A token that travels in a header is 1 to {MaxTokenLength} printable ASCII characters without spaces.", nameof(token));
        }

        if (idempotencyKey is not null)
        {
            IdempotencyKeys.Validate(idempotencyKey, nameof(idempotencyKey));
        }

        Member = member;
        _taskId = taskId;
        _value = value;
        IdempotencyKey = idempotencyKey ?? IdempotencyKeys.Create();
        List<KeyValuePair<string, string>> headers = [new(IdempotencyKeyHeader, IdempotencyKey)];
        if (token is not null)
        {
            headers.Add(new(TokenHeader, token));
        }

        Headers = headers;
    }

    /// <summary>The member of the envelope.</summary>
    public A2AEnvelopeMember Member { get; }

    /// <inheritdoc/>
    public override string? AuditTaskId => _taskId;

    /// <inheritdoc/>
    public override void Write(IBufferWriter<byte> output, in EnvelopeContext facts)
    {
        ArgumentNullException.ThrowIfNull(output);
        if (facts.IdempotencyKey != IdempotencyKey || Headers is not [{ Key: IdempotencyKeyHeader, Value: { } key }, ..]
            || key != IdempotencyKey)
        {
            throw new WebhookPayloadException(
                "idempotency_key_mismatch", "The key and the headers of an A2A webhook are set by its constructor.",
                nameof(IdempotencyKey));
        }

        if (JsonBodyCheck.Check(_value.Span) is { } fault)
        {
            throw new WebhookPayloadException(fault.Code, fault.Message, nameof(Member));
        }

        if (!IsBareObject())
        {
            throw new WebhookPayloadException(
                "invalid_a2a_value", "The value of an A2A webhook is a JSON object that is not itself an A2A envelope.", nameof(Member));
        }

        if (!SafeNumbers.Are(_value.Span))
        {
            throw new WebhookPayloadException(
                "unsafe_number", "Over A2A an integer beyond 9007199254740991 or below -9007199254740991 is written as a string.",
                nameof(Member));
        }

        using Utf8JsonWriter json = new(output, Compact);
        json.WriteStartObject();
        json.WritePropertyName(Name(Member));
        json.WriteRawValue(_value.Span, skipInputValidation: true);
        json.WriteEndObject();
    }

    private static ReadOnlySpan<byte> Name(A2AEnvelopeMember member) => member switch
    {
        A2AEnvelopeMember.Task => "task"u8,
        A2AEnvelopeMember.StatusUpdate => "statusUpdate"u8,
        A2AEnvelopeMember.ArtifactUpdate => "artifactUpdate"u8,
        _ => "message"u8,
    };

    /// <summary>
    /// Returns whether the value is an object without an envelope. Receivers unwrap once and refuse a body that is
    /// wrapped twice.
    /// </summary>
    private bool IsBareObject()
    {
        Utf8JsonReader reader = new(_value.Span);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        reader.Read();
        bool envelope = reader.TokenType == JsonTokenType.PropertyName
            && (reader.ValueTextEquals("task"u8) || reader.ValueTextEquals("statusUpdate"u8)
                || reader.ValueTextEquals("artifactUpdate"u8) || reader.ValueTextEquals("message"u8));
        if (!envelope)
        {
            return true;
        }

        reader.Skip();
        reader.Read();
        return reader.TokenType != JsonTokenType.EndObject;
    }
}
