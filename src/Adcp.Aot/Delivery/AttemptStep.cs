using Adcp.Aot.Auditing;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Delivery;

/// <summary>What one attempt led to: an outcome, or a delay before the next.</summary>
internal struct AttemptStep
{
    internal DeliveryOutcome? Outcome;
    internal WebhookDeliveryResult? Result;
    internal AttemptOutcome Kind;
    internal WebhookSendError Error;
    internal string? Detail;
    internal string? Code;
    internal TimeSpan Delay;
    internal long EndedAt;
}
