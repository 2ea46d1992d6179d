using System.Diagnostics;
using System.Diagnostics.Metrics;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Delivery;

/// <summary>The meter <c>Adcp.Aot</c>. Nothing is measured while nobody listens.</summary>
internal static class DeliveryMeter
{
    private static readonly Meter Meter = new("Adcp.Aot");

    private static readonly Counter<long> Attempts = Meter.CreateCounter<long>(
        "adcp.webhook.attempts", "{attempt}", "Attempts and refusals, by outcome.");

    private static readonly Histogram<double> AttemptDuration = Meter.CreateHistogram<double>(
        "adcp.webhook.attempt.duration",
        "s",
        "From the start of an attempt to its end.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] });

    private static readonly Counter<long> Deliveries = Meter.CreateCounter<long>(
        "adcp.webhook.deliveries", "{delivery}", "Deliveries ended, by status.");

    private static readonly Counter<long> Transitions = Meter.CreateCounter<long>(
        "adcp.webhook.breaker.transitions", "{transition}", "Circuit changes, by the state entered.");

    /// <summary>True where somebody listens to attempts.</summary>
    internal static bool IsOn => Attempts.Enabled || AttemptDuration.Enabled;

    internal static void Attempt(AttemptOutcome outcome, TimeSpan elapsed)
    {
        if (Attempts.Enabled)
        {
            Attempts.Add(1, new KeyValuePair<string, object?>("adcp.webhook.outcome", DeliveryAttempt.WireName(outcome)));
        }

        if (AttemptDuration.Enabled && outcome is AttemptOutcome.Success or AttemptOutcome.Failure)
        {
            AttemptDuration.Record(elapsed.TotalSeconds, new TagList { { "adcp.webhook.outcome", DeliveryAttempt.WireName(outcome) } });
        }
    }

    internal static void Delivery(DeliveryStatus status)
    {
        if (Deliveries.Enabled)
        {
            Deliveries.Add(1, new KeyValuePair<string, object?>("adcp.webhook.status", status.ToString()));
        }
    }

    internal static void Transition(CircuitState to)
    {
        if (Transitions.Enabled)
        {
            Transitions.Add(1, new KeyValuePair<string, object?>("adcp.webhook.breaker.state", to.ToString()));
        }
    }
}
