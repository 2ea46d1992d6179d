using System.Runtime.InteropServices;

namespace Adcp.Aot.Threading;

/// <summary>Counts the deliveries that have begun and not ended, at almost no cost to a delivery.</summary>
/// <remarks>
/// <para>
/// Begun and ended are counted apart. Both only ever rise. A reader that sums the ended before the begun can see too
/// many in flight but never too few. If the sums are equal, nothing was in flight at the moment when the ended were
/// summed.
/// </para>
/// <para>
/// Each of the first 63 living threads counts in its own cache line, which no other thread writes, so it needs no
/// interlocked operation; further threads share a line and do. A plain write may wait in a processor's store buffer
/// while its thread already reads on. The rare side pays for that: it announces itself and then calls
/// <see cref="Interlocked.MemoryBarrierProcessWide"/>. From then on it sees every write that a thread made before it
/// last looked at the announcement.
/// </para>
/// </remarks>
internal sealed class InFlightCount
{
    private const int Shared = 0;
    private const int Lines = ThreadStripe.MaxNumbers + 1;

    private readonly Line[] _lines = new Line[Lines];

    /// <summary>
    /// The number of begun and not ended deliveries. It may be too high by deliveries that begin or end meanwhile
    /// (volatile reads).
    /// </summary>
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

    /// <summary>Counts one out, on the thread on which it ends (ordered write).</summary>
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

    /// <summary>Two cache lines, because processors fetch them in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Line
    {
        [FieldOffset(0)]
        internal long Begun;

        [FieldOffset(8)]
        internal long Ended;
    }
}
