using System.Diagnostics;
using System.Diagnostics.Metrics;
using Adcp.Aot.Delivery;
using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>Listens to the engine's meter or traces, or to neither, as a measurement asks. One at a time in a process.</summary>
internal sealed class Listeners : IDisposable
{
    private readonly MeterListener _meter = new();
    private readonly List<Instrument> _instruments = [];
    private ActivityListener? _traces;
    private long _sum;
    private double _seconds;

    internal Listeners()
    {
        _meter.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter == AdcpMeter.Meter && !instrument.IsObservable)
            {
                _instruments.Add(instrument);
            }
        };
        _meter.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref _sum, value));
        _meter.SetMeasurementEventCallback<double>((_, value, _, _) => _seconds += value);
        _meter.Start();
    }

    /// <summary>Gets the sum of all counters, which shows that measurements arrived.</summary>
    internal long Sum => Volatile.Read(ref _sum);

    /// <summary>Gets the number of spans that ended.</summary>
    internal long Spans { get; private set; }

    internal void None()
    {
        _instruments.ForEach(instrument => _meter.DisableMeasurementEvents(instrument));
        _traces?.Dispose();
        _traces = null;
    }

    internal void Meters()
    {
        None();
        _instruments.ForEach(instrument => _meter.EnableMeasurementEvents(instrument));
    }

    internal void Traces()
    {
        None();
        _traces = new ActivityListener
        {
            ShouldListenTo = static source => source == AdcpMeter.Source,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ => Spans++,
        };
        ActivitySource.AddActivityListener(_traces);
    }

    /// <summary>Makes the checks for listeners that a delivery of one attempt makes, and nothing else.</summary>
    internal static void Check(int times)
    {
        for (int i = 0; i < times; i++)
        {
            if (DeliveryTrace.IsOn || DeliveryTrace.IsOn || DeliveryMeter.IsOn)
            {
                throw new InvalidOperationException("There is a listener.");
            }

            DeliveryMeter.Delivery(DeliveryStatus.Delivered);
        }
    }

    public void Dispose()
    {
        None();
        _meter.Dispose();
    }
}
