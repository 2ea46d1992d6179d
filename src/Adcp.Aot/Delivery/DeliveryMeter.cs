using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Delivery;

/// <summary>The instruments of deliveries. If there is no listener, nothing is measured. Never throws.</summary>
internal static class DeliveryMeter
{
    private static readonly KeyValuePair<string, object?>[] Outcomes = Tags<AttemptOutcome>(
        AdcpTags.Outcome, static outcome => DeliveryAttempt.WireName(outcome));

    private static readonly KeyValuePair<string, object?>[] Statuses = Tags<DeliveryStatus>(AdcpTags.Status, WireName);

    private static readonly KeyValuePair<string, object?>[] States = Tags<CircuitState>(AdcpTags.BreakerState, WireName);

    /// <summary>The runners that were not disposed, which the observed instruments sum up. A forgotten one is collected.</summary>
    private static readonly ConditionalWeakTable<AttemptRunner, object> Runners = [];

    private static readonly Counter<long> Attempts = AdcpMeter.Meter.CreateCounter<long>(
        AdcpInstruments.Attempts, "{attempt}", "Attempts and refusals, by outcome.");

    private static readonly Histogram<double> AttemptDuration = AdcpMeter.Meter.CreateHistogram<double>(
        AdcpInstruments.AttemptDuration,
        "s",
        "From the start of an attempt to its end.",
        advice: new InstrumentAdvice<double>
        { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] });

    private static readonly Counter<long> Deliveries = AdcpMeter.Meter.CreateCounter<long>(
        AdcpInstruments.Deliveries, "{delivery}", "Deliveries from memory that ended, by status.");

    private static readonly Counter<long> Transitions = AdcpMeter.Meter.CreateCounter<long>(
        AdcpInstruments.BreakerTransitions, "{transition}", "Circuit changes, by the state entered.");

    /// <summary>The observed instruments. The meter keeps them; the field names those that exist.</summary>
    private static readonly Instrument[] Observed =
    [
        AdcpMeter.Meter.CreateObservableUpDownCounter(
            AdcpInstruments.AttemptsInFlight, static () => Sum(static runner => runner.AttemptsInFlight), "{attempt}",
            "Attempts under way."),
        AdcpMeter.Meter.CreateObservableUpDownCounter(
            AdcpInstruments.Waiting, static () => Sum(static runner => runner.Waiting), "{delivery}",
            "Deliveries that wait for a concurrency permit."),
        AdcpMeter.Meter.CreateObservableUpDownCounter(
            AdcpInstruments.OpenBreakers, static () => Sum(static runner => runner.Endpoints.OpenCircuits), "{breaker}",
            "Circuits that are open or isolated."),
        AdcpMeter.Meter.CreateObservableUpDownCounter(
            AdcpInstruments.AuditQueue, static () => Sum(static runner => runner.RecordsWaiting), "{record}",
            "Audit records that wait for the sink."),
        AdcpMeter.Meter.CreateObservableCounter(
            AdcpInstruments.AuditDropped, static () => Sum(static runner => runner.RecordsDropped), "{record}",
            "Audit records that were dropped."),
    ];

    /// <summary>Gets whether there is a listener for attempts.</summary>
    internal static bool IsOn => Attempts.Enabled || AttemptDuration.Enabled;

    /// <summary>Includes a runner in the observed instruments, until it is disposed or collected.</summary>
    internal static void Observe(AttemptRunner runner) => Runners.TryAdd(runner, Observed);

    internal static void Forget(AttemptRunner runner) => Runners.Remove(runner);

    internal static void Attempt(AttemptOutcome outcome, TimeSpan elapsed)
    {
        try
        {
            KeyValuePair<string, object?> tag = Outcomes[(int)outcome];
            if (Attempts.Enabled)
            {
                Attempts.Add(1, tag);
            }

            if (AttemptDuration.Enabled && outcome is AttemptOutcome.Success or AttemptOutcome.Failure)
            {
                AttemptDuration.Record(elapsed.TotalSeconds, tag);
            }
        }
        catch (Exception)
        {
            // A listener's fault must not affect the delivery.
        }
    }

    internal static void Delivery(DeliveryStatus status)
    {
        if (Deliveries.Enabled)
        {
            AdcpMeter.Add(Deliveries, Statuses[(int)status]);
        }
    }

    internal static void Transition(CircuitState to)
    {
        if (Transitions.Enabled)
        {
            AdcpMeter.Add(Transitions, States[(int)to]);
        }
    }

    /// <summary>Returns the sum over all runners; 0 for one that is being disposed.</summary>
    private static long Sum(Func<AttemptRunner, long> get)
    {
        long sum = 0;
        foreach (KeyValuePair<AttemptRunner, object> known in Runners)
        {
            sum += get(known.Key);
        }

        return sum;
    }

    private static KeyValuePair<string, object?>[] Tags<T>(string tag, Func<T, string> name)
        where T : struct, Enum
    {
        T[] values = Enum.GetValues<T>();
        KeyValuePair<string, object?>[] tags = new KeyValuePair<string, object?>[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            tags[i] = new(tag, name(values[i]));
        }

        return tags;
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
}
