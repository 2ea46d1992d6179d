using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Brings records to the sink: through the queue and one reader, or inline. Nothing a sink does reaches a delivery, except the wait that
/// <see cref="SinkMode.Inline"/> asks for. Records come from one pool; one that a late sink still holds returns to it only when that sink ends.
/// </summary>
internal sealed partial class DeliveryLog : IAsyncDisposable
{
    private const int MaxBatch = 256;

    /// <summary>
    /// How long the reader gathers records after it found some: to wake up costs as much as some deliveries over a network do. A queue that fills in the meantime ends the pause.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly IDeliveryLogSink? _sink;
    private readonly SinkMode _mode;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ObjectPool<DeliveryAttempt> _pool;
    private readonly AttemptQueue? _queue;
    private readonly WakeSignal _signal = new();
    private readonly Task _reader = Task.CompletedTask;
    private readonly Lock _flushLock = new();
    private List<TaskCompletionSource>? _flushes;
    private volatile bool _completing;
    private CancellationTokenSource? _spareTimeout;
    private long _sinkFailures;

    internal DeliveryLog(IDeliveryLogSink? sink, SinkMode mode, int capacity, TimeSpan timeout, TimeProvider time, ILogger logger)
    {
        Wall = new WallClock(time);
        _pool = new DefaultObjectPool<DeliveryAttempt>(new Policy(Wall), MaxBatch);
        _sink = sink;
        _mode = mode;
        _timeout = timeout;
        _time = time;
        _logger = logger;
        if (sink is not null && mode == SinkMode.Buffered)
        {
            _queue = new AttemptQueue(capacity);
            _reader = ReadAsync();
        }
    }

    /// <summary>Records dropped because the queue was full.</summary>
    internal long Dropped => _queue?.Dropped ?? 0;

    /// <summary>Sink calls that threw or outlived their timeout.</summary>
    internal long SinkFailures => Volatile.Read(ref _sinkFailures);

    /// <summary>True where a delivery waits for its record.</summary>
    internal bool IsInline => _queue is null && _sink is not null;

    /// <summary>The clock of the records.</summary>
    internal WallClock Wall { get; }

    /// <summary>
    /// Claims an entry to fill in place, then to <see cref="Publish"/> without anything between that could throw. Null where nobody listens, the sink is inline, or the queue is
    /// full, which is counted.
    /// </summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal AttemptQueue.Block? Claim(int thread) => _queue?.Claim(thread);

    /// <summary>Hands the entry filled to the reader.</summary>
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
        DeliveryAttempt record = _pool.Get();
        record.Fill(entry, cause);
        return InlineAsync(record);
    }

    /// <summary>Completes when everything recorded before the call has been given to the sink.</summary>
    internal Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_queue is null || _reader.IsCompleted)
        {
            return Task.CompletedTask;
        }

        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_flushLock)
        {
            (_flushes ??= []).Add(done);
        }

        _signal.Hurry();
        if (_reader.IsCompleted)
        {
            done.TrySetResult();
        }

        return done.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Gives what is queued to the sink, each batch within its timeout, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _completing = true;
        _signal.Hurry();
        await _reader.ConfigureAwait(false);
    }

    private async Task ReadAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        DeliveryAttempt[] batch = [.. Rented(MaxBatch)];

        // The machine's own clock: a pause only gathers a batch, and a clock that a test holds still must not hold records back. Periodic, since to set a timer wakes a thread too.
        using ITimer beat = TimeProvider.System.CreateTimer(static state => ((WakeSignal)state!).Hurry(), _signal, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        bool beats = false;
        while (true)
        {
            // Taken before the queue is seen empty: whoever asked before then has had its records read.
            List<TaskCompletionSource>? flushes = TakeFlushes();
            (batch, bool found) = await DrainAsync(batch).ConfigureAwait(false);
            flushes?.ForEach(static flush => flush.TrySetResult());
            if (found != beats)
            {
                TimeSpan period = found ? Pause : Timeout.InfiniteTimeSpan;
                beat.Change(period, period);
                beats = found;
            }

            if (found)
            {
                _signal.AnnouncePause();
                if ((Volatile.Read(ref _flushes) is not null || _completing) && _signal.StayAwake())
                {
                    continue;
                }

                await _signal.SleepAsync().ConfigureAwait(false);
                continue;
            }

            _signal.Announce();
            if ((_queue!.HasItems || Volatile.Read(ref _flushes) is not null || _completing) && _signal.StayAwake())
            {
                if (_completing && !_queue.HasItems && Volatile.Read(ref _flushes) is null)
                {
                    return;
                }

                continue;
            }

            await _signal.SleepAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Gives the sink what the queue holds, each line up to now and no further: a reader at the heels of a busy thread would have each line of its memory as soon as it is written,
    /// which costs that thread more than its delivery.
    /// </summary>
    /// <returns>The batch to go on with, in part a new one where a late sink kept the old; and whether there were any.</returns>
    private async ValueTask<(DeliveryAttempt[] Batch, bool Found)> DrainAsync(DeliveryAttempt[] batch)
    {
        bool found = false;
        int count = 0;
        for (int line = 0; line < _queue!.Lines; line++)
        {
            while ((count += _queue.Take(line, batch.AsSpan(count))) == batch.Length)
            {
                batch = await GiveAsync(batch, count).ConfigureAwait(false);
                count = 0;
                found = true;
            }
        }

        return count > 0 ? (await GiveAsync(batch, count).ConfigureAwait(false), true) : (batch, found);
    }

    /// <summary>Calls the sink with the first of a batch.</summary>
    /// <returns>A batch as long, all of it free.</returns>
    private async ValueTask<DeliveryAttempt[]> GiveAsync(DeliveryAttempt[] batch, int count)
    {
        if (!await CallAsync(batch.AsMemory(0, count)).ConfigureAwait(false))
        {
            // The late sink keeps these until it ends; the others of the batch go on.
            return [.. Rented(count), .. batch.AsSpan(count)];
        }

        foreach (DeliveryAttempt record in batch.AsSpan(0, count))
        {
            record.Clear();
        }

        return batch;
    }

    private IEnumerable<DeliveryAttempt> Rented(int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return _pool.Get();
        }
    }

    private List<TaskCompletionSource>? TakeFlushes()
    {
        lock (_flushLock)
        {
            List<TaskCompletionSource>? taken = _flushes;
            _flushes = null;
            return taken;
        }
    }

    private async ValueTask InlineAsync(DeliveryAttempt record)
    {
        if (await CallAsync(new[] { record }).ConfigureAwait(false))
        {
            _pool.Return(record);
        }
    }

    /// <returns>True where the sink is done with the records; false where it still holds them, and they return to the pool by themselves.</returns>
    private async ValueTask<bool> CallAsync(ReadOnlyMemory<DeliveryAttempt> records)
    {
        CancellationTokenSource timeout = Interlocked.Exchange(ref _spareTimeout, null) ?? new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        timeout.CancelAfter(_timeout);
        Task? call = null;
        try
        {
            ValueTask recording = _sink!.RecordAsync(records, timeout.Token);
            if (!recording.IsCompletedSuccessfully)
            {
                call = recording.AsTask();
                await call.WaitAsync(timeout.Token).ConfigureAwait(false);
            }
        }
        catch (Exception fault)
        {
            Interlocked.Increment(ref _sinkFailures);
            if (call is { IsCompleted: false })
            {
                SinkTimedOut(_logger, _timeout, records.Length);
                _ = ReturnWhenDoneAsync(call, records, timeout);
                return false;
            }

            SinkFailed(_logger, fault.GetType().Name, records.Length);
        }

        if (!timeout.TryReset() || Interlocked.CompareExchange(ref _spareTimeout, timeout, null) is not null)
        {
            timeout.Dispose();
        }

        return true;
    }

    /// <summary>The late call is not ours to await; it owns its records until it ends, however late that is.</summary>
    private async Task ReturnWhenDoneAsync(Task call, ReadOnlyMemory<DeliveryAttempt> records, CancellationTokenSource timeout)
    {
        await call.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        for (int i = 0; i < records.Length; i++)
        {
            _pool.Return(records.Span[i]);
        }

        timeout.Dispose();
    }

    [LoggerMessage(EventId = 301, Level = LogLevel.Warning, Message = "The delivery log sink failed with {Fault}; {Count} audit records are lost.")]
    private static partial void SinkFailed(ILogger logger, string fault, int count);

    [LoggerMessage(EventId = 302, Level = LogLevel.Warning, Message = "The delivery log sink outlived its timeout of {Timeout} with {Count} audit records.")]
    private static partial void SinkTimedOut(ILogger logger, TimeSpan timeout, int count);

    private sealed class Policy(WallClock wall) : PooledObjectPolicy<DeliveryAttempt>
    {
        public override DeliveryAttempt Create() => new(wall);

        public override bool Return(DeliveryAttempt obj)
        {
            obj.Clear();
            return true;
        }
    }
}
