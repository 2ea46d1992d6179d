using Adcp.Aot.Auditing;

namespace Adcp.Aot;

/// <summary>The result of a delivery.</summary>
public readonly record struct DeliveryOutcome
{
    // Nullable members would make this a third larger, and every delivery copies it. Neither a number nor a time of 0
    // exists.
    private readonly long _number;
    private readonly long _retryAtTicks;

    /// <summary>
    /// Creates an outcome of all its parts at once. If it is created in the returned expression, the compiler writes
    /// the parts directly to the caller's location. An initializer, or an outcome that is created first and passed on,
    /// is assembled on the stack and copied, which makes the processor wait for the parts.
    /// </summary>
    internal DeliveryOutcome(
        DeliveryStatus status,
        PreparedWebhook? webhook,
        WebhookSendResult? lastResult = null,
        int attempts = 0,
        long number = 0,
        string? code = null,
        long retryAtTicks = 0,
        Exception? fault = null)
    {
        Status = status;
        Webhook = webhook;
        LastResult = lastResult;
        Attempts = attempts;
        _number = number;
        Code = code;
        _retryAtTicks = retryAtTicks;
        Fault = fault;
    }

    /// <summary>The delivery's final status.</summary>
    public DeliveryStatus Status { get; init; }

    /// <summary>Gets whether the receiver has it.</summary>
    public bool IsDelivered => Status == DeliveryStatus.Delivered && Webhook is not null;

    /// <summary>
    /// The frozen webhook. Deliver it again to repeat the same key and bytes. <c>null</c> if a payload's sequence
    /// number was never drawn: send the payload again.
    /// </summary>
    public PreparedWebhook? Webhook { get; init; }

    /// <summary>The last attempt's result; <c>null</c> if there was none, or its sender threw.</summary>
    public WebhookSendResult? LastResult { get; init; }

    /// <summary>The number of attempts.</summary>
    public int Attempts { get; init; }

    /// <summary>
    /// The number drawn from the delivery's stream; <c>null</c> if it has no stream or no attempt was permitted.
    /// </summary>
    public long? SequenceNumber
    {
        get => _number == 0 ? null : _number;
        init => _number = value ?? 0;
    }

    /// <summary>
    /// The time for another try, UTC: for an open circuit the time of its next probe. <c>null</c> if unknown.
    /// </summary>
    public DateTimeOffset? RetryAt
    {
        get => _retryAtTicks == 0 ? null : new DateTimeOffset(_retryAtTicks, TimeSpan.Zero);
        init => _retryAtTicks = value?.UtcTicks ?? 0;
    }

    /// <summary>A stable identifier of the reason, such as <c>payload_conflict</c> or <c>webhook_signature_invalid</c>.</summary>
    public string? Code { get; init; }

    /// <summary>The exception of a user's sender, if that ended the delivery.</summary>
    public Exception? Fault { get; init; }

    /// <summary>Returns status, attempts, code, and the last attempt's HTTP status or error.</summary>
    public override string ToString()
    {
        string? last = LastResult switch
        {
            { StatusCode: not 0 } answered => $"HTTP {answered.StatusCode}",
            { Error: not WebhookSendError.None } failed => DeliveryAttempt.WireName(failed.Error),
            _ => Fault?.GetType().Name,
        };
        string reasons = string.Join(", ", new[] { Code, IsDelivered ? null : last }.Where(static reason => reason is not null));
        return $"{Status} after {Attempts} {(Attempts == 1 ? "attempt" : "attempts")}{(reasons.Length == 0 ? "" : ": " + reasons)}";
    }
}
