namespace Adcp.Aot.Resilience;

/// <summary>
/// Admits at most a number of holders at a time; the rest wait in order of arrival.
/// </summary>
/// <remarks>
/// Free places cost one interlocked increment. Only a full gate takes a lock, on its queue of waiters. No wake-up is lost: a waiter enqueues and then tries to
/// enter again, a leaver decrements and then looks at the queue, and each of the two has a full fence between its halves, so at least one sees
/// the other. A mutable struct: keep it in a field, never copy it.
/// </remarks>
internal struct ConcurrencyGate
{
    private int _holders;
    private Queue<TaskCompletionSource>? _waiters;

    internal readonly int Holders => Volatile.Read(in _holders);

    /// <summary>Enters if there is room (full fence).</summary>
    internal bool TryEnter(int limit)
    {
        if (Interlocked.Increment(ref _holders) <= limit)
        {
            return true;
        }

        Leave(limit);
        return false;
    }

    /// <summary>Enters, waiting for room. A cancelled waiter holds nothing.</summary>
    internal Task EnterAsync(int limit, CancellationToken cancellationToken)
    {
        TaskCompletionSource waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Queue<TaskCompletionSource> waiters = Volatile.Read(ref _waiters) ?? CreateQueue();
        lock (waiters)
        {
            waiters.Enqueue(waiter);
        }

        Admit(waiters, limit);
        return cancellationToken.CanBeCanceled ? CancellableAsync(waiter, cancellationToken) : waiter.Task;
    }

    /// <summary>Leaves, and lets the next waiter in (full fence).</summary>
    internal void Leave(int limit)
    {
        Interlocked.Decrement(ref _holders);
        if (Volatile.Read(ref _waiters) is { } waiters)
        {
            Admit(waiters, limit);
        }
    }

    private Queue<TaskCompletionSource> CreateQueue()
    {
        Queue<TaskCompletionSource> mine = new();
        return Interlocked.CompareExchange(ref _waiters, mine, null) ?? mine;
    }

    private void Admit(Queue<TaskCompletionSource> waiters, int limit)
    {
        lock (waiters)
        {
            while (waiters.TryPeek(out TaskCompletionSource? waiter))
            {
                if (waiter.Task.IsCompleted)
                {
                    waiters.Dequeue();
                    continue;
                }

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

    private static async Task CancellableAsync(TaskCompletionSource waiter, CancellationToken cancellationToken)
    {
        CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter);
        try
        {
            await waiter.Task.ConfigureAwait(false);
        }
        finally
        {
            // Not Dispose, which blocks while the callback runs: the callback touches nothing but the waiter.
            registration.Unregister();
        }
    }
}
