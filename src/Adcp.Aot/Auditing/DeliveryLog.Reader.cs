using Adcp.Aot.Threading;

namespace Adcp.Aot.Auditing;

/// <content>The reader, which takes records from the queue and gives them to the sink in batches.</content>
internal sealed partial class DeliveryLog
{
    private async Task ReadAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await ReadUntilEndAsync().ConfigureAwait(false);
        }
        finally
        {
            End();
        }
    }

    private async Task ReadUntilEndAsync()
    {
        DeliveryAttempt[] batch = [.. Enumerable.Range(0, MaxBatch).Select(_ => _pool.Get())];

        // The machine's own clock: a pause only gathers a batch, and records must not wait if a test holds its clock
        // still. Periodic, because setting a timer wakes a thread too.
        using ITimer beat = TimeProvider.System.CreateTimer(
            static state => ((WakeSignal)state!).Hurry(), _signal, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        bool beats = false;
        while (true)
        {
            // Taken before the queue is seen empty: if a caller asked before then, its records have been read.
            TaskCompletionSource<bool>? flush = TakeFlush();
            bool found = await DrainAsync(batch).ConfigureAwait(false);
            flush?.TrySetResult(true);
            if (Volatile.Read(ref _calls) == Abandoned)
            {
                return;
            }

            if (found != beats)
            {
                TimeSpan period = found ? Pause : Timeout.InfiniteTimeSpan;
                beat.Change(period, period);
                beats = found;
            }

            if (found)
            {
                _signal.AnnouncePause();
                if ((Volatile.Read(ref _flush) is not null || _completing) && _signal.StayAwake())
                {
                    continue;
                }
            }
            else
            {
                _signal.Announce();
                if ((_queue!.HasItems || Volatile.Read(ref _flush) is not null || _completing) && _signal.StayAwake())
                {
                    if (_completing && !_queue.HasItems && TryEnd())
                    {
                        return;
                    }

                    continue;
                }
            }

            await _signal.SleepAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Passes the records of the queue to the sink, each segment up to now and no further. If a reader followed a busy
    /// thread closely, it would take each line of its memory when it is written, which costs that thread more than its
    /// delivery.
    /// </summary>
    /// <returns>Whether there were any.</returns>
    private async ValueTask<bool> DrainAsync(DeliveryAttempt[] batch)
    {
        bool found = false;
        int count = 0;
        for (int line = 0; line < _queue!.Lines; line++)
        {
            while ((count += _queue.Take(line, batch.AsSpan(count))) == batch.Length)
            {
                found = true;
                if (!await GiveAsync(batch).ConfigureAwait(false))
                {
                    return found;
                }

                count = 0;
            }
        }

        if (count > 0)
        {
            found = true;
            await GiveAsync(batch.AsMemory(0, count)).ConfigureAwait(false);
        }

        return found;
    }

    /// <summary>Calls the sink with a batch and waits until the call ends, even if it is late. Never throws.</summary>
    /// <returns><c>false</c> if a drain has given up on the call: the queue no longer belongs to the reader.</returns>
    private async ValueTask<bool> GiveAsync(Memory<DeliveryAttempt> batch)
    {
        // Only this thread writes while no call is out.
        long turn = _calls + 1;
        Volatile.Write(ref _calls, turn);
        SinkCall? call = null;
        Exception? fault = null;
        try
        {
            _current = call = RentCall();
            call.Begin(batch.Length);
            ValueTask recording = _sink!.RecordAsync(batch, call.Token);
            if (recording.IsCompleted)
            {
                // A sink's own value task source takes its result back here.
                recording.GetAwaiter().GetResult();
            }
            else
            {
                await (call.Recording = recording.AsTask()).ConfigureAwait(false);
            }
        }
        catch (Exception thrown)
        {
            fault = thrown;
        }

        _current = null;
        Finish(call, fault, batch.Length);
        foreach (DeliveryAttempt record in batch.Span)
        {
            record.Clear();
        }

        return Interlocked.CompareExchange(ref _calls, turn + 1, turn) == turn;
    }
}
