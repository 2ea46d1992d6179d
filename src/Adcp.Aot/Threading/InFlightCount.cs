using System.Runtime.InteropServices;

namespace Adcp.Aot.Threading;

/// <summary>
/// How many deliveries have begun and not ended, counted so that a delivery pays next to nothing for it.
/// </summary>
/// <remarks>
/// <para>
/// Begun and ended are counted apart: both only ever rise, and whoever sums the ended before the begun can see too many in flight but
/// never too few. Equal sums therefore mean that at the moment the ended were summed nothing was in flight.
/// </para>
/// <para>
/// Each of the first 63 threads alive counts in a line of its own, which nobody else writes, so it needs no interlocked operation;
/// further ones share a line and do. A plain write may sit in a processor's store buffer while its thread already reads on. The rare side
/// pays for that: it calls <see cref="Interlocked.MemoryBarrierProcessWide"/> after it has announced itself, and from then on sees what
/// every thread wrote before it last looked at the announcement.
/// </para>
/// </remarks>
internal sealed class InFlightCount
{
    private const int Shared = 0;
    private const int Lines = ThreadStripe.MaxNumbers + 1;

    private readonly Line[] _lines = new Line[Lines];

    /// <summary>Begun and not ended; may be too high by what begins or ends meanwhile (volatile reads).</summary>
    internal long Value
    {
        get
        {
            long ended = 0;
            foreach (ref Line line in _lines.AsSpan())
            {
                ended += Volatile.Read(ref line.Ended);
            }

            long begun = 0;
            foreach (ref Line line in _lines.AsSpan())
            {
                begun += Volatile.Read(ref line.Begun);
            }

            return begun - ended;
        }
    }

    /// <summary>Counts one in (ordered write).</summary>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    internal void Begin(int thread)
    {
        if (thread < Lines)
        {
            ref long begun = ref _lines[thread].Begun;
            Volatile.Write(ref begun, begun + 1);
        }
        else
        {
            Interlocked.Increment(ref _lines[Shared].Begun);
        }
    }

    /// <summary>Counts one out, on whatever thread it ends (ordered write).</summary>
    /// <param name="thread">That thread's <see cref="ThreadStripe.Index"/>.</param>
    internal void End(int thread)
    {
        if (thread < Lines)
        {
            ref long ended = ref _lines[thread].Ended;
            Volatile.Write(ref ended, ended + 1);
        }
        else
        {
            Interlocked.Increment(ref _lines[Shared].Ended);
        }
    }

    /// <summary>Two cache lines, since processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Line
    {
        [FieldOffset(0)]
        internal long Begun;

        [FieldOffset(8)]
        internal long Ended;
    }
}
