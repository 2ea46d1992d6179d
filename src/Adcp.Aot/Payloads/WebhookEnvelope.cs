using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads;

/// <summary>
/// The members of AdCP's <c>mcp-webhook-payload</c> that every task webhook has. A receiver reads them before it
/// dispatches. <see cref="McpWebhook"/> is the sender's side. Immutable.
/// </summary>
public sealed class WebhookEnvelope
{
    private WebhookEnvelope(string idempotencyKey, string taskId, string taskType, AdcpTaskStatus status, DateTimeOffset timestamp)
    {
        IdempotencyKey = idempotencyKey;
        TaskId = taskId;
        TaskType = taskType;
        Status = status;
        Timestamp = timestamp;
    }

    /// <summary><c>idempotency_key</c>: the delivery's identity, the same on every retry.</summary>
    public string IdempotencyKey { get; }

    /// <summary><c>task_id</c>.</summary>
    public string TaskId { get; }

    /// <summary><c>task_type</c> as it was sent. Types of later AdCP versions are accepted.</summary>
    public string TaskType { get; }

    /// <summary><c>status</c>.</summary>
    public AdcpTaskStatus Status { get; }

    /// <summary><c>timestamp</c>: the time when the delivery was generated, the same on every retry.</summary>
    public DateTimeOffset Timestamp { get; }

    /// <summary>
    /// <c>operation_id</c> as the buyer registered it; <c>null</c> if an AdCP 3.0 sender left it out.
    /// </summary>
    public string? OperationId { get; private init; }

    /// <summary>
    /// <c>notification_id</c>: the event's identity, the same for all re-emissions; <c>null</c> if it has none.
    /// </summary>
    public string? NotificationId { get; private init; }

    /// <summary><c>token</c>: the registration's token, a secret. Compare it in constant time.</summary>
    public string? Token { get; private init; }

    /// <summary>Reads an envelope.</summary>
    /// <param name="body">The body of an authenticated webhook.</param>
    /// <param name="version">The AdCP version that is spoken: <see cref="AdcpVersion.V30"/> leaves <c>operation_id</c>
    /// optional.</param>
    /// <param name="envelope">The envelope.</param>
    /// <param name="code">
    /// The reason why it cannot be dispatched: <c>invalid_json</c>, <c>missing_envelope_fields</c>,
    /// <c>missing_idempotency_key</c>, <c>invalid_idempotency_key</c>, <c>invalid_envelope_status</c> or
    /// <c>invalid_envelope_timestamp</c>.
    /// </param>
    public static bool TryRead(
        ReadOnlySpan<byte> body, AdcpVersion version, [NotNullWhen(true)] out WebhookEnvelope? envelope,
        [NotNullWhen(false)] out string? code)
    {
        envelope = null;
        Members members = default;
        if (!TryReadMembers(body, ref members))
        {
            code = "invalid_json";
            return false;
        }

        // A bare result must be distinguished from an envelope without a key, so the key is checked second.
        if (members is not { TaskId.Length: > 0, TaskType.Length: > 0, Status: not null, Timestamp: not null }
            || (members.OperationId is null && version != AdcpVersion.V30))
        {
            code = "missing_envelope_fields";
            return false;
        }

        if (FaultOf(members.IdempotencyKey) is { } fault)
        {
            code = fault;
            return false;
        }

        if (!WireNames.TryParse(members.Status, out AdcpTaskStatus status))
        {
            code = "invalid_envelope_status";
            return false;
        }

        if (!members.Timestamp.Contains('T', StringComparison.OrdinalIgnoreCase)
            || !DateTimeOffset.TryParse(members.Timestamp, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
                out DateTimeOffset timestamp))
        {
            code = "invalid_envelope_timestamp";
            return false;
        }

        code = null;
        envelope = new WebhookEnvelope(members.IdempotencyKey!, members.TaskId, members.TaskType, status, timestamp)
        {
            OperationId = members.OperationId,
            NotificationId = members.NotificationId,
            Token = members.Token,
        };
        return true;
    }

    /// <summary>
    /// Reads the members that every AdCP webhook has, whatever its payload is: the idempotency key, and the token if
    /// there is one.
    /// </summary>
    /// <param name="body">The body of an authenticated webhook.</param>
    /// <param name="idempotencyKey">The key.</param>
    /// <param name="token">The registration's token, a secret; <c>null</c> if there is none.</param>
    /// <param name="code">The reason why it cannot be dispatched: <c>invalid_json</c>, <c>missing_idempotency_key</c>
    /// or <c>invalid_idempotency_key</c>.</param>
    public static bool TryReadKey(
        ReadOnlySpan<byte> body, [NotNullWhen(true)] out string? idempotencyKey, out string? token, [NotNullWhen(false)] out string? code)
    {
        Members members = default;
        code = TryReadMembers(body, ref members) ? FaultOf(members.IdempotencyKey) : "invalid_json";
        idempotencyKey = code is null ? members.IdempotencyKey : null;
        token = members.Token;
        return idempotencyKey is not null;
    }

    /// <summary>Returns key and task only: the token is a secret.</summary>
    public override string ToString() => $"{IdempotencyKey}: {TaskId} {Status.ToWire()}";

    private static string? FaultOf(string? key) =>
        key is null ? "missing_idempotency_key" : IdempotencyKeys.IsValid(key) ? null : "invalid_idempotency_key";

    private static bool TryReadMembers(ReadOnlySpan<byte> body, ref Members members)
    {
        Utf8JsonReader reader = new(body, new JsonReaderOptions { MaxDepth = JsonBodyCheck.MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string? name = reader.ValueSpan.Length <= 32 ? reader.GetString() : null;
                reader.Read();
                string? text = name is not null && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
                switch (name)
                {
                    case "idempotency_key":
                        members.IdempotencyKey = text;
                        break;
                    case "operation_id":
                        members.OperationId = text;
                        break;
                    case "task_id":
                        members.TaskId = text;
                        break;
                    case "task_type":
                        members.TaskType = text;
                        break;
                    case "status":
                        members.Status = text;
                        break;
                    case "timestamp":
                        members.Timestamp = text;
                        break;
                    case "notification_id":
                        members.NotificationId = text;
                        break;
                    case "token":
                        members.Token = text;
                        break;
                }
            }

            return !reader.Read();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private struct Members
    {
        internal string? IdempotencyKey;
        internal string? OperationId;
        internal string? TaskId;
        internal string? TaskType;
        internal string? Status;
        internal string? Timestamp;
        internal string? NotificationId;
        internal string? Token;
    }
}
