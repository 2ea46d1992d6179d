using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>The result of one attempt of a delivery.</summary>
public readonly record struct AttemptResult
{
    internal AttemptResult(InFlightDelivery delivery, WallClock wall)
    {
        ref AttemptStep step = ref delivery.Step;
        EndsDelivery = step.Ends;
        Status = step.Ends ? step.Status : null;
        Delay = step.Delay;
        NextAttemptAt = step.Ends
            ? step.RetryAtTicks == 0 ? null : new DateTimeOffset(step.RetryAtTicks, TimeSpan.Zero)
            : wall.At(step.EndedAt) + step.Delay;
        Result = delivery.LastResult;
        AttemptsMade = delivery.Attempt;
        SequenceNumber = delivery.SequenceNumber == 0 ? null : delivery.SequenceNumber;
        Code = step.Code;
        Fault = step.Fault;
    }

    /// <summary>Gets whether no further attempt of this delivery follows.</summary>
    public bool EndsDelivery { get; init; }

    /// <summary>Gets the status of the delivery; <see langword="null"/> if another attempt follows.</summary>
    public DeliveryStatus? Status { get; init; }

    /// <summary>Gets the delay before the next attempt; zero if <see cref="EndsDelivery"/>.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>
    /// Gets the time when the next attempt is due, UTC, which is also the time in the audit record. If a circuit
    /// refused, the time when it may be asked again. <see langword="null"/> if unknown.
    /// </summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>Gets the sender's result; <see langword="null"/> if nothing was sent, or the sender threw.</summary>
    public WebhookSendResult? Result { get; init; }

    /// <summary>Gets the number of attempts made so far: the number of this one, or one less if nothing was sent.</summary>
    public int AttemptsMade { get; init; }

    /// <summary>Gets the sequence number of the delivery; <see langword="null"/> if it has none.</summary>
    public long? SequenceNumber { get; init; }

    /// <summary>Gets a stable identifier of the reason, such as <c>payload_conflict</c>.</summary>
    public string? Code { get; init; }

    /// <summary>Gets the exception that the sender threw, if that ended the attempt.</summary>
    public Exception? Fault { get; init; }

    /// <summary>Returns status or delay, attempts and code.</summary>
    public override string ToString() =>
        $"{(Status is { } status ? status.ToString() : $"retry in {Delay}")} "
        + $"after {AttemptsMade} {(AttemptsMade == 1 ? "attempt" : "attempts")}{(Code is null ? "" : ": " + Code)}";
}
