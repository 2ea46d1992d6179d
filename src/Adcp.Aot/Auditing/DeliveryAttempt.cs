using System.Globalization;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Auditing;

/// <summary>
/// The audit record of one attempt, or of a delivery's end without one. Pooled: it belongs to a sink only while
/// <see cref="IDeliveryLogSink.RecordAsync"/> runs. Copy what must outlive that. It shows no query, token, credential or body.
/// </summary>
public sealed class DeliveryAttempt
{
    // What a delivery writes at the end of an attempt: plain fields, filled in place, two cache lines of them. Whatever is not written keeps the default that Clear left.
    internal PreparedWebhook? FrozenWebhook;
    internal Endpoint? Endpoint;
    internal string? OwnNotificationType;
    internal string? ErrorDetail;
    internal long SequenceNumberOrZero;
    internal long StartedAt;
    internal long EndedAt;
    internal TimeSpan RetryDelay = NoRetry;
    internal short StatusCodeOrZero;
    internal bool BreakerKeyIsUrl;

    private static readonly TimeSpan NoRetry = TimeSpan.MinValue;

    private readonly WallClock _wall;
    private long _occurredAtTicks;
    private byte _outcome;
    private byte _error;

    internal DeliveryAttempt(WallClock wall) => _wall = wall;

    /// <summary>Scheme, authority and path of the destination; query and fragment are never kept.</summary>
    public string Url => RedactedUrl.Of(Webhook.Destination.Target);

    /// <summary>The breaker that judged the attempt: the redacted url, or the caller's key up to a query, since keys are often made of urls.</summary>
    public string BreakerKey => BreakerKeyIsUrl ? Url : Endpoint!.Key.Split('?', 2)[0];

    /// <summary>The stream's key, if the delivery has one.</summary>
    public string? SequenceKey { get; internal set; }

    /// <summary>The delivery's number in its stream, from 1; null where it has none yet.</summary>
    public long? SequenceNumber => SequenceNumberOrZero == 0 ? null : SequenceNumberOrZero;

    /// <summary>The attempt's number, from 1. Where <see cref="IsAttempt"/> is false, how many attempts were made before.</summary>
    public int AttemptNumber { get; internal set; }

    /// <summary>True for an attempt; false for a delivery that ended without one more: circuit open, or cut short while it waited.</summary>
    public bool IsAttempt { get; internal set; }

    /// <summary>The most attempts the delivery had.</summary>
    public int MaxAttempts { get; internal set; }

    /// <summary>What came of it.</summary>
    public AttemptOutcome Outcome
    {
        get => (AttemptOutcome)_outcome;
        internal set => _outcome = (byte)value;
    }

    /// <summary>The HTTP status; null without an answer.</summary>
    public int? HttpStatusCode => StatusCodeOrZero == 0 ? null : StatusCodeOrZero;

    /// <summary>Why there was no answer.</summary>
    public WebhookSendError Error
    {
        get => (WebhookSendError)_error;
        internal set => _error = (byte)value;
    }

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
    public TimeSpan Elapsed => _wall.Elapsed(StartedAt, EndedAt);

    /// <summary>When it began, UTC.</summary>
    public DateTimeOffset OccurredAt
    {
        get
        {
            // Worked out by the sink that asks, and then kept: the wall clock may be read anew in between.
            if (_occurredAtTicks == 0)
            {
                _occurredAtTicks = _wall.At(StartedAt).Ticks;
            }

            return new DateTimeOffset(_occurredAtTicks, TimeSpan.Zero);
        }
    }

    /// <summary>When it ended, UTC.</summary>
    public DateTimeOffset CompletedAt => OccurredAt + Elapsed;

    /// <summary>True where another attempt follows.</summary>
    public bool WillRetry => RetryDelay != NoRetry;

    /// <summary>When the next attempt is due; exactly what the delivery waits for.</summary>
    public DateTimeOffset? NextRetryAt => WillRetry ? CompletedAt + RetryDelay : null;

    /// <summary>The wire name of the task type.</summary>
    public string? TaskType => Webhook.TaskType;

    /// <summary>The task.</summary>
    public string? TaskId => Webhook.TaskId;

    /// <summary>The AdCP notification type.</summary>
    public string? NotificationType => OwnNotificationType ?? Webhook.NotificationType;

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

    internal PreparedWebhook Webhook => FrozenWebhook ?? throw new InvalidOperationException("The record was used after RecordAsync returned.");

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

    /// <summary>The error's wire name, such as <c>connection_failed</c>; null where there was an answer.</summary>
    public static string? WireName(WebhookSendError error) => error switch
    {
        WebhookSendError.None => null,
        WebhookSendError.Timeout => "timeout",
        WebhookSendError.ConnectionFailed => "connection_failed",
        WebhookSendError.DestinationRefused => "destination_refused",
        WebhookSendError.SigningFailed => "signing_failed",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Not an error."),
    };

    /// <summary>
    /// The record as AdCP's <c>webhook-activity-record</c> for the buyer's own eyes; null where that schema has no place for it: no HTTP attempt was
    /// made, or the fire has no notification type.
    /// </summary>
    /// <param name="subscriberId">The subscriber, on account and agent channels.</param>
    public WebhookActivityRecord? ToActivityRecord(string? subscriberId = null) =>
        !IsAttempt || NotificationType is null || Outcome is AttemptOutcome.Refused
            ? null
            : WebhookActivityRecord.From(this, subscriberId);

    /// <summary>Names key, attempt and outcome.</summary>
    public override string ToString() => FrozenWebhook is null ? "unused" : $"{IdempotencyKey} {AttemptNumber}/{MaxAttempts} {Outcome}";

    /// <summary>Forgets what it refers to, so that neither pool nor ring keeps a body alive, and puts back the defaults that not every delivery writes.</summary>
    internal void Clear()
    {
        FrozenWebhook = null;
        Endpoint = null;
        SequenceKey = null;
        OwnNotificationType = null;
        ErrorDetail = null;
        Code = null;
        SequenceNumberOrZero = 0;
        StatusCodeOrZero = 0;
        SkippedBefore = 0;
        Error = WebhookSendError.None;
        RetryDelay = NoRetry;
        _occurredAtTicks = 0;
    }

    private static string StatusText(int status) => string.Create(CultureInfo.InvariantCulture, $"HTTP {status}");
}
