using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Hosting;

/// <summary>The instruments of outboxes and purges. If there is no listener, nothing is read. Never throws.</summary>
internal static class HostingMeter
{
    private static readonly Meter Meter = new(AdcpTelemetry.MeterName);

    private static readonly ConditionalWeakTable<OutboxMonitor, object> Monitors = [];

    private static readonly Counter<long> PurgedRows = Meter.CreateCounter<long>(
        AdcpInstruments.Purged, "{row}", "Expired rows that were deleted.");

    private static readonly Instrument[] Observed =
    [
        Meter.CreateObservableUpDownCounter(
            AdcpInstruments.OutboxWebhooks, Webhooks, "{webhook}", "Webhooks in the outbox, by state, and dead ones by reason."),
        Meter.CreateObservableGauge(
            AdcpInstruments.OutboxOldestDue, static () => Each(static status => (status.OldestDue ?? TimeSpan.Zero).TotalSeconds), "s",
            "How long the oldest webhook that is due has been due."),
        Meter.CreateObservableUpDownCounter(
            AdcpInstruments.OutboxUnownedLanes, static () => Each(static status => (long)status.UnownedLanes), "{lane}",
            "Lanes that no living worker owns."),
        Meter.CreateObservableUpDownCounter(
            AdcpInstruments.OutboxWorkers, static () => Each(static status => (long)status.Workers), "{worker}",
            "Workers whose lease lasts."),
        Meter.CreateObservableCounter(
            AdcpInstruments.OutboxFencedOff, static () => Each(static status => status.FencedOff, ofWorker: true), "{result}",
            "Results that were not committed because the worker had lost the lane."),
    ];

    /// <summary>Gets whether there is a listener for the state of outboxes.</summary>
    internal static bool IsOn => Array.Exists(Observed, static instrument => instrument.Enabled);

    internal static void Observe(OutboxMonitor monitor) => Monitors.TryAdd(monitor, Observed);

    /// <summary>Ends the measurements of an outbox whose host stops.</summary>
    internal static void Forget(OutboxMonitor monitor) => Monitors.Remove(monitor);

    internal static void Purged(string store, int rows)
    {
        if (PurgedRows.Enabled && rows > 0)
        {
            try
            {
                PurgedRows.Add(rows, new KeyValuePair<string, object?>(AdcpTags.Store, store));
            }
            catch (Exception)
            {
                // A listener's fault must not end the purge.
            }
        }
    }

    /// <param name="get">Returns a measurement.</param>
    /// <param name="ofWorker">Whether it is one of the process's own worker, so that the sum over all processes counts it once.</param>
    private static List<Measurement<T>> Each<T>(Func<OutboxStatus, T> get, bool ofWorker = false)
        where T : struct
    {
        List<Measurement<T>> all = [];
        foreach ((OutboxMonitor monitor, _) in Monitors)
        {
            if (monitor.Last is { Status: { } status } sample && (sample.IsOfWorker || !ofWorker))
            {
                all.Add(new Measurement<T>(get(status), new KeyValuePair<string, object?>(AdcpTags.Instance, monitor.Name)));
            }
        }

        return all;
    }

    private static List<Measurement<long>> Webhooks()
    {
        List<Measurement<long>> all = [];
        foreach ((OutboxMonitor monitor, _) in Monitors)
        {
            if (monitor.Last?.Status is { } status)
            {
                all.Add(Of(monitor, "waiting", status.Waiting));
                all.Add(Of(monitor, "parked", status.Parked));
                if (status.DeadByReason.Count == 0)
                {
                    all.Add(Of(monitor, "dead", status.Dead));
                }

                foreach (DeadLetterCount dead in status.DeadByReason)
                {
                    all.Add(Of(monitor, "dead", dead.Count, new KeyValuePair<string, object?>(AdcpTags.DeadReason, dead.Reason)));
                }
            }
        }

        return all;

        static Measurement<long> Of(
            OutboxMonitor monitor, string state, long value, params ReadOnlySpan<KeyValuePair<string, object?>> more) => new(
            value,
            [
                new KeyValuePair<string, object?>(AdcpTags.Instance, monitor.Name),
                new KeyValuePair<string, object?>(AdcpTags.OutboxState, state), .. more,
            ]);
    }
}
