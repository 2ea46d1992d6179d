using Adcp.Aot.Resilience;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>A closed breaker's permit and success, and the one volatile read that it cannot do without.</summary>
internal sealed class BreakerCost
{
    private readonly CircuitBreaker _breaker = new();
    private long _word;

    internal void Loop(int times)
    {
        CircuitBreaker breaker = _breaker;
        for (int i = 0; i < times; i++)
        {
            breaker.RecordSuccess(breaker.TryAcquire());
        }
    }

    internal long VolatileReads(int times)
    {
        long sum = 0;
        Volatile.Write(ref _word, times);
        for (int i = 0; i < times; i++)
        {
            sum += Volatile.Read(ref _word);
        }

        return sum;
    }
}
