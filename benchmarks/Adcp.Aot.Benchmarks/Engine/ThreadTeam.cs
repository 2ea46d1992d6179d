using System.Diagnostics;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>Threads that live as long as the measurement and start each loop together.</summary>
internal sealed class ThreadTeam : IDisposable
{
    private readonly Barrier _together;
    private readonly Thread[] _threads;
    private readonly long[] _starts;
    private readonly long[] _ends;
    private Action<int>[]? _loops;
    private int _times;

    internal ThreadTeam(int threads)
    {
        _together = new Barrier(threads + 1);
        _starts = new long[threads];
        _ends = new long[threads];
        _threads = [.. Enumerable.Range(0, threads).Select(worker => new Thread(() => Work(worker)) { IsBackground = true })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>
    /// Returns the nanoseconds of wall time for one operation of any of the threads, from the first one's start to the
    /// last one's end. Each thread runs one loop.
    /// </summary>
    internal double Measure(Action<int>[] loops, int times)
    {
        _loops = loops;
        _times = times;
        _together.SignalAndWait();
        _together.SignalAndWait();
        return Stopwatch.GetElapsedTime(_starts.Min(), _ends.Max()).TotalNanoseconds / ((double)times * _threads.Length);
    }

    public void Dispose()
    {
        _loops = null;
        _together.SignalAndWait();
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _together.Dispose();
    }

    private void Work(int worker)
    {
        while (true)
        {
            _together.SignalAndWait();
            if (_loops is not { } loops)
            {
                return;
            }

            // The first hundredth brings the threads together again: a barrier lets one go some microseconds before the other.
            loops[worker](_times / 100);
            _starts[worker] = Stopwatch.GetTimestamp();
            loops[worker](_times);
            _ends[worker] = Stopwatch.GetTimestamp();
            _together.SignalAndWait();
        }
    }
}
