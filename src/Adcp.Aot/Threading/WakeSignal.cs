using System.Threading.Tasks.Sources;

namespace Adcp.Aot.Threading;

/// <summary>Wakes one sleeping reader, without allocation.</summary>
/// <remarks>
/// <para>
/// Writers must see a sleeper, or the sleeper must see their writes. Each side stores and then loads, which needs a
/// full fence on both. Every delivery would pay for the writers' fence, so the reader pays for both with
/// <see cref="Interlocked.MemoryBarrierProcessWide"/> before it sleeps.
/// </para>
/// <para>
/// If the reader slept whenever it had caught up, nearly every record would wake it, and waking costs a delivery ten
/// times the delivery itself. So a reader that found records pauses before it looks again. In a pause
/// <see cref="Wake"/> does nothing and <see cref="Hurry"/> still ends it.
/// </para>
/// </remarks>
internal sealed class WakeSignal : IValueTaskSource, IThreadPoolWorkItem
{
    private const int Awake = 0;
    private const int Asleep = 1;
    private const int Pausing = 2;

    private ManualResetValueTaskSourceCore<bool> _core;
    private int _reader;

    /// <summary>Writers: call after publishing (volatile read).</summary>
    internal void Wake()
    {
        if (Volatile.Read(ref _reader) == Asleep)
        {
            Hurry();
        }
    }

    /// <summary>Ends sleep and pause alike (full fence).</summary>
    internal void Hurry()
    {
        if (Interlocked.Exchange(ref _reader, Awake) != Awake)
        {
            // The signal queues itself: asking the source for asynchronous continuations would allocate a work item on the delivery's
            // thread at every wake-up.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>
    /// Reader: announces a pause (full fence). Look once more for urgent work, then call <see cref="SleepAsync"/> or
    /// <see cref="StayAwake"/>.
    /// </summary>
    internal void AnnouncePause()
    {
        _core.Reset();
        Interlocked.Exchange(ref _reader, Pausing);
    }

    /// <summary>
    /// Reader: announces sleep. Look once more for work, then call <see cref="SleepAsync"/> or <see cref="StayAwake"/>.
    /// </summary>
    internal void Announce()
    {
        _core.Reset();
        Volatile.Write(ref _reader, Asleep);
        Interlocked.MemoryBarrierProcessWide();
    }

    /// <summary>
    /// Reader: returns <c>true</c> if no writer has signalled yet and the announcement is withdrawn. If <c>false</c>,
    /// await <see cref="SleepAsync"/>, which is completed or about to be.
    /// </summary>
    internal bool StayAwake() => Interlocked.Exchange(ref _reader, Awake) != Awake;

    internal ValueTask SleepAsync() => new(this, _core.Version);

    void IThreadPoolWorkItem.Execute() => _core.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
