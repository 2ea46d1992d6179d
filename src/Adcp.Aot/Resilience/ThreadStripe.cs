namespace Adcp.Aot.Resilience;

/// <summary>
/// A number for each living thread, from 1 and as small as can be, by which striped structures choose a thread's own line. Threads that start one after the other never share
/// a stripe while there are as many stripes as threads, which a thread id, dealt by the runtime to all its threads, does not give.
/// </summary>
internal static class ThreadStripe
{
    private static readonly Stack<int> Free = new();
    private static int _dealt;

    // Zero is "not dealt yet".
    [ThreadStatic]
    private static int _mine;

    [ThreadStatic]
    private static Loan? _loan;

    internal static int Index => _mine != 0 ? _mine : Deal();

    /// <summary>How many stripes serve this machine: a power of two, at least twice its processors up to 32.</summary>
    internal static int Count { get; } = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(2 * Environment.ProcessorCount, 2, 32));

    private static int Deal()
    {
        lock (Free)
        {
            _mine = Free.TryPop(out int freed) ? freed : ++_dealt;
        }

        _loan = new Loan(_mine);
        return _mine;
    }

    /// <summary>Reachable from its thread alone: when that has ended, the collector finds this, and the number goes to a thread to come.</summary>
    private sealed class Loan(int number)
    {
        ~Loan()
        {
            lock (Free)
            {
                Free.Push(number);
            }
        }
    }
}
