using System.Diagnostics;
using System.Diagnostics.Metrics;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Delivery;

/// <summary>The meter <c>Adcp.Aot</c>. If there is no listener, nothing is measured. Never throws.</summary>
internal static class DeliveryMeter
{
    private static readonly Meter Meter = new("Adcp.Aot");

    private static readonly Counter<long> Attempts = Meter.CreateCounter<long>(
        "adcp.webhook.attempts", "{attempt}", "Attempts and refusals, by outcome.");

    private static readonly Histogram<double> AttemptDuration = Meter.CreateHistogram<double>(
        "adcp.webhook.attempt.duration",
        "s",
        "From the start of an attempt to its end.",
        advice: new InstrumentAdvice<double>
        { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] });

    private static readonly Counter<long> Deliveries = Meter.CreateCounter<long>(
        "adcp.webhook.deliveries", "{delivery}", "Deliveries ended, by status.");

    private static readonly Counter<long> Transitions = Meter.CreateCounter<long>(
        "adcp.webhook.breaker.transitions", "{transition}", "Circuit changes, by the state entered.");

    /// <summary>Gets whether there is a listener for attempts.</summary>
    internal static bool IsOn => Attempts.Enabled || AttemptDuration.Enabled;

    internal static void Attempt(AttemptOutcome outcome, TimeSpan elapsed)
    {
        try
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
        catch (Exception)
        {
            // A listener's fault must not affect the delivery. The same holds below.
        }
    }

    internal static void Delivery(DeliveryStatus status)
    {
        if (Deliveries.Enabled)
        {
            Add(Deliveries, new("adcp.webhook.status", WireName(status)));
        }
    }

    internal static void Transition(CircuitState to)
    {
        if (Transitions.Enabled)
        {
            Add(Transitions, new("adcp.webhook.breaker.state", WireName(to)));
        }
    }

    private static string WireName(DeliveryStatus status) => status switch
    {
        DeliveryStatus.Delivered => "delivered",
        DeliveryStatus.Exhausted => "exhausted",
        DeliveryStatus.Rejected => "rejected",
        DeliveryStatus.Refused => "refused",
        DeliveryStatus.CircuitOpen => "circuit_open",
        DeliveryStatus.Cancelled => "cancelled",
        DeliveryStatus.DeadlineExceeded => "deadline_exceeded",
        _ => "shut_down",
    };

    private static string WireName(CircuitState state) => state switch
    {
        CircuitState.Closed => "closed",
        CircuitState.Open => "open",
        CircuitState.HalfOpen => "half_open",
        _ => "isolated",
    };

    private static void Add(Counter<long> counter, KeyValuePair<string, object?> tag)
    {
        try
        {
            counter.Add(1, tag);
        }
        catch (Exception)
        {
        }
    }
}
