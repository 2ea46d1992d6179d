using Adcp.Aot.Benchmarks.Engine;
using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>Two threads beside one.</summary>
/// <remarks>
/// Two processors of a virtual machine are not always two cores, and their share of two cores changes by the second. Each
/// round measures how much two threads gain that share nothing. Every other gain of the round is divided by that one, if
/// it is less than twice. Ratios are medians of each round's own ratio, figures medians over rounds.
/// </remarks>
internal static class ThreadGates
{
    private const int Rounds = 200;
    private const int Permits = 1_000_000;
    private const int Deliveries = 4_000;
    private const int Draws = 200_000;

    internal static IEnumerable<Gate> Run()
    {
        AdcpSide adcp = new();
        BreakerCost breaker = new();
        BreakerCost another = new();
        SequenceAllocator allocator = new();
        SequenceStream shared = allocator.GetStream("shared");
        SequenceStream[] own = [allocator.GetStream("a"), allocator.GetStream("b")];
        Cell cell = new();
        using ThreadTeam one = new(1);
        using ThreadTeam two = new(2);
        Candidate permitOne = new(one, Permits, breaker.Loop);
        Candidate permitTwo = new(two, Permits, breaker.Loop, breaker.Loop);
        Candidate apartTwo = new(two, Permits, breaker.Loop, another.Loop);
        Candidate wholeOne = new(one, Deliveries, adcp.DeliverUnnumbered);
        Candidate wholeTwo = new(two, Deliveries, adcp.DeliverUnnumbered, adcp.DeliverUnnumbered);
        Candidate cellTwo = new(two, Draws, cell.Increment, cell.Increment);
        Candidate streamTwo = new(two, Draws, times => Draw(shared, times), times => Draw(shared, times));
        Candidate ownOne = new(one, Draws, times => Draw(own[0], times));
        Candidate ownTwo = new(two, Draws, times => Draw(own[0], times), times => Draw(own[1], times));
        Candidate[] all = [permitOne, permitTwo, apartTwo, wholeOne, wholeTwo, cellTwo, streamTwo, ownOne, ownTwo];
        for (int i = -20; i < Rounds; i++)
        {
            foreach (Candidate candidate in all)
            {
                adcp.Flush();
                candidate.Measure(keep: i >= 0);
            }
        }

        adcp.DisposeAsync().AsTask().Wait();
        double[] most = [.. permitOne.Over(apartTwo).Select(static gain => Math.Min(2, gain))];
        return
        [
            Gained("two threads that share nothing (permit + success, a breaker each) / one thread", permitOne, apartTwo,
                Measurement.Median(permitOne.Over(apartTwo)), null),
            OfTwice("permit + success, two threads on one endpoint / one thread, of twice", permitOne, permitTwo, 1.9),
            OfTwice("sender waits, token, record, two threads on one endpoint / one thread, of twice", wholeOne, wholeTwo, null),
            new(
                "two threads on one stream / two threads on one Interlocked.Increment cell", "ns", streamTwo.Nanoseconds,
                cellTwo.Nanoseconds,
                Measurement.Median(streamTwo.Over(cellTwo)), AtLeast: false, 1.3),
            OfTwice("two threads on a stream each / one thread, of twice", ownOne, ownTwo, 1.8),
        ];

        Gate OfTwice(string what, Candidate one, Candidate two, double? bound) =>
            Gained(what, one, two, Measurement.Median(one.Over(two).Zip(most, static (gain, most) => 2 * gain / most)), bound);
    }

    private static void Draw(SequenceStream stream, int times)
    {
        for (int i = 0; i < times; i++)
        {
            stream.Next();
        }
    }

    private static Gate Gained(string what, Candidate one, Candidate two, double ratio, double? bound) =>
        new(what, "ns", two.Nanoseconds, one.Nanoseconds, ratio, AtLeast: true, bound);

    private sealed class Candidate(ThreadTeam team, int operations, params Action<int>[] loops)
    {
        private readonly List<double> _measured = [];

        internal double Nanoseconds => Measurement.Median(_measured);

        /// <summary>Returns the ratio of this one's time to another's, round by round.</summary>
        internal IEnumerable<double> Over(Candidate other) => _measured.Zip(other._measured, static (mine, its) => mine / its);

        internal void Measure(bool keep)
        {
            double nanoseconds = team.Measure(loops, operations);
            if (keep)
            {
                _measured.Add(nanoseconds);
            }
        }
    }

    /// <summary>The cell that a shared stream cannot do without, in a line of its own.</summary>
    private sealed class Cell
    {
        private readonly long[] _line = new long[32];

        internal void Increment(int times)
        {
            ref long value = ref _line[16];
            for (int i = 0; i < times; i++)
            {
                Interlocked.Increment(ref value);
            }
        }
    }
}
