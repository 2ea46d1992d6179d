using Adcp.Aot.Auditing;

namespace Adcp.Aot.Delivery;

/// <summary>
/// The result of one attempt: the delivery's end, or a delay before the next attempt. The default value belongs to a
/// delivery without an attempt.
/// </summary>
internal struct AttemptStep
{
    internal string? Detail;
    internal string? Code;
    internal Exception? Fault;
    internal TimeSpan Delay;
    internal long EndedAt;

    /// <summary>The time when an open circuit may be asked again, in UTC ticks; 0 if unknown.</summary>
    internal long RetryAtTicks;

    /// <summary>0 if there was no answer.</summary>
    internal short StatusCode;

    /// <summary><c>true</c> if the delivery has ended with <see cref="Status"/>.</summary>
    internal bool Ends;
    internal DeliveryStatus Status;
    internal bool ConnectionReplaced;
    internal AttemptOutcome Kind;
    internal WebhookSendError Error;

    internal void End(DeliveryStatus status, string? code = null)
    {
        Ends = true;
        Status = status;
        Code = code ?? Code;
    }
}
