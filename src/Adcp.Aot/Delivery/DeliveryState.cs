using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Delivery;

/// <summary>One delivery on its way. A struct: on the fast roads it lives on the stack, on the slow one in a pooled state machine.</summary>
internal struct DeliveryState
{
    internal PreparedWebhook Webhook;

    /// <summary>A payload that carries its number and has not drawn it yet; <see cref="Webhook"/> is then a stand-in that is never sent.</summary>
    internal WebhookPayload? Numbered;

    internal DeliveryOptions Options;
    internal RetryPolicy Retry;
    internal Endpoint Endpoint;
    internal WebhookDeliveryResult? LastResult;

    /// <summary>The caller's token, to tell its cancellation from the others'.</summary>
    internal CancellationToken Caller;

    /// <summary>What ends the delivery: shutdown, and where there is one the caller's token and the deadline.</summary>
    internal CancellationToken Token;

    internal long StartedAt;
    internal long AttemptStartedAt;
    internal long Number;
    internal int Attempt;
    internal CircuitPermit Permit;

    /// <summary>True while an attempt counts among those that wait.</summary>
    internal bool HoldsPlaces;

    internal readonly long? NumberOrNull => Number == 0 ? null : Number;

    /// <summary>The webhook where it is frozen. A payload whose number was never drawn has no frozen form yet.</summary>
    internal readonly PreparedWebhook? Frozen => Numbered is null ? Webhook : null;

    internal readonly DeliveryOutcome Outcome(in AttemptStep step) => new()
    {
        Status = step.Status,
        Webhook = Frozen,
        LastResult = LastResult,
        Attempts = Attempt,
        SequenceNumber = NumberOrNull,
        Code = step.Code,
        Fault = step.Fault,
    };
}
