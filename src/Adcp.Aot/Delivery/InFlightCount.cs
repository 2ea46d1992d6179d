using System.Numerics;
using System.Runtime.InteropServices;

namespace Adcp.Aot.Delivery;

/// <summary>
/// How many deliveries have begun and not ended, counted so that threads do not contend.
/// </summary>
/// <remarks>
/// One counter, written twice by every delivery, would be the line that all threads fight for. So each thread counts in a stripe of its own, and begun and ended are
/// counted apart: both only ever rise, and whoever sums the ended before the begun can see too many in flight but never too few. Equal sums therefore mean that at the
/// moment the ended were summed nothing was in flight. Thread-safe and wait-free.
/// </remarks>
internal sealed class InFlightCount
{
    private readonly Stripe[] _stripes =
        new Stripe[BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount, 1, 32))];

    /// <summary>Begun and not ended; may be too high by what begins or ends meanwhile, never too low (volatile reads).</summary>
    internal long Value
    {
        get
        {
            long ended = 0;
            foreach (ref Stripe stripe in _stripes.AsSpan())
            {
                ended += Volatile.Read(ref stripe.Ended);
            }

            long begun = 0;
            foreach (ref Stripe stripe in _stripes.AsSpan())
            {
                begun += Volatile.Read(ref stripe.Begun);
            }

            return begun - ended;
        }
    }

    /// <summary>Counts one in (full fence).</summary>
    internal void Begin() => Interlocked.Increment(ref Mine().Begun);

    /// <summary>Counts one out (full fence), on whatever thread it ends.</summary>
    internal void End() => Interlocked.Increment(ref Mine().Ended);

    private ref Stripe Mine() => ref _stripes[Environment.CurrentManagedThreadId & (_stripes.Length - 1)];

    /// <summary>Two cache lines, since processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Stripe
    {
        [FieldOffset(0)]
        internal long Begun;

        [FieldOffset(8)]
        internal long Ended;
    }
}
