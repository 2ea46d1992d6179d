using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Counts the deliveries under way, refuses newcomers when closed, and signals when none is under way. Thread-safe.
/// </summary>
/// <remarks>
/// Entering and leaving are plain writes to the thread's own cache line. The closing side pays for the missing fences:
/// it announces itself, then issues a process-wide barrier, and from then on sees every entry that did not see the
/// announcement. Each thread that leaves a closed latch issues that barrier too before it looks for others. A barrier
/// of its own processor only would miss an entry that still waits in another processor's store buffer, and would signal
/// idleness while that entry runs.
/// </remarks>
internal sealed class DrainLatch
{
    private readonly InFlightCount _inFlight = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _closed;

    /// <summary>
    /// Gets the number that have entered and not left. It may be too high by changes that happen meanwhile.
    /// </summary>
    internal int Count => (int)_inFlight.Value;

    internal bool IsClosed => _closed;

    /// <summary>Gets a task that completes when the latch is closed and nothing is under way.</summary>
    internal Task Idle => _idle.Task;

    /// <summary>Enters, unless closed.</summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal bool TryEnter(int thread)
    {
        _inFlight.Begin(thread);
        if (!_closed)
        {
            return true;
        }

        Exit(thread);
        return false;
    }

    /// <summary>Leaves, on any thread.</summary>
    /// <param name="thread">That thread's <see cref="ThreadStripe.Index"/>.</param>
    internal void Exit(int thread)
    {
        _inFlight.End(thread);
        if (_closed)
        {
            SignalIfIdle();
        }
    }

    /// <summary>Refuses newcomers from now on.</summary>
    /// <returns>The number under way.</returns>
    internal int Close()
    {
        _closed = true;
        return SignalIfIdle();
    }

    private int SignalIfIdle()
    {
        Interlocked.MemoryBarrierProcessWide();
        int count = Count;
        if (count == 0)
        {
            _idle.TrySetResult();
        }

        return count;
    }
}
