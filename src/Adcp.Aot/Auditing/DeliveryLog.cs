using Adcp.Aot.Telemetry;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Brings records to the sink: through the queue and one reader, or inline. A sink cannot affect a delivery, except by
/// the wait in <see cref="SinkMode.Inline"/>.
/// </summary>
/// <remarks>
/// <para>
/// If a call of the sink exceeds its timeout, it is late. It keeps its records until it ends. The reader does not call
/// the sink again before that: the queue fills, drops and counts. Inline, up to <see cref="MaxLateInline"/> late calls
/// may be out, and further records are dropped and counted. So a sink that never ends a call holds a bounded number of
/// records.
/// </para>
/// <para>
/// There are two clocks. The timeout of a call is measured by the <see cref="TimeProvider"/> of the options, as all
/// timeouts are. A flush and a drain give up by the machine's clock, when one call has been out for the whole timeout
/// and <see cref="Grace"/>: they must end even if a test holds its clock still.
/// </para>
/// </remarks>
internal sealed partial class DeliveryLog : IAsyncDisposable
{
    /// <summary>The number of late calls that may be out before an inline record is dropped.</summary>
    internal const int MaxLateInline = 64;

    private const int MaxBatch = 256;

    /// <summary>The value of <see cref="_calls"/> if a drain continued without the reader.</summary>
    private const long Abandoned = -1;

    /// <summary>
    /// The time that a call may take to end after its token is cancelled, before a flush or a drain gives up.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The time for which the reader gathers records after it found some: a wake-up costs as much as some deliveries
    /// over a network. If the queue fills in the meantime, the pause ends.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly IDeliveryLogSink? _sink;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ObjectPool<DeliveryAttempt> _pool;
    private readonly AttemptQueue? _queue;
    private readonly WakeSignal _signal = new();
    private readonly Task _reader = Task.CompletedTask;
    private readonly Lock _ending = new();
    private readonly Action<SinkCall> _whenLate;

    /// <summary>
    /// Twice the number of calls that the reader has made, and one more while a call is out. A drain that gives up on a call changes it
    /// to <see cref="Abandoned"/>.
    /// </summary>
    private long _calls;

    /// <summary>The call that is out, for the drain that gives up on it.</summary>
    private volatile SinkCall? _current;

    private SinkCall? _spareCall;
    private TaskCompletionSource<bool>? _flush;
    private Task? _stopping;
    private volatile bool _completing;
    private volatile bool _ended;
    private long _sinkFailures;
    private long _droppedInline;
    private int _lateCalls;

    /// <summary>Creates a log, and starts its reader if it is buffered.</summary>
    /// <param name="sink">The sink; null for none.</param>
    /// <param name="mode">The way in which records reach the sink.</param>
    /// <param name="capacity">The most records that wait for a buffered sink.</param>
    /// <param name="timeout">The timeout of one call of the sink.</param>
    /// <param name="time">The clock of timeouts and records.</param>
    /// <param name="logger">The log of failures, guarded.</param>
    /// <param name="showsFullPaths">Whether records show every path segment of a url unchanged.</param>
    internal DeliveryLog(
        IDeliveryLogSink? sink,
        SinkMode mode,
        int capacity,
        TimeSpan timeout,
        TimeProvider time,
        ILogger logger,
        bool showsFullPaths = false)
    {
        Wall = new WallClock(time);
        _pool = new DefaultObjectPool<DeliveryAttempt>(new Policy(Wall, showsFullPaths), MaxBatch);
        _sink = sink;
        _timeout = timeout;
        _time = time;
        _logger = logger;
        _whenLate = Late;
        if (sink is not null && mode == SinkMode.Buffered)
        {
            _queue = new AttemptQueue(capacity);

            // The reader lives as long as the log. It must not run in the context of the caller that happens to construct the log.
            using (ExecutionContext.SuppressFlow())
            {
                _reader = ReadAsync();
            }
        }
    }

    /// <summary>
    /// Gets how many records the sink did not get: the queue was full, late calls were out, or a drain gave up on the sink.
    /// </summary>
    internal int Waiting => _queue?.Waiting ?? 0;

    internal long Dropped => (_queue is { } queue ? queue.Dropped + (_ended ? queue.Waiting : 0) : 0) + Volatile.Read(ref _droppedInline);

    /// <summary>Gets how many calls of the sink threw or outlived their timeout.</summary>
    internal long SinkFailures => Volatile.Read(ref _sinkFailures);

    /// <summary>Gets whether a delivery waits for its record.</summary>
    internal bool IsInline => _queue is null && _sink is not null;

    /// <summary>Gets the clock of the records.</summary>
    internal WallClock Wall { get; }

    /// <summary>
    /// Claims an entry to fill in place. <see cref="Publish"/> must follow, and nothing between them may throw. Returns
    /// <c>null</c> if there is no sink, the sink is inline, or the queue is full, which is counted.
    /// </summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal AttemptQueue.Block? Claim(int thread) => _queue?.Claim(thread);

    /// <summary>Hands the filled entry to the reader.</summary>
    internal void Publish(AttemptQueue.Block claimed)
    {
        if (_queue!.Publish(claimed))
        {
            _signal.Hurry();
        }
        else
        {
            _signal.Wake();
        }
    }

    /// <summary>Gives one record to the sink of a log that <see cref="IsInline"/>. Never throws.</summary>
    internal ValueTask RecordInline(in AttemptEntry entry, in AttemptCause cause)
    {
        if (Volatile.Read(ref _lateCalls) >= MaxLateInline)
        {
            Interlocked.Increment(ref _droppedInline);
            return ValueTask.CompletedTask;
        }

        DeliveryAttempt record = _pool.Get();
        record.Fill(entry, cause);
        return InlineAsync(record);
    }

    /// <summary>Completes when every record made before the call has been given to the sink.</summary>
    /// <exception cref="TimeoutException">The sink delays the reader: one call has exceeded its timeout by a
    /// second.</exception>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        Task<bool> flush;
        lock (_ending)
        {
            if (_queue is null || _ended)
            {
                return;
            }

            // One for all callers between two rounds of the reader: callers that give up leave nothing behind.
            flush = (_flush ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        _signal.Hurry();
        if (await StuckAsync(flush, cancellationToken).ConfigureAwait(false) is not null || !await flush.ConfigureAwait(false))
        {
            throw new TimeoutException(
                $"The delivery log sink has not ended a call that outlived its timeout of {_timeout}. Further records wait in the queue.");
        }
    }

    /// <summary>
    /// Passes the queued records to the sink, each batch within its timeout, and ends. If a call does not end,
    /// continues without the sink and counts the queued records as dropped. Safe to call more than once.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        lock (_ending)
        {
            _stopping ??= StopAsync();
        }

        return new(_stopping);
    }

    private async Task StopAsync()
    {
        _completing = true;
        _signal.Hurry();
        while (await StuckAsync(_reader, CancellationToken.None).ConfigureAwait(false) is { } call)
        {
            if (Interlocked.CompareExchange(ref _calls, Abandoned, call) == call)
            {
                await AbandonAsync().ConfigureAwait(false);
                return;
            }
        }
    }

    /// <summary>
    /// Ends the log without its reader. If the call that holds the reader ever ends, the reader sees <see cref="Abandoned"/> and ends
    /// too.
    /// </summary>
    private async Task AbandonAsync()
    {
        End();

        // The sink's cancellation callbacks and the logger may block: they run separately, and the drain waits for them
        // no longer than the grace.
        await ExpireAsync(_current).WaitAsync(Grace, TimeProvider.System).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ExpireAsync(SinkCall? call)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        call?.Expire();
        SinkAbandoned(_logger, _queue!.Waiting);
    }

    /// <summary>Waits for a task that the reader completes.</summary>
    /// <returns><c>null</c> when it has completed. The value of <see cref="_calls"/> if one call has been out for its
    /// timeout and the grace.</returns>
    private async Task<long?> StuckAsync(Task task, CancellationToken cancellationToken)
    {
        while (true)
        {
            long seen = Volatile.Read(ref _calls);
            try
            {
                await task.WaitAsync(_timeout + Grace, TimeProvider.System, cancellationToken).ConfigureAwait(false);
                return null;
            }
            catch (TimeoutException) when (!task.IsCompleted)
            {
                bool isOut = (seen & 1) != 0;
                if (isOut && Volatile.Read(ref _calls) == seen)
                {
                    return seen;
                }
            }
        }
    }

    private async ValueTask InlineAsync(DeliveryAttempt record)
    {
        SinkCall? call = null;
        Exception? fault = null;
        try
        {
            call = RentCall();
            call.Begin(1);
            ValueTask recording = _sink!.RecordAsync(new[] { record }, call.Token);
            if (recording.IsCompleted)
            {
                recording.GetAwaiter().GetResult();
            }
            else
            {
                call.Recording = recording.AsTask();
                await call.Recording.WaitAsync(call.Deadline).ConfigureAwait(false);
            }
        }
        catch (Exception thrown)
        {
            fault = thrown;
            if (call?.Recording is { } recording)
            {
                call.Expire();
                if (!recording.IsCompleted)
                {
                    _ = EndLateAsync(call, recording, record);
                    return;
                }

                // The task may have ended in the instant of its timeout.
                fault = recording.IsCompletedSuccessfully ? null : thrown;
            }
        }

        Finish(call, fault, 1);
        _pool.Return(record);
    }

    /// <summary>Waits for an inline call that its delivery has left. The call owns its record until it ends.</summary>
    private async Task EndLateAsync(SinkCall call, Task recording, DeliveryAttempt record)
    {
        await recording.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Finish(call, null, 1);
        _pool.Return(record);
    }

    private SinkCall RentCall() => Interlocked.Exchange(ref _spareCall, null) ?? new SinkCall(_timeout, _time, _whenLate);

    /// <summary>Counts a call that has ended, and keeps its timeout for another.</summary>
    private void Finish(SinkCall? call, Exception? fault, int count)
    {
        if (call is not null && !call.TryEnd())
        {
            Interlocked.Decrement(ref _lateCalls);
            SinkEndedLate(_logger, count);
        }
        else if (fault is not null)
        {
            Interlocked.Increment(ref _sinkFailures);
            SinkFailed(_logger, fault.GetType().Name, count);
        }

        if (call is not null && (!call.TryReset() || Interlocked.CompareExchange(ref _spareCall, call, null) is not null))
        {
            call.Dispose();
        }
    }

    private void Late(SinkCall call)
    {
        Interlocked.Increment(ref _sinkFailures);
        Interlocked.Increment(ref _lateCalls);
        SinkTimedOut(_logger, _timeout, call.Count);
    }

    private TaskCompletionSource<bool>? TakeFlush()
    {
        lock (_ending)
        {
            TaskCompletionSource<bool>? taken = _flush;
            _flush = null;
            return taken;
        }
    }

    /// <summary>Ends the log if no flush waits. A later flush finds it ended.</summary>
    private bool TryEnd()
    {
        lock (_ending)
        {
            return _flush is null && (_ended = true);
        }
    }

    /// <summary>Ends the log even if a flush waits, which then fails.</summary>
    private void End()
    {
        lock (_ending)
        {
            _ended = true;
        }

        TakeFlush()?.TrySetResult(false);
    }

    [LoggerMessage(
        EventId = AdcpEventIds.SinkFailed,
        Level = LogLevel.Warning,
        Message = "The delivery log sink failed with {Fault}; up to {Count} audit records are lost.")]
    private static partial void SinkFailed(ILogger logger, string fault, int count);

    [LoggerMessage(
        EventId = AdcpEventIds.SinkTimedOut,
        Level = LogLevel.Warning,
        Message = "The delivery log sink outlived its timeout of {Timeout} with {Count} audit records. "
            + "Further records wait, and are dropped if the queue is full.")]
    private static partial void SinkTimedOut(ILogger logger, TimeSpan timeout, int count);

    [LoggerMessage(
        EventId = AdcpEventIds.SinkEndedLate,
        Level = LogLevel.Information,
        Message = "The delivery log sink ended a call with {Count} audit records that had outlived its timeout.")]
    private static partial void SinkEndedLate(ILogger logger, int count);

    [LoggerMessage(
        EventId = AdcpEventIds.SinkAbandoned,
        Level = LogLevel.Error,
        Message = "The delivery log sink did not end its last call. "
            + "The drain continues without it; {Count} queued audit records are dropped.")]
    private static partial void SinkAbandoned(ILogger logger, int count);

    private sealed class Policy(WallClock wall, bool showsFullPaths) : PooledObjectPolicy<DeliveryAttempt>
    {
        public override DeliveryAttempt Create() => new(wall, showsFullPaths);

        public override bool Return(DeliveryAttempt obj)
        {
            obj.Clear();
            return true;
        }
    }
}
