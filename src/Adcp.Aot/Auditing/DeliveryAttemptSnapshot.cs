namespace Adcp.Aot.Auditing;

/// <summary>
/// A copy of a <see cref="DeliveryAttempt"/> that may be kept. It has the same members; see there for their meanings.
/// </summary>
public sealed record DeliveryAttemptSnapshot
{
    /// <inheritdoc cref="DeliveryAttempt.IdempotencyKey"/>
    public required string IdempotencyKey { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.Url"/>
    public required string Url { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.BreakerKey"/>
    public required string BreakerKey { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.Outcome"/>
    public required AttemptOutcome Outcome { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.IsAttempt"/>
    public bool IsAttempt { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.AttemptNumber"/>
    public required int AttemptNumber { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.MaxAttempts"/>
    public required int MaxAttempts { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.HttpStatusCode"/>
    public int? HttpStatusCode { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.Error"/>
    public WebhookSendError Error { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.ErrorMessage"/>
    public string? ErrorMessage { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.Code"/>
    public string? Code { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.OccurredAt"/>
    public DateTimeOffset OccurredAt { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.CompletedAt"/>
    public DateTimeOffset CompletedAt { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.ResponseTimeMs"/>
    public long ResponseTimeMs { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.WillRetry"/>
    public bool WillRetry => NextRetryAt is not null;

    /// <inheritdoc cref="DeliveryAttempt.NextRetryAt"/>
    public DateTimeOffset? NextRetryAt { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.SequenceKey"/>
    public string? SequenceKey { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.SequenceNumber"/>
    public long? SequenceNumber { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.TaskId"/>
    public string? TaskId { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.TaskType"/>
    public string? TaskType { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.OperationId"/>
    public string? OperationId { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.NotificationType"/>
    public string? NotificationType { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.NotificationId"/>
    public string? NotificationId { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.PayloadSizeBytes"/>
    public int PayloadSizeBytes { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.SkippedBefore"/>
    public int SkippedBefore { get; init; }

    /// <inheritdoc cref="DeliveryAttempt.ConnectionReplaced"/>
    public bool ConnectionReplaced { get; init; }

    /// <summary>Returns key, attempt and outcome. Urls and keys are not shown.</summary>
    public override string ToString() => $"{IdempotencyKey} {AttemptNumber}/{MaxAttempts} {Outcome}";

    /// <summary>Copies a record while the caller owns it.</summary>
    /// <param name="attempt">The record.</param>
    /// <exception cref="ArgumentNullException"><paramref name="attempt"/> is null.</exception>
    public static DeliveryAttemptSnapshot Of(DeliveryAttempt attempt)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        return new DeliveryAttemptSnapshot
        {
            IdempotencyKey = attempt.IdempotencyKey,
            Url = attempt.Url,
            BreakerKey = attempt.BreakerKey,
            Outcome = attempt.Outcome,
            IsAttempt = attempt.IsAttempt,
            AttemptNumber = attempt.AttemptNumber,
            MaxAttempts = attempt.MaxAttempts,
            HttpStatusCode = attempt.HttpStatusCode,
            Error = attempt.Error,
            ErrorMessage = attempt.ErrorMessage,
            Code = attempt.Code,
            OccurredAt = attempt.OccurredAt,
            CompletedAt = attempt.CompletedAt,
            ResponseTimeMs = attempt.ResponseTimeMs,
            NextRetryAt = attempt.NextRetryAt,
            SequenceKey = attempt.SequenceKey,
            SequenceNumber = attempt.SequenceNumber,
            TaskId = attempt.TaskId,
            TaskType = attempt.TaskType,
            OperationId = attempt.OperationId,
            NotificationType = attempt.NotificationType,
            NotificationId = attempt.NotificationId,
            PayloadSizeBytes = attempt.PayloadSizeBytes,
            SkippedBefore = attempt.SkippedBefore,
            ConnectionReplaced = attempt.ConnectionReplaced,
        };
    }
}
