using Adcp.Aot.Sequencing;

namespace Adcp.Aot.Benchmarks.Gates;

/// <summary>
/// Two threads beside one. Both cores are needed at once, which a shared machine gives now and then: the best twentieth of many short slices is compared, for either side. Nor are two
/// processors of a virtual machine always two cores: what two threads that share nothing gain is measured beside it, and where that is less than twice, a gain is
/// given as the part of it that it is. For the same reason the best of several processes is compared, for either side.
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
        return
        [
            Scaled("two threads that share nothing (permit + success, a breaker each) / one thread", permitOne, apartTwo, null),
            Scaled("permit + success, two threads on one endpoint / one thread, of twice", permitOne, permitTwo, 1.9),
            Scaled("whole happy path with record, two threads on one endpoint / one thread, of twice", wholeOne, wholeTwo, 1.5),
            new("two threads on one stream / two threads on one Interlocked.Increment cell", "ns", streamTwo.Best, cellTwo.Best, streamTwo.Best / cellTwo.Best, AtLeast: false, 1.3),
            Scaled("two threads on a stream each / one thread, of twice", ownOne, ownTwo, 1.8),
        ];

        void Whole(int times)
        {
            for (int i = 0; i < times; i++)
            {
                ours.Unnumbered();
            }
        }
    }

    /// <summary>The best of either side over all processes. The first line says what two threads gain now; as much is twice.</summary>
    internal static IEnumerable<Gate> Merge(Gate[][] runs)
    {
        Gate[] best =
        [
            .. Enumerable.Range(0, runs[0].Length).Select(gate =>
            {
                Gate pooled = runs[0][gate] with { Ours = runs.Min(run => run[gate].Ours), Other = runs.Min(run => run[gate].Other) };
                return pooled with { Ratio = pooled.AtLeast ? pooled.Other / pooled.Ours : pooled.Ours / pooled.Other };
            }),
        ];
        double most = Math.Min(2, best[0].Ratio);
        return best.Select((gate, i) => i > 0 && gate.AtLeast ? gate with { Ratio = gate.Ratio * 2 / most } : gate);
    }

    private static void Draw(SequenceStream stream, int times)
    {
        for (int i = 0; i < times; i++)
        {
            stream.Next();
        }
    }

    private static Gate Scaled(string what, Threaded one, Threaded two, double? bound) =>
        new(what, "ns", two.Best, one.Best, one.Best / two.Best, AtLeast: true, bound);

    private sealed class Threaded(Crew crew, int operations, params Action<int>[] loops)
    {
        private readonly List<double> _measured = [];

        internal double Best => Measurement.Quantile(_measured, 0.05);

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
