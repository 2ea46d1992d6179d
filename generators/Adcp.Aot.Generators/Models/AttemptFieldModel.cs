using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Models;

/// <summary>A field of <c>DeliveryAttempt</c>. Mirrors <c>Adcp.Aot.Auditing.AttemptField</c>, number for number.</summary>
internal sealed record AttemptFieldModel(int Number, string Name, string Column, ValueKind Kind, bool Nullable, string Expression)
{
    public static IReadOnlyList<AttemptFieldModel> All { get; } =
    [
        Of(0, "IdempotencyKey", "idempotency_key", ValueKind.Text),
        Of(1, "Outcome", "outcome", ValueKind.Text, expression: Global.DeliveryAttempt + ".WireName(attempt.Outcome)"),
        Of(2, "AttemptNumber", "attempt_number", ValueKind.Int32),
        Of(3, "MaxAttempts", "max_attempts", ValueKind.Int32),
        Of(4, "Url", "url", ValueKind.Text),
        Of(5, "BreakerKey", "breaker_key", ValueKind.Text),
        Of(6, "HttpStatusCode", "http_status_code", ValueKind.Int32, nullable: true),
        Of(7, "Error", "error", ValueKind.Text, nullable: true, expression: Global.DeliveryAttempt + ".WireName(attempt.Error)"),
        Of(8, "ErrorMessage", "error_message", ValueKind.Text, nullable: true),
        Of(9, "Code", "code", ValueKind.Text, nullable: true),
        Of(10, "OccurredAt", "occurred_at", ValueKind.Time),
        Of(11, "CompletedAt", "completed_at", ValueKind.Time),
        Of(12, "ResponseTimeMs", "response_time_ms", ValueKind.Int64),
        Of(13, "WillRetry", "will_retry", ValueKind.Boolean),
        Of(14, "NextRetryAt", "next_retry_at", ValueKind.Time, nullable: true),
        Of(15, "SequenceKey", "sequence_key", ValueKind.Text, nullable: true),
        Of(16, "SequenceNumber", "sequence_number", ValueKind.Int64, nullable: true),
        Of(17, "TaskId", "task_id", ValueKind.Text, nullable: true),
        Of(18, "TaskType", "task_type", ValueKind.Text, nullable: true),
        Of(19, "OperationId", "operation_id", ValueKind.Text, nullable: true),
        Of(20, "NotificationType", "notification_type", ValueKind.Text, nullable: true),
        Of(21, "NotificationId", "notification_id", ValueKind.Text, nullable: true),
        Of(22, "PayloadSizeBytes", "payload_size_bytes", ValueKind.Int32),
        Of(23, "SkippedBefore", "skipped_before", ValueKind.Int32),
        Of(24, "IsAttempt", "is_attempt", ValueKind.Boolean),
    ];

    private static AttemptFieldModel Of(
        int number, string name, string column, ValueKind kind, bool nullable = false, string? expression = null) =>
        new(number, name, column, kind, nullable, expression ?? "attempt." + name);
}
