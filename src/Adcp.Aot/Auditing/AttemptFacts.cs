using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Auditing;

/// <summary>What a delivery knows at the end of an attempt, on its way into a pooled record.</summary>
internal ref struct AttemptFacts
{
    internal PreparedWebhook Webhook;
    internal Endpoint Endpoint;
    internal string? SequenceKey;
    internal string? NotificationType;
    internal string? Code;
    internal string? ErrorDetail;
    internal long SequenceNumber;
    internal DateTimeOffset OccurredAt;
    internal TimeSpan Elapsed;
    internal DateTimeOffset? NextRetryAt;
    internal int AttemptNumber;
    internal int MaxAttempts;
    internal int SkippedBefore;
    internal int StatusCode;
    internal AttemptOutcome Outcome;
    internal WebhookSendError Error;
    internal bool BreakerKeyIsUrl;

    internal readonly void CopyTo(DeliveryAttempt record)
    {
        record.Begin(Webhook);
        record.RawBreakerKey = Endpoint.Key;
        record.BreakerKeyIsUrl = BreakerKeyIsUrl;
        record.SequenceKey = SequenceKey;
        record.SequenceNumberOrZero = SequenceNumber;
        record.NotificationType = NotificationType ?? Webhook.NotificationType;
        record.Code = Code;
        record.ErrorDetail = ErrorDetail;
        record.OccurredAt = OccurredAt;
        record.Elapsed = Elapsed;
        record.NextRetryAt = NextRetryAt;
        record.AttemptNumber = AttemptNumber;
        record.MaxAttempts = MaxAttempts;
        record.SkippedBefore = SkippedBefore;
        record.StatusCodeOrZero = (short)StatusCode;
        record.Outcome = Outcome;
        record.Error = Error;
    }
}
