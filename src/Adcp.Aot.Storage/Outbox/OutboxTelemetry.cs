using System.Diagnostics;
using System.Diagnostics.Metrics;
using Adcp.Aot.Delivery;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Storage;

/// <summary>The spans and counters of the outbox. If there is no listener, nothing is done. Never throws.</summary>
internal static class OutboxTelemetry
{
    private static readonly ActivitySource Source = new(AdcpTelemetry.ActivitySourceName);

    private static readonly Meter Meter = new(AdcpTelemetry.MeterName);

    private static readonly Counter<long> Delivered = Meter.CreateCounter<long>(
        AdcpInstruments.OutboxDelivered, "{webhook}", "Webhooks of the outbox that were delivered.");

    private static readonly Counter<long> DeadLetters = Meter.CreateCounter<long>(
        AdcpInstruments.OutboxDeadLetters, "{webhook}", "Webhooks of the outbox that ended undelivered, by reason.");

    /// <summary>Writes the span of an enqueueing, which the attempts of its webhooks link to.</summary>
    /// <returns>Its W3C id, or that of the caller's span if it is not sampled; <see langword="null"/> if there is neither.</returns>
    internal static string? Enqueue(IReadOnlyList<OutboxItem> items)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        try
        {
            using Activity? span = Source.StartActivity(AdcpSpans.Enqueue, ActivityKind.Producer);
            span?.SetTag(AdcpTags.Webhooks, items.Count);
            return (span ?? Activity.Current) is { IdFormat: ActivityIdFormat.W3C, Id: { } id } ? id : null;
        }
        catch (Exception)
        {
            // A listener's fault must not affect the webhooks. The same holds below.
            return null;
        }
    }

    /// <summary>Counts a webhook that left the outbox by a change.</summary>
    internal static void Settled(OutboxChange change)
    {
        try
        {
            if (change.Kind == OutboxChangeKind.Delivered)
            {
                Delivered.Add(1);
            }
            else if (change.Kind == OutboxChangeKind.Dead)
            {
                DeadLetters.Add(1, new KeyValuePair<string, object?>(AdcpTags.DeadReason, change.Reason));
            }
        }
        catch (Exception)
        {
        }
    }
}
