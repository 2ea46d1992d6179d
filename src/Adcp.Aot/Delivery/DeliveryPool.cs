using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>The deliveries under way and those that may be used again. Thread-safe.</summary>
/// <remarks>
/// Each thread keeps one spare in a slot that no other thread touches; further spares are in a bounded queue. All instances are in a list, which changes only if one is made or
/// dropped, so that <see cref="CancelAll"/> reaches every delivery under way. A delivery that begins meanwhile is not missed: it announces itself and then looks for the
/// cancellation, while the cancelling thread announces the cancellation, issues a process-wide barrier, and then looks for deliveries.
/// </remarks>
internal sealed class DeliveryPool(AttemptRunner runner)
{
    private const int MaxSpares = 1024;

    private readonly Slot[] _slots = new Slot[ThreadStripe.MaxNumbers + 1];
    private readonly ConcurrentQueue<InFlightDelivery> _spares = new();
    private readonly Lock _listLock = new();
    private InFlightDelivery? _first;
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

    /// <param name="delivery">A delivery that nothing refers to any more.</param>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal void Return(InFlightDelivery delivery, int thread)
    {
        if (!delivery.End())
        {
            Drop(delivery);
        }
        else if (thread < _slots.Length && _slots[thread].Spare is null)
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
            Drop(delivery);
        }
    }

    /// <summary>Cancels every delivery under way, and every one that begins from now on.</summary>
    internal void CancelAll()
    {
        _cancelled = true;
        Interlocked.MemoryBarrierProcessWide();
        List<InFlightDelivery> all = [];
        lock (_listLock)
        {
            for (InFlightDelivery? delivery = _first; delivery is not null; delivery = delivery.Next)
            {
                all.Add(delivery);
            }
        }

        foreach (InFlightDelivery delivery in all)
        {
            delivery.ShutDown();
        }
    }

    private InFlightDelivery Create()
    {
        InFlightDelivery delivery = new(runner);
        lock (_listLock)
        {
            delivery.Next = _first;
            _first?.Previous = delivery;
            _first = delivery;
        }

        return delivery;
    }

    private void Drop(InFlightDelivery delivery)
    {
        lock (_listLock)
        {
            delivery.Previous?.Next = delivery.Next;
            delivery.Next?.Previous = delivery.Previous;
            if (ReferenceEquals(_first, delivery))
            {
                _first = delivery.Next;
            }

            delivery.Next = delivery.Previous = null;
        }
    }

    /// <summary>Two cache lines, since processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Slot
    {
        [FieldOffset(64)]
        internal InFlightDelivery? Spare;
    }
}
