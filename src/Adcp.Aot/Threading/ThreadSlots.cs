namespace Adcp.Aot.Threading;

/// <summary>Lends numbers to threads and takes them back when a thread has ended. Thread-safe.</summary>
/// <remarks>
/// A slot refers to its thread strongly, so at most as many ended threads as slots stay in memory. When a thread has
/// ended, the next thread that asks finds its slot, without a finalizer or a callback at the thread's end.
/// </remarks>
/// <param name="count">The number of threads that may hold a number at the same time.</param>
internal sealed class ThreadSlots(int count)
{
    private readonly Thread?[] _threads = new Thread?[count];

    /// <summary>
    /// Lends the smallest free number, from 1. A thread that asks twice gets two numbers. If every number is lent to a living thread,
    /// returns the number behind the last one.
    /// </summary>
    /// <param name="thread">The calling thread.</param>
    internal int Lend(Thread thread)
    {
        lock (_threads)
        {
            int free = Array.FindIndex(_threads, static holder => holder is not { IsAlive: true });
            if (free < 0)
            {
                return _threads.Length + 1;
            }

            // A full fence: the ended thread's plain writes to its lines must be visible before the new thread adds to them.
            Interlocked.Exchange(ref _threads[free], thread);
            return free + 1;
        }
    }
}
