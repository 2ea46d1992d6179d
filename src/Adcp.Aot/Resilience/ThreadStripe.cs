namespace Adcp.Aot.Resilience;

/// <summary>
/// A number for each thread, from 1, dealt in turn and never dealt again, by which striped structures choose a thread's own line. Threads that start one after the other never share
/// a stripe while there are as many stripes as threads, which a thread id, dealt by the runtime to all its threads, does not give.
/// </summary>
internal static class ThreadStripe
{
    private static int Dealt;

    // Zero is "not dealt yet".
    [ThreadStatic]
    private static int Mine;

    internal static int Index => Mine != 0 ? Mine : Deal();

    /// <summary>How many stripes serve this machine: a power of two, at least twice its processors up to 32.</summary>
    internal static int Count { get; } = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(2 * Environment.ProcessorCount, 2, 32));

    private static int Deal()
    {
        // Four thousand million threads later the numbers stay large, where stripes are shared, and never come back to those that a thread has for itself.
        int number = Interlocked.Increment(ref Dealt);
        return Mine = number > 0 ? number : int.MaxValue;
    }
}
