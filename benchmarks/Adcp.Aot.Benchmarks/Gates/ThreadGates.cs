using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// Two threads beside one. Two processors of a virtual machine are not always two cores, and how much of two they are changes by the second: what two threads that share nothing gain is measured in
/// each round, and a gain is given as the part of it that it is, where it is less than twice. Ratios are medians of each round's own, figures medians over rounds.
/// </summary>
internal static class ThreadGates
{
    private const int Rounds = 200;
    private const int Permits = 1_000_000;
    private const int Deliveries = 4_000;
    private const int Draws = 200_000;

    internal static IEnumerable<Gate> Run()
    {
        Ours ours = new();
        BreakerCost breaker = new();
        BreakerCost another = new();
        SequenceAllocator allocator = new();
        SequenceStream shared = allocator.GetStream("shared");
        SequenceStream[] own = [allocator.GetStream("a"), allocator.GetStream("b")];
        Cell cell = new();
        using Crew one = new(1);
        using Crew two = new(2);
        Threaded permitOne = new(one, Permits, breaker.Loop);
        Threaded permitTwo = new(two, Permits, breaker.Loop, breaker.Loop);
        Threaded apartTwo = new(two, Permits, breaker.Loop, another.Loop);
        Threaded wholeOne = new(one, Deliveries, Whole);
        Threaded wholeTwo = new(two, Deliveries, Whole, Whole);
        Threaded cellTwo = new(two, Draws, cell.Increment, cell.Increment);
        Threaded streamTwo = new(two, Draws, times => Draw(shared, times), times => Draw(shared, times));
        Threaded ownOne = new(one, Draws, times => Draw(own[0], times));
        Threaded ownTwo = new(two, Draws, times => Draw(own[0], times), times => Draw(own[1], times));
        Threaded[] all = [permitOne, permitTwo, apartTwo, wholeOne, wholeTwo, cellTwo, streamTwo, ownOne, ownTwo];
        for (int i = -20; i < Rounds; i++)
        {
            foreach (Threaded candidate in all)
            {
                ours.Flush();
                candidate.Measure(keep: i >= 0);
            }
        }

        ours.DisposeAsync().AsTask().Wait();
        double[] most = [.. permitOne.Over(apartTwo).Select(static gain => Math.Min(2, gain))];
        return
        [
            Gained("two threads that share nothing (permit + success, a breaker each) / one thread", permitOne, apartTwo, Measurement.Median(permitOne.Over(apartTwo)), null),
            OfTwice("permit + success, two threads on one endpoint / one thread, of twice", permitOne, permitTwo, 1.9),
            OfTwice("whole happy path with record, two threads on one endpoint / one thread, of twice", wholeOne, wholeTwo, 1.5),
            new(
                "two threads on one stream / two threads on one Interlocked.Increment cell", "ns", streamTwo.Nanoseconds, cellTwo.Nanoseconds,
                Measurement.Median(streamTwo.Over(cellTwo)), AtLeast: false, 1.3),
            OfTwice("two threads on a stream each / one thread, of twice", ownOne, ownTwo, 1.8),
        ];

        Gate OfTwice(string what, Threaded one, Threaded two, double bound) =>
            Gained(what, one, two, Measurement.Median(one.Over(two).Zip(most, static (gain, most) => 2 * gain / most)), bound);

        void Whole(int times)
        {
            for (int i = 0; i < times; i++)
            {
                ours.Unnumbered();
            }
        }
    }

    private static void Draw(SequenceStream stream, int times)
    {
        for (int i = 0; i < times; i++)
        {
            stream.Next();
        }
    }

    private static Gate Gained(string what, Threaded one, Threaded two, double ratio, double? bound) =>
        new(what, "ns", two.Nanoseconds, one.Nanoseconds, ratio, AtLeast: true, bound);

    private sealed class Threaded(Crew crew, int operations, params Action<int>[] loops)
    {
        private readonly List<double> _measured = [];

        internal double Nanoseconds => Measurement.Median(_measured);

        /// <summary>How many times another's time this one's is, round by round.</summary>
        internal IEnumerable<double> Over(Threaded other) => _measured.Zip(other._measured, static (mine, its) => mine / its);

        internal void Measure(bool keep)
        {
            double nanoseconds = crew.Measure(loops, operations);
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
