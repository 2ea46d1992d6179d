using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Adcp.Aot.Auditing;

/// <summary>
/// AdCP's <c>webhook-activity-record</c>: one attempt in the form that the buyer may read. A closed object; serialise
/// it with <see cref="JsonType"/>.
/// </summary>
public sealed record WebhookActivityRecord
{
    /// <summary>The source-generated contract that serialises the record.</summary>
    public static JsonTypeInfo<WebhookActivityRecord> JsonType => AuditJsonContext.Default.WebhookActivityRecord;

    /// <summary>The key in the payload.</summary>
    [JsonPropertyName("idempotency_key")]
    public required string IdempotencyKey { get; init; }

    /// <summary>The event's identity, the same for all re-emissions.</summary>
    [JsonPropertyName("notification_id"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? NotificationId { get; init; }

    /// <summary>The subscriber, on account and agent channels.</summary>
    [JsonPropertyName("subscriber_id"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? SubscriberId { get; init; }

    /// <summary>The time when the attempt began.</summary>
    [JsonPropertyName("fired_at")]
    public required DateTimeOffset FiredAt { get; init; }

    /// <summary>The time when it ended; <c>null</c> while it is pending.</summary>
    [JsonPropertyName("completed_at")]
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>The notification type of the payload.</summary>
    [JsonPropertyName("notification_type")]
    public required string NotificationType { get; init; }

    /// <summary>The number in the payload.</summary>
    [JsonPropertyName("sequence_number"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? SequenceNumber { get; init; }

    /// <summary>The attempt, from 1.</summary>
    [JsonPropertyName("attempt")]
    public required int Attempt { get; init; }

    /// <summary>
    /// <c>success</c>, <c>failed</c>, <c>timeout</c>, <c>connection_error</c> or, in the answer of a table's reader, <c>pending</c>: the
    /// attempt has not begun.
    /// </summary>
    [JsonPropertyName("status")]
    public required string Status { get; init; }

    /// <summary>Gets the url as <see cref="DeliveryAttempt.Url"/> shows it.</summary>
    [JsonPropertyName("url")]
    public required string Url { get; init; }

    /// <summary>The status code; <c>null</c> if there was no answer.</summary>
    [JsonPropertyName("http_status_code")]
    public int? HttpStatusCode { get; init; }

    /// <summary>The milliseconds until the answer; <c>null</c> if there was none.</summary>
    [JsonPropertyName("response_time_ms")]
    public long? ResponseTimeMs { get; init; }

    /// <summary>The size of the body.</summary>
    [JsonPropertyName("payload_size_bytes")]
    public int PayloadSizeBytes { get; init; }

    /// <summary>A short classification; null for a success.</summary>
    [JsonPropertyName("error_message")]
    public string? ErrorMessage { get; init; }

    /// <summary>Returns the record as an AdCP version defines it: <see cref="NotificationId"/> begins with 3.2.</summary>
    /// <param name="version">The version of the answer that the record is part of.</param>
    public WebhookActivityRecord For(AdcpVersion version) =>
        version >= AdcpVersion.V32 || NotificationId is null ? this : this with { NotificationId = null };

    /// <summary>Returns key, attempt and status. The url is not shown.</summary>
    public override string ToString() => $"{IdempotencyKey} {Attempt} {Status}";

    internal static WebhookActivityRecord From(DeliveryAttempt attempt, string? subscriberId)
    {
        bool answered = attempt.HttpStatusCode is not null;
        return new WebhookActivityRecord
        {
            IdempotencyKey = attempt.IdempotencyKey,
            NotificationId = attempt.NotificationId,
            SubscriberId = subscriberId,
            FiredAt = attempt.OccurredAt,
            CompletedAt = attempt.CompletedAt,
            NotificationType = attempt.NotificationType!,
            SequenceNumber = attempt.SequenceNumber,
            Attempt = attempt.AttemptNumber,
            Status = (attempt.Outcome, answered) switch
            {
                (AttemptOutcome.Success, _) => "success",
                (_, true) => "failed",
                _ when attempt.Error is WebhookSendError.ConnectionFailed or WebhookSendError.NoUsableAddress => "connection_error",
                _ => "timeout",
            },
            Url = attempt.Url,
            HttpStatusCode = attempt.HttpStatusCode,
            ResponseTimeMs = answered ? attempt.ResponseTimeMs : null,
            PayloadSizeBytes = attempt.PayloadSizeBytes,
            ErrorMessage = attempt.ErrorMessage,
        };
    }
}
