using System.Collections.Concurrent;

namespace Adcp.Aot.Sending;

/// <summary>
/// The time limits of attempts under way. A source whose attempt ended in time is kept for another one; sources of a
/// <see cref="TimeProvider"/> that is not the system's cannot be reset and are made anew. Thread-safe.
/// </summary>
internal sealed class AttemptTimeouts(TimeSpan limit, TimeProvider time)
{
    private const int MaxSpares = 1024;

    private readonly ConcurrentQueue<CancellationTokenSource> _spares = new();

    /// <summary>A source that will be cancelled at the limit, for one attempt.</summary>
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
    /// Takes a source back. Nobody may hold its token any more, and nothing may be registered with it that is still
    /// to be told.
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
