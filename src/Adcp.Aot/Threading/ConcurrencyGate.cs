
namespace Adcp.Aot.Threading;

/// <summary>
/// Admits at most a number of holders at a time. Further ones wait and are admitted in order of arrival.
/// </summary>
/// <remarks>
/// If there is room, entering costs one interlocked increment. Only a full gate takes a lock, on its queue of waiters.
/// No wake-up is lost: a waiter enqueues and then tries to enter again, a leaver decrements and then looks at the
/// queue. Each of the two has a full fence between its halves, so at least one sees the other. If there are waiters,
/// newcomers queue too. A mutable struct: keep it in a field, never copy it.
/// </remarks>
internal struct ConcurrencyGate
{
    private int _holders;
    private Waiters? _waiters;

    internal readonly int Holders => Volatile.Read(in _holders);

    /// <summary>Enters if there is room and there are no waiters (full fence).</summary>
    internal bool TryEnter(int limit)
    {
        if (_waiters is { IsEmpty: false })
        {
            return false;
        }

        if (Interlocked.Increment(ref _holders) <= limit)
        {
            return true;
        }

        Leave(limit);
        return false;
    }

    /// <summary>
    /// Enters even over the limit: for an attempt that is under way already and must be counted (full fence).
    /// </summary>
    internal void Enter() => Interlocked.Increment(ref _holders);

    /// <summary>Enters, waiting for room. A cancelled waiter holds nothing.</summary>
    internal Task EnterAsync(int limit, CancellationToken cancellationToken)
    {
        TaskCompletionSource waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Waiters waiters = Volatile.Read(ref _waiters) ?? Create();
        waiters.Add(waiter);
        Admit(waiters, limit);
        return cancellationToken.CanBeCanceled ? CancellableAsync(waiters, waiter, cancellationToken) : waiter.Task;
    }

    /// <summary>Leaves, and admits the next waiter (full fence).</summary>
    internal void Leave(int limit)
    {
        Interlocked.Decrement(ref _holders);
        if (Volatile.Read(ref _waiters) is { } waiters)
        {
            Admit(waiters, limit);
        }
    }

    private Waiters Create()
    {
        Waiters mine = new();
        return Interlocked.CompareExchange(ref _waiters, mine, null) ?? mine;
    }

    private void Admit(Waiters waiters, int limit)
    {
        lock (waiters)
        {
            while (waiters.TryPeek(out TaskCompletionSource? waiter))
            {
                if (Interlocked.Increment(ref _holders) > limit)
                {
                    // Another leaver may have come between the two; it will find this lock and the queue.
                    if (Interlocked.Decrement(ref _holders) >= limit)
                    {
                        return;
                    }

                    continue;
                }

                waiters.Dequeue();
                if (!waiter.TrySetResult())
                {
                    Interlocked.Decrement(ref _holders);
                }
            }
        }
    }

    private static async Task CancellableAsync(Waiters waiters, TaskCompletionSource waiter, CancellationToken cancellationToken)
    {
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter);
        try
        {
            await waiter.Task.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            waiters.Forget();
            throw;
        }
        finally
        {
            // Not Dispose, which blocks while the callback runs: the callback touches nothing but the waiter.
            registration.Unregister();
        }
    }

    /// <summary>The waiters in order of arrival. Guarded by its own lock.</summary>
    private sealed class Waiters
    {
        private readonly Queue<TaskCompletionSource> _queue = new();
        private int _count;
        private int _cancelled;

        /// <summary>
        /// Read without the lock (volatile): a newcomer that reads an old value is admitted or queued a moment early.
        /// </summary>
        internal bool IsEmpty => Volatile.Read(ref _count) == 0;

        internal void Add(TaskCompletionSource waiter)
        {
            lock (this)
            {
                _queue.Enqueue(waiter);
                Volatile.Write(ref _count, _queue.Count);
            }
        }

        /// <summary>Returns the first waiter that has not given up. Under the lock.</summary>
        internal bool TryPeek([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TaskCompletionSource? waiter)
        {
            while (_queue.TryPeek(out waiter) && waiter.Task.IsCompleted)
            {
                Dequeue();
                _cancelled = Math.Max(0, _cancelled - 1);
            }

            return waiter is not null;
        }

        /// <summary>Removes the first waiter. Under the lock.</summary>
        internal void Dequeue()
        {
            _queue.Dequeue();
            Volatile.Write(ref _count, _queue.Count);
        }

        /// <summary>
        /// Counts a waiter that gave up. Such waiters would accumulate behind one that waits for long. If they are most
        /// of the queue, it is rebuilt.
        /// </summary>
        internal void Forget()
        {
            lock (this)
            {
                if (++_cancelled <= 32 || _cancelled * 2 <= _queue.Count)
                {
                    return;
                }

                for (int i = _queue.Count; i > 0; i--)
                {
                    TaskCompletionSource waiter = _queue.Dequeue();
                    if (!waiter.Task.IsCompleted)
                    {
                        _queue.Enqueue(waiter);
                    }
                }

                _cancelled = 0;
                Volatile.Write(ref _count, _queue.Count);
            }
        }
    }
}
