using System.Globalization;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Auditing;

/// <summary>
/// The audit record of one attempt, or of a delivery's end without one. Pooled: it belongs to a sink only while
/// <see cref="IDeliveryLogSink.RecordAsync"/> runs. Copy the data that you need longer. It shows no query, token,
/// credential or body.
/// </summary>
public sealed class DeliveryAttempt
{
    private const int MaxMessageLength = 500;

    private WallClock? _wall;
    private bool _showsFullPaths;
    private string? _url;
    private AttemptEntry _entry;
    private AttemptCause _cause;
    private long _occurredAtTicks;

    /// <summary>Creates an empty record.</summary>
    /// <param name="wall">The clock of its entries; null for a record that is only filled from others.</param>
    /// <param name="showsFullPaths">Whether urls show every path segment unchanged.</param>
    internal DeliveryAttempt(WallClock? wall = null, bool showsFullPaths = false)
    {
        _wall = wall;
        _showsFullPaths = showsFullPaths;
    }

    /// <summary>
    /// Gets the destination's url without its query. A path segment is shown if it is a word of at most 24 lowercase
    /// letters and hyphens, a version such as <c>v1</c>, or the delivery's operation id or task id. Every other segment
    /// is a short hash such as <c>~1f40fc92</c>, because it may be a secret.
    /// </summary>
    public string Url => _url ??= Shown(Webhook.Destination.Target.Value);

    /// <summary>
    /// Gets the key of the breaker that permitted or refused the attempt: the caller's key or the url. Urls in a key
    /// are shown in the same form as <see cref="Url"/>.
    /// </summary>
    public string BreakerKey => Context.BreakerKey is { } key ? Shown(key) : Url;

    /// <summary>The stream's key, if the delivery has one.</summary>
    public string? SequenceKey => Context.SequenceKey;

    /// <summary>The delivery's number in its stream, from 1; <c>null</c> if it has none yet.</summary>
    public long? SequenceNumber => _entry.SequenceNumber == 0 ? null : _entry.SequenceNumber;

    /// <summary>
    /// The attempt's number, from 1. If <see cref="IsAttempt"/> is <c>false</c>, the number of attempts before.
    /// </summary>
    public int AttemptNumber => _entry.AttemptNumber;

    /// <summary>
    /// Gets whether there was an attempt. <c>false</c> if a delivery ended without one more: circuit open, or cut short
    /// while it waited.
    /// </summary>
    public bool IsAttempt => _entry.IsAttempt;

    /// <summary>The maximum number of attempts of the delivery.</summary>
    public int MaxAttempts => _entry.MaxAttempts;

    /// <summary>The outcome of the attempt.</summary>
    public AttemptOutcome Outcome => (AttemptOutcome)_entry.Outcome;

    /// <summary>The HTTP status; <c>null</c> if there was no answer.</summary>
    public int? HttpStatusCode => _entry.StatusCode == 0 ? null : _entry.StatusCode;

    /// <summary>The reason why there was no answer.</summary>
    public WebhookSendError Error => (WebhookSendError)_entry.Error;

    /// <summary>A short classification, at most 500 characters; null for a success.</summary>
    public string? ErrorMessage => Outcome switch
    {
        AttemptOutcome.Success => null,
        AttemptOutcome.CircuitOpen => "circuit open, delivery not attempted",
        AttemptOutcome.Cancelled => _cause.Detail ?? "cancelled",
        AttemptOutcome.Expired => "delivery deadline passed",
        _ when _entry.StatusCode != 0 => Code is null ? StatusText(_entry.StatusCode) : $"{StatusText(_entry.StatusCode)} {Code}",
        _ when _cause.Detail is { Length: > MaxMessageLength } detail => detail[..MaxMessageLength],
        _ => _cause.Detail ?? Code ?? Error.ToString(),
    };

    /// <summary>The stable identifier of a refusal, such as <c>webhook_signature_invalid</c> or <c>payload_conflict</c>.</summary>
    public string? Code => Outcome == AttemptOutcome.CircuitOpen ? RefusalCode((_entry.Flags & AttemptFlags.Isolated) != 0) : _cause.Code;

    /// <summary>Whole milliseconds from start to end on the monotonic clock.</summary>
    public long ResponseTimeMs => (long)Elapsed.TotalMilliseconds;

    /// <summary>The time from start to end on the monotonic clock.</summary>
    public TimeSpan Elapsed => Wall.Elapsed(_entry.StartedAt, _entry.EndedAt);

    /// <summary>The time when it began, UTC.</summary>
    public DateTimeOffset OccurredAt
    {
        get
        {
            // Computed by the first sink that asks, and then kept: the wall clock may be read again in between.
            if (_occurredAtTicks == 0)
            {
                _occurredAtTicks = Wall.At(_entry.StartedAt).Ticks;
            }

            return new DateTimeOffset(_occurredAtTicks, TimeSpan.Zero);
        }
    }

    /// <summary>The time when it ended, UTC.</summary>
    public DateTimeOffset CompletedAt => OccurredAt + Elapsed;

    /// <summary>Gets whether another attempt follows.</summary>
    public bool WillRetry => _entry.WillRetry;

    /// <summary>The time when the next attempt is due. The delivery waits for exactly this time.</summary>
    public DateTimeOffset? NextRetryAt => WillRetry ? CompletedAt + _cause.RetryDelay : null;

    /// <summary>The wire name of the task type.</summary>
    public string? TaskType => Webhook.TaskType;

    /// <summary>The task.</summary>
    public string? TaskId => Webhook.TaskId;

    /// <summary>The AdCP notification type.</summary>
    public string? NotificationType => Context.NotificationType ?? Webhook.NotificationType;

    /// <summary>The event's identity over re-emissions.</summary>
    public string? NotificationId => Webhook.NotificationId;

    /// <summary>The registration's operation id.</summary>
    public string? OperationId => Webhook.Destination.OperationId;

    /// <summary>The delivery's key, the same on every attempt.</summary>
    public string IdempotencyKey => Webhook.IdempotencyKey;

    /// <summary>The size of the body in bytes.</summary>
    public int PayloadSizeBytes => Webhook.Body.Length;

    /// <summary>
    /// The number of refusals by this endpoint's open circuit without a record since its last one (see
    /// <c>WebhookSupervisorOptions.CircuitOpenRecordInterval</c>).
    /// </summary>
    public int SkippedBefore => _entry.SkippedBefore;

    /// <summary>
    /// Gets whether a kept connection turned out to be closed, so that the webhook was sent once more within this attempt: see
    /// <see cref="WebhookSendResult.ConnectionReplaced"/>.
    /// </summary>
    public bool ConnectionReplaced => (_entry.Flags & AttemptFlags.ConnectionReplaced) != 0;

    internal PreparedWebhook Webhook => _entry.Webhook ?? throw Late();

    private WallClock Wall => _wall ?? throw Late();

    private IAttemptContext Context => _entry.Context ?? throw Late();

    /// <summary>Returns the outcome's wire name.</summary>
    public static string WireName(AttemptOutcome outcome) => outcome switch
    {
        AttemptOutcome.Success => "success",
        AttemptOutcome.Failure => "failure",
        AttemptOutcome.CircuitOpen => "circuit_open",
        AttemptOutcome.Cancelled => "cancelled",
        AttemptOutcome.Expired => "expired",
        AttemptOutcome.Refused => "refused",
        AttemptOutcome.Suppressed => "suppressed",
        AttemptOutcome.Deferred => "deferred",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "Not an outcome."),
    };

    /// <summary>
    /// Returns the error's wire name, such as <c>connection_failed</c>; <c>null</c> if there was an answer.
    /// </summary>
    public static string? WireName(WebhookSendError error) => error switch
    {
        WebhookSendError.None => null,
        WebhookSendError.Timeout => "timeout",
        WebhookSendError.ConnectionFailed => "connection_failed",
        WebhookSendError.NoUsableAddress => "no_usable_address",
        WebhookSendError.DestinationRefused => "destination_refused",
        WebhookSendError.SigningFailed => "signing_failed",
        WebhookSendError.SignerUnavailable => "signer_unavailable",
        WebhookSendError.LocalNetwork => "local_network",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Not an error."),
    };

    /// <summary>
    /// Returns the record as AdCP's <c>webhook-activity-record</c> for the buyer; <c>null</c> if that schema cannot
    /// hold it: no HTTP attempt was made, or the webhook has no notification type.
    /// </summary>
    /// <param name="subscriberId">The subscriber, on account and agent channels.</param>
    public WebhookActivityRecord? ToActivityRecord(string? subscriberId = null) =>
        !IsAttempt || NotificationType is null || Outcome is AttemptOutcome.Refused
            ? null
            : WebhookActivityRecord.From(this, subscriberId);

    /// <summary>Returns key, attempt and outcome.</summary>
    public override string ToString() => _entry.Webhook is null ? "unused" : $"{IdempotencyKey} {AttemptNumber}/{MaxAttempts} {Outcome}";

    /// <summary>Returns the code of a circuit's refusal.</summary>
    internal static string RefusalCode(bool isIsolated) => isIsolated ? "circuit_isolated" : "circuit_open";

    /// <summary>Fills a record that is new or was cleared.</summary>
    internal void Fill(in AttemptEntry entry)
    {
        _entry = entry;
        _occurredAtTicks = 0;
        _url = null;
    }

    internal void Fill(in AttemptEntry entry, in AttemptCause cause)
    {
        Fill(entry);
        _cause = cause;
    }

    /// <summary>Fills a record from another one, which shows the same times.</summary>
    internal void CopyFrom(DeliveryAttempt other)
    {
        _wall = other._wall;
        _entry = other._entry;
        _cause = other._cause;
        _showsFullPaths = other._showsFullPaths;
        _url = null;
        _occurredAtTicks = other.OccurredAt.Ticks;
    }

    /// <summary>Forgets its references, so that no pool keeps a body alive.</summary>
    internal void Clear()
    {
        _entry = default;
        _cause = default;
        _url = null;
    }

    private string Shown(string text) => _showsFullPaths ? RedactedUrl.WithoutQuery(text) : RedactedUrl.OfText(text, OperationId, TaskId);

    private static InvalidOperationException Late() => new("The record was used after RecordAsync returned.");

    private static string StatusText(int status) => string.Create(CultureInfo.InvariantCulture, $"HTTP {status}");
}
