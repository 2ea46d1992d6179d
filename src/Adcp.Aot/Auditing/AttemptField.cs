namespace Adcp.Aot.Auditing;

/// <summary>
/// The fields of a <see cref="DeliveryAttempt"/> that a generated log can keep. The name in the log is the field's in
/// snake_case unless mapped.
/// </summary>
public enum AttemptField
{
    /// <summary><see cref="DeliveryAttempt.IdempotencyKey"/></summary>
    IdempotencyKey = 0,

    /// <summary><see cref="DeliveryAttempt.Outcome"/>, by its wire name.</summary>
    Outcome = 1,

    /// <summary><see cref="DeliveryAttempt.AttemptNumber"/></summary>
    AttemptNumber = 2,

    /// <summary><see cref="DeliveryAttempt.MaxAttempts"/></summary>
    MaxAttempts = 3,

    /// <summary><see cref="DeliveryAttempt.Url"/>, without its query and with hashes for path segments that may be secret.</summary>
    Url = 4,

    /// <summary><see cref="DeliveryAttempt.BreakerKey"/></summary>
    BreakerKey = 5,

    /// <summary><see cref="DeliveryAttempt.HttpStatusCode"/></summary>
    HttpStatusCode = 6,

    /// <summary><see cref="DeliveryAttempt.Error"/>, by its name in snake_case.</summary>
    Error = 7,

    /// <summary><see cref="DeliveryAttempt.ErrorMessage"/></summary>
    ErrorMessage = 8,

    /// <summary><see cref="DeliveryAttempt.Code"/></summary>
    Code = 9,

    /// <summary><see cref="DeliveryAttempt.OccurredAt"/></summary>
    OccurredAt = 10,

    /// <summary><see cref="DeliveryAttempt.CompletedAt"/></summary>
    CompletedAt = 11,

    /// <summary><see cref="DeliveryAttempt.ResponseTimeMs"/></summary>
    ResponseTimeMs = 12,

    /// <summary><see cref="DeliveryAttempt.WillRetry"/></summary>
    WillRetry = 13,

    /// <summary><see cref="DeliveryAttempt.NextRetryAt"/></summary>
    NextRetryAt = 14,

    /// <summary><see cref="DeliveryAttempt.SequenceKey"/></summary>
    SequenceKey = 15,

    /// <summary><see cref="DeliveryAttempt.SequenceNumber"/></summary>
    SequenceNumber = 16,

    /// <summary><see cref="DeliveryAttempt.TaskId"/></summary>
    TaskId = 17,

    /// <summary><see cref="DeliveryAttempt.TaskType"/></summary>
    TaskType = 18,

    /// <summary><see cref="DeliveryAttempt.OperationId"/></summary>
    OperationId = 19,

    /// <summary><see cref="DeliveryAttempt.NotificationType"/></summary>
    NotificationType = 20,

    /// <summary><see cref="DeliveryAttempt.NotificationId"/></summary>
    NotificationId = 21,

    /// <summary><see cref="DeliveryAttempt.PayloadSizeBytes"/></summary>
    PayloadSizeBytes = 22,

    /// <summary><see cref="DeliveryAttempt.SkippedBefore"/></summary>
    SkippedBefore = 23,

    /// <summary><see cref="DeliveryAttempt.IsAttempt"/></summary>
    IsAttempt = 24,
}
