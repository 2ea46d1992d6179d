using System.Collections.Concurrent;

namespace Adcp.Aot.Sending;

/// <summary>
/// The timeouts of attempts under way. If an attempt ends in time, its source is kept for another one. Sources of a
/// user's <see cref="TimeProvider"/> cannot be reset and are created each time. Thread-safe.
/// </summary>
internal sealed class AttemptTimeouts(TimeSpan limit, TimeProvider time)
{
    private const int MaxSpares = 1024;

    private readonly ConcurrentQueue<CancellationTokenSource> _spares = new();

    /// <summary>Returns a source that is cancelled at the limit, for one attempt.</summary>
    internal CancellationTokenSource Start()
    {
        if (!_spares.TryDequeue(out CancellationTokenSource? attempt))
        {
            return new CancellationTokenSource(limit, time);
        }

        attempt.CancelAfter(limit);
        return attempt;
    }

    /// <summary>
    /// Takes a source back. The caller must not use its token any more, and no callback may be registered with it.
    /// </summary>
    internal void End(CancellationTokenSource attempt)
    {
        if (_spares.Count < MaxSpares && attempt.TryReset())
        {
            _spares.Enqueue(attempt);
        }
        else
        {
            attempt.Dispose();
        }
    }
}
