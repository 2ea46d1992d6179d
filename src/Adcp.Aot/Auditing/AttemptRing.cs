using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Adcp.Aot.Resilience;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.Auditing;

/// <summary>
/// A bounded queue of audit records, many producers, one consumer.
/// </summary>
/// <remarks>
/// <para>
/// Vyukov's bounded queue: each slot has a turn number. A producer that finds the turn equal to the tail claims the slot with one
/// compare-exchange, fills the record that lives in it, and publishes by moving the turn on (release). The consumer takes slots whose turn says
/// "filled" (acquire) and gives them back one lap later. Records stay in their slots, so a delivery neither rents nor returns anything, and fills its record in place.
/// </para>
/// <para>
/// Every delivery writes the tail, and one written line is what stops threads from scaling. So there are several stripes, and a thread keeps to
/// its own while that has room. The price is that records of different threads have no order among each other.
/// </para>
/// </remarks>
internal sealed class AttemptRing
{
    /// <summary>A turn that no slot ever has, and later than all of them: to a producer a closed stripe is a full one.</summary>
    private const long ClosedTail = long.MaxValue / 2;

    private readonly Stripe[] _stripes;
    private readonly ObjectPool<DeliveryAttempt> _pool;
    private readonly int _mask;
    private int _next;

    internal AttemptRing(int capacity, ObjectPool<DeliveryAttempt> pool)
    {
        int stripes = ThreadStripe.Count;
        while (stripes > 1 && capacity / stripes < 64)
        {
            stripes /= 2;
        }

        // Rounded down, so that the bound the caller set is never exceeded.
        int slots = 1 << BitOperations.Log2((uint)Math.Max(1, capacity / stripes));
        _pool = pool;
        _mask = slots - 1;
        _stripes = new Stripe[stripes];
        for (int i = 0; i < stripes; i++)
        {
            _stripes[i] = new Stripe(slots);
        }
    }

    internal long Dropped
    {
        get
        {
            long sum = 0;
            foreach (Stripe stripe in _stripes)
            {
                sum += Volatile.Read(ref stripe.Dropped);
            }

            return sum;
        }
    }

    /// <summary>True where a record is filled and not yet taken (volatile reads).</summary>
    internal bool HasItems
    {
        get
        {
            foreach (Stripe stripe in _stripes)
            {
                if (Volatile.Read(ref stripe.Slots[(int)stripe.Head & _mask].Turn) == stripe.Head + 1)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>
    /// Claims a slot; its record is the caller's to fill until <see cref="Publish"/>, which must follow without anything between that could throw: the reader waits for it.
    /// Null where the ring is full or closed, which is counted.
    /// </summary>
    internal DeliveryAttempt? TryClaim(out Claim claim)
    {
        int own = ThreadStripe.Index;
        for (int i = 0; i < _stripes.Length; i++)
        {
            // A thread that outruns its own stripe spills into the others, so that one busy thread has the whole queue.
            if (TryClaim(_stripes[(own + i) & (_stripes.Length - 1)], out claim) is { } record)
            {
                return record;
            }
        }

        Interlocked.Increment(ref _stripes[own & (_stripes.Length - 1)].Dropped);
        claim = default;
        return null;
    }

    private DeliveryAttempt? TryClaim(Stripe stripe, out Claim claim)
    {
        long tail = Volatile.Read(ref stripe.Tail);
        while (true)
        {
            ref Slot slot = ref stripe.Slots[(int)tail & _mask];
            long turn = Volatile.Read(ref slot.Turn);
            if (turn == tail)
            {
                long seen = Interlocked.CompareExchange(ref stripe.Tail, tail + 1, tail);
                if (seen == tail)
                {
                    claim = new Claim(stripe, tail);
                    return slot.Record ??= _pool.Get();
                }

                tail = seen;
            }
            else if (turn < tail)
            {
                claim = default;
                return null;
            }
            else
            {
                tail = Volatile.Read(ref stripe.Tail);
            }
        }
    }

    /// <summary>Hands a filled slot to the consumer (release).</summary>
    /// <returns>True where the stripe is at least half full, seen at every eighth of a lap only: the reader should not pause any longer.</returns>
    internal bool Publish(in Claim claim)
    {
        Slot[] slots = claim.Stripe.Slots;
        Volatile.Write(ref slots[(int)claim.Turn & _mask].Turn, claim.Turn + 1);
        if ((claim.Turn & (_mask >> 3)) != 0)
        {
            return false;
        }

        // Half a lap ahead, a slot that still has an earlier turn has not been given back yet.
        long ahead = claim.Turn + ((_mask + 1) >> 1);
        return Volatile.Read(ref slots[(int)ahead & _mask].Turn) < ahead;
    }

    /// <summary>Consumer only: closes the ring to producers. What was claimed before is still to be taken; see <see cref="IsDrained"/>.</summary>
    internal void Close()
    {
        foreach (Stripe stripe in _stripes)
        {
            long tail = Interlocked.Exchange(ref stripe.Tail, ClosedTail);
            stripe.End = tail == ClosedTail ? stripe.End : tail;
        }
    }

    /// <summary>Consumer only, after <see cref="Close"/>: true where everything ever claimed has been taken.</summary>
    internal bool IsDrained => Array.TrueForAll(_stripes, static stripe => stripe.Head == stripe.End);

    /// <summary>Consumer only: takes what one stripe holds, up to the batch's length. Empty where no stripe holds anything.</summary>
    internal Taken Take(Span<DeliveryAttempt> batch)
    {
        for (int i = 0; i < _stripes.Length; i++)
        {
            Stripe stripe = _stripes[_next++ & (_stripes.Length - 1)];
            int count = 0;
            while (count < batch.Length)
            {
                ref Slot slot = ref stripe.Slots[(int)(stripe.Head + count) & _mask];
                if (Volatile.Read(ref slot.Turn) != stripe.Head + count + 1)
                {
                    break;
                }

                batch[count++] = slot.Record!;
            }

            if (count > 0)
            {
                return new Taken(stripe, count);
            }
        }

        return default;
    }

    /// <summary>Consumer only: gives taken slots back to producers.</summary>
    /// <param name="taken">What <see cref="Take"/> gave.</param>
    /// <param name="keepRecords">False where the records stay with a late sink: the slots get others.</param>
    internal void Release(in Taken taken, bool keepRecords)
    {
        Stripe stripe = taken.Stripe!;
        for (int i = 0; i < taken.Count; i++)
        {
            ref Slot slot = ref stripe.Slots[(int)stripe.Head & _mask];
            if (keepRecords)
            {
                slot.Record!.Clear();
            }
            else
            {
                slot.Record = null;
            }

            long turn = stripe.Head + _mask + 1;
            stripe.Head++;
            Volatile.Write(ref slot.Turn, turn);
        }
    }

    /// <summary>What one take holds.</summary>
    internal readonly record struct Taken(Stripe? Stripe, int Count);

    /// <summary>A slot that a producer fills.</summary>
    internal readonly record struct Claim(Stripe Stripe, long Turn);

    internal struct Slot
    {
        internal long Turn;
        internal DeliveryAttempt? Record;
    }

    /// <summary>Head and tail in cache lines of their own.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal sealed class Stripe
    {
        internal readonly Slot[] Slots;
        internal Line BeforeTail;
        internal long Tail;
        internal Line BeforeHead;
        internal long Head;
        internal long Dropped;
        internal long End;

        internal Stripe(int slots)
        {
            Slots = new Slot[slots];
            for (int i = 0; i < slots; i++)
            {
                Slots[i].Turn = i;
            }
        }

        [InlineArray(7)]
        internal struct Line
        {
            private long _padding;
        }
    }
}
