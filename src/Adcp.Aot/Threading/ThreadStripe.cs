namespace Adcp.Aot.Threading;

/// <summary>
/// A number for each living thread, from 1 and as small as possible. Striped structures use it to choose the thread's own line.
/// </summary>
/// <remarks>
/// <para>
/// The runtime never reuses its thread ids in order, so two live threads may share a stripe although others are free. These numbers
/// prevent that.
/// </para>
/// <para>
/// A number stays with its thread until the thread ends. <see cref="MaxNumbers"/> threads have their own. A thread that
/// finds all of them lent gets <see cref="Beyond"/> for its life. Such threads share a line and must synchronize on it.
/// </para>
/// </remarks>
internal static class ThreadStripe
{
    /// <summary>The number of threads that have their own number at the same time.</summary>
    internal const int MaxNumbers = 63;

    /// <summary>The number of every thread that has none of its own.</summary>
    internal const int Beyond = MaxNumbers + 1;

    private static readonly ThreadSlots Slots = new(MaxNumbers);

    // 0 until the thread has asked for its number.
    [ThreadStatic]
    private static int _mine;

    /// <summary>Gets this thread's number: 1 to <see cref="MaxNumbers"/>, or <see cref="Beyond"/>.</summary>
    internal static int Index => _mine != 0 ? _mine : Lend();

    private static int Lend() => _mine = Slots.Lend(Thread.CurrentThread);
}
