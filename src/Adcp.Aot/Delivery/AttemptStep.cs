using Adcp.Aot.Auditing;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Delivery;

/// <summary>What one attempt led to: the delivery's end, or a delay before the next. The default is a delivery that is yet to make its first.</summary>
internal struct AttemptStep
{
    internal string? Detail;
    internal string? Code;
    internal Exception? Fault;
    internal TimeSpan Delay;
    internal long EndedAt;

    /// <summary>0 where nothing was answered.</summary>
    internal short StatusCode;

    internal bool Ends;

    /// <summary>How the delivery ended, where it did.</summary>
    internal DeliveryStatus Status;

    internal AttemptOutcome Kind;
    internal WebhookSendError Error;

    /// <summary>An attempt has ended, and nothing is known of it yet.</summary>
    internal void Begin(long endedAt)
    {
        this = default;
        EndedAt = endedAt;
    }

    internal void End(DeliveryStatus status)
    {
        Ends = true;
        Status = status;
    }
}
