using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Threading;

/// <summary>
/// Guards a caller's clock: a delivery must neither hang nor lose its outcome because a clock throws. Thread-safe if
/// the clock is.
/// </summary>
internal sealed partial class GuardedTimeProvider : TimeProvider
{
    private readonly TimeProvider _inner;
    private readonly ILogger _logger;
    private volatile Reading _last;
    private int _logged;

    private GuardedTimeProvider(TimeProvider inner, ILogger logger)
    {
        _inner = inner;
        _logger = logger;
        TimestampFrequency = inner.TimestampFrequency;
        LocalTimeZone = inner.LocalTimeZone;
        _last = new Reading(inner.GetTimestamp(), inner.GetUtcNow(), System.GetTimestamp());
    }

    public override long TimestampFrequency { get; }

    public override TimeZoneInfo LocalTimeZone { get; }

    /// <summary>
    /// Returns the clock itself if it is the machine's, which does not throw, otherwise a guarded one.
    /// </summary>
    internal static TimeProvider Of(TimeProvider time, ILogger logger) =>
        ReferenceEquals(time, System) || time is GuardedTimeProvider ? time : new GuardedTimeProvider(time, logger);

    /// <summary>
    /// Returns the clock's timestamp. If it throws, its last reading continues at the pace of the machine's clock.
    /// </summary>
    public override long GetTimestamp()
    {
        try
        {
            return _inner.GetTimestamp();
        }
        catch (Exception fault)
        {
            Log(fault);
            Reading last = _last;
            return last.Timestamp + (long)(System.GetElapsedTime(last.TakenAt).TotalSeconds * TimestampFrequency);
        }
    }

    /// <summary>
    /// Returns the clock's time. If it throws, its last reading continues at the pace of the machine's clock.
    /// </summary>
    public override DateTimeOffset GetUtcNow()
    {
        try
        {
            // The wall clock is read once a second, which is often enough to keep a reading.
            Reading reading = new(_inner.GetTimestamp(), _inner.GetUtcNow(), System.GetTimestamp());
            _last = reading;
            return reading.Utc;
        }
        catch (Exception fault)
        {
            Log(fault);
            Reading last = _last;
            return last.Utc + System.GetElapsedTime(last.TakenAt);
        }
    }

    /// <summary>Creates a timer of the clock, or of the machine's clock if it throws.</summary>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        try
        {
            return _inner.CreateTimer(callback, state, dueTime, period);
        }
        catch (Exception fault)
        {
            Log(fault);
            return System.CreateTimer(callback, state, dueTime, period);
        }
    }

    private void Log(Exception fault)
    {
        if (Interlocked.Exchange(ref _logged, 1) == 0)
        {
            ClockFailed(_logger, fault.GetType().Name);
        }
    }

    [LoggerMessage(EventId = AdcpEventIds.ClockFailed, Level = LogLevel.Error,
        Message = "The TimeProvider threw {Fault}. The machine's clock is used while it does. Later faults are not logged.")]
    private static partial void ClockFailed(ILogger logger, string fault);

    private sealed record Reading(long Timestamp, DateTimeOffset Utc, long TakenAt);
}
