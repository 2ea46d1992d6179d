using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>The deliveries under way and those that may be used again. Thread-safe.</summary>
/// <remarks>
/// Each thread keeps one spare in a slot that no other thread touches; further spares are in a bounded queue. Weak references to
/// all instances are in a list, which changes only if
/// an instance is made, so that <see cref="CancelAll"/> reaches every delivery under way. A delivery that begins meanwhile is not
/// missed: it announces itself and then looks for the
/// cancellation, while the cancelling thread announces the cancellation, issues a process-wide barrier, and then looks for deliveries.
/// </remarks>
internal sealed class DeliveryPool(AttemptRunner runner)
{
    private const int MaxSpares = 1024;

    private readonly Slot[] _slots = new Slot[ThreadStripe.MaxNumbers + 1];
    private readonly ConcurrentQueue<InFlightDelivery> _spares = new();
    private readonly List<WeakReference<InFlightDelivery>> _all = [];
    private int _nextPruning = MaxSpares;
    private int _spareCount;
    private volatile bool _cancelled;

    internal bool IsCancelled => _cancelled;

    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal InFlightDelivery Rent(int thread)
    {
        if (thread < _slots.Length && _slots[thread].Spare is { } spare)
        {
            _slots[thread].Spare = null;
            return spare;
        }

        if (_spares.TryDequeue(out InFlightDelivery? queued))
        {
            Interlocked.Decrement(ref _spareCount);
            return queued;
        }

        return Create();
    }

    /// <param name="delivery">A delivery that has ended and whose outcome is taken.</param>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal void Return(InFlightDelivery delivery, int thread)
    {
        if (!delivery.TryReset())
        {
            return;
        }

        if (thread < _slots.Length && _slots[thread].Spare is null)
        {
            _slots[thread].Spare = delivery;
        }
        else if (Interlocked.Increment(ref _spareCount) <= MaxSpares)
        {
            _spares.Enqueue(delivery);
        }
        else
        {
            Interlocked.Decrement(ref _spareCount);
        }
    }

    /// <summary>Cancels every delivery under way, and every one that begins from now on.</summary>
    internal void CancelAll()
    {
        _cancelled = true;
        Interlocked.MemoryBarrierProcessWide();
        WeakReference<InFlightDelivery>[] all;
        lock (_all)
        {
            all = [.. _all];
        }

        foreach (WeakReference<InFlightDelivery> reference in all)
        {
            if (reference.TryGetTarget(out InFlightDelivery? delivery))
            {
                delivery.ShutDown();
            }
        }
    }

    private InFlightDelivery Create()
    {
        InFlightDelivery delivery = new(runner);
        lock (_all)
        {
            if (_all.Count >= _nextPruning)
            {
                _all.RemoveAll(static reference => !reference.TryGetTarget(out _));
                _nextPruning = Math.Max(MaxSpares, 2 * _all.Count);
            }

            _all.Add(new WeakReference<InFlightDelivery>(delivery));
        }

        return delivery;
    }

    /// <summary>Two cache lines, because processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Slot
    {
        [FieldOffset(64)]
        internal InFlightDelivery? Spare;
    }
}
