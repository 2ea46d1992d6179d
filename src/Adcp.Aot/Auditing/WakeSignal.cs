using System.Threading.Tasks.Sources;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Wakes one sleeping reader, without allocation.
/// </summary>
/// <remarks>
/// Writers must see a sleeper, or the sleeper must see what they wrote. Each side stores and then loads, which needs a full fence on both. The writers' fence
/// would be paid by every delivery, so the reader pays for both with <see cref="Interlocked.MemoryBarrierProcessWide"/> before it sleeps.
/// </remarks>
internal sealed class WakeSignal : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _sleeping;

    /// <summary>Writers: call after publishing (volatile read).</summary>
    internal void Wake()
    {
        if (Volatile.Read(ref _sleeping) == 1 && Interlocked.Exchange(ref _sleeping, 0) == 1)
        {
            _core.SetResult(true);
        }
    }

    /// <summary>Reader: announces sleep. Look once more for work, then <see cref="SleepAsync"/> or <see cref="StayAwake"/>.</summary>
    internal void Announce()
    {
        _core.Reset();
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrierProcessWide();
    }

    /// <summary>Reader: true where nobody has signalled yet and the announcement is withdrawn; false: await <see cref="SleepAsync"/>, which is done.</summary>
    internal bool StayAwake() => Interlocked.Exchange(ref _sleeping, 0) == 1;

    internal ValueTask SleepAsync() => new(this, _core.Version);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
