using System.Globalization;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Auditing;

/// <summary>
/// The audit record of one attempt, or of a delivery's end without one. Pooled: it belongs to a sink only while
/// <see cref="IDeliveryLogSink.RecordAsync"/> runs. Copy what must outlive that. It shows no query, token, credential or body.
/// </summary>
public sealed class DeliveryAttempt
{
    private PreparedWebhook? _webhook;

    internal DeliveryAttempt()
    {
    }

    /// <summary>Scheme, authority and path of the destination; query and fragment are never kept.</summary>
    public string Url => RedactedUrl.Of(Webhook.Destination.Target);

    /// <summary>The breaker that judged the attempt: the redacted url, or the caller's key up to a query, since keys are often made of urls.</summary>
    public string BreakerKey => BreakerKeyIsUrl ? Url : RawBreakerKey!.Split('?', 2)[0];

    /// <summary>The stream's key, if the delivery has one.</summary>
    public string? SequenceKey { get; internal set; }

    /// <summary>The delivery's number in its stream, from 1; null where it has none yet.</summary>
    public long? SequenceNumber => SequenceNumberOrZero == 0 ? null : SequenceNumberOrZero;

    /// <summary>The attempt's number, from 1; 0 where nothing was attempted before the delivery ended.</summary>
    public int AttemptNumber { get; internal set; }

    /// <summary>The most attempts the delivery had.</summary>
    public int MaxAttempts { get; internal set; }

    /// <summary>What came of it.</summary>
    public AttemptOutcome Outcome { get; internal set; }

    /// <summary>The HTTP status; null without an answer.</summary>
    public int? HttpStatusCode => StatusCodeOrZero == 0 ? null : StatusCodeOrZero;

    /// <summary>Why there was no answer.</summary>
    public WebhookSendError Error { get; internal set; }

    /// <summary>A short classification, at most 500 characters; null for a success.</summary>
    public string? ErrorMessage => Outcome switch
    {
        AttemptOutcome.Success => null,
        AttemptOutcome.CircuitOpen => "circuit open, delivery not attempted",
        AttemptOutcome.Cancelled => ErrorDetail ?? "cancelled",
        AttemptOutcome.Expired => "delivery deadline passed",
        _ when StatusCodeOrZero != 0 => Code is null ? StatusText(StatusCodeOrZero) : $"{StatusText(StatusCodeOrZero)} {Code}",
        _ => ErrorDetail is { Length: > 500 } detail ? detail[..500] : ErrorDetail ?? Code ?? Error.ToString(),
    };

    /// <summary>The stable identifier of a refusal, such as <c>webhook_signature_invalid</c> or <c>payload_conflict</c>.</summary>
    public string? Code { get; internal set; }

    /// <summary>Whole milliseconds from start to end on the monotonic clock.</summary>
    public long ResponseTimeMs => (long)Elapsed.TotalMilliseconds;

    /// <summary>From start to end on the monotonic clock.</summary>
    public TimeSpan Elapsed { get; internal set; }

    /// <summary>When it began, UTC.</summary>
    public DateTimeOffset OccurredAt { get; internal set; }

    /// <summary>When it ended, UTC.</summary>
    public DateTimeOffset CompletedAt => OccurredAt + Elapsed;

    /// <summary>True where another attempt follows.</summary>
    public bool WillRetry => NextRetryAt is not null;

    /// <summary>When the next attempt is due; exactly what the delivery waits for.</summary>
    public DateTimeOffset? NextRetryAt { get; internal set; }

    /// <summary>The wire name of the task type.</summary>
    public string? TaskType => Webhook.TaskType;

    /// <summary>The task.</summary>
    public string? TaskId => Webhook.TaskId;

    /// <summary>The AdCP notification type.</summary>
    public string? NotificationType { get; internal set; }

    /// <summary>The event's identity over re-emissions.</summary>
    public string? NotificationId => Webhook.NotificationId;

    /// <summary>The registration's operation id.</summary>
    public string? OperationId => Webhook.Destination.OperationId;

    /// <summary>The delivery's key, the same on every attempt.</summary>
    public string IdempotencyKey => Webhook.IdempotencyKey;

    /// <summary>The size of the body in bytes.</summary>
    public int PayloadSizeBytes => Webhook.Body.Length;

    /// <summary>
    /// Refusals by this endpoint's open circuit that had no record of their own since its last one (see
    /// <c>WebhookDeliveryOptions.CircuitOpenRecordInterval</c>).
    /// </summary>
    public int SkippedBefore { get; internal set; }

    internal PreparedWebhook Webhook => _webhook ?? throw new InvalidOperationException("The record was used after RecordAsync returned.");

    internal string? RawBreakerKey { get; set; }

    internal bool BreakerKeyIsUrl { get; set; }

    internal long SequenceNumberOrZero { get; set; }

    internal short StatusCodeOrZero { get; set; }

    internal string? ErrorDetail { get; set; }

    /// <summary>The outcome's wire name.</summary>
    public static string WireName(AttemptOutcome outcome) => outcome switch
    {
        AttemptOutcome.Success => "success",
        AttemptOutcome.Failure => "failure",
        AttemptOutcome.CircuitOpen => "circuit_open",
        AttemptOutcome.Cancelled => "cancelled",
        AttemptOutcome.Expired => "expired",
        AttemptOutcome.Refused => "refused",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "Not an outcome."),
    };

    /// <summary>
    /// The record as AdCP's <c>webhook-activity-record</c> for the buyer's own eyes; null where that schema has no place for it: no HTTP attempt was
    /// made, or the fire has no notification type.
    /// </summary>
    /// <param name="subscriberId">The subscriber, on account and agent channels.</param>
    public WebhookActivityRecord? ToActivityRecord(string? subscriberId = null) =>
        AttemptNumber < 1 || NotificationType is null || Outcome is AttemptOutcome.CircuitOpen or AttemptOutcome.Refused
            ? null
            : WebhookActivityRecord.From(this, subscriberId);

    /// <summary>Names key, attempt and outcome.</summary>
    public override string ToString() => _webhook is null ? "unused" : $"{IdempotencyKey} {AttemptNumber}/{MaxAttempts} {Outcome}";

    internal void Begin(PreparedWebhook webhook) => _webhook = webhook;

    /// <summary>Forgets what it refers to, so that neither pool nor ring keeps a body alive.</summary>
    internal void Clear()
    {
        _webhook = null;
        SequenceKey = null;
        NotificationType = null;
        RawBreakerKey = null;
        ErrorDetail = null;
        Code = null;
    }

    private static string StatusText(int status) => string.Create(CultureInfo.InvariantCulture, $"HTTP {status}");
}
