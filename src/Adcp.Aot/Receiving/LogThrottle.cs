namespace Adcp.Aot.Receiving;

/// <summary>
/// Lets a few log lines of each cause through per minute and counts the others, so that unauthenticated clients cannot
/// flood a log and one cause cannot hide another. Thread-safe.
/// </summary>
internal sealed class LogThrottle(int causes, TimeProvider time)
{
    internal const int LinesPerMinute = 5;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Window[] _windows = new Window[causes];

    /// <summary>Asks for a line.</summary>
    /// <param name="cause">The number of the cause, from 0.</param>
    /// <param name="skipped">The lines of this cause that were not let through since the last one that was.</param>
    /// <returns><c>true</c> if the line may be written at its full level.</returns>
    internal bool TryTake(int cause, out long skipped)
    {
        long now = time.GetTimestamp();
        lock (_lock)
        {
            ref Window window = ref _windows[cause];
            if (window.Lines == 0 || time.GetElapsedTime(window.Began, now) >= Interval)
            {
                window.Began = now;
                window.Lines = 0;
            }

            if (window.Lines == LinesPerMinute)
            {
                skipped = ++window.Skipped;
                return false;
            }

            window.Lines++;
            skipped = window.Skipped;
            window.Skipped = 0;
            return true;
        }
    }

    private struct Window
    {
        internal long Began;
        internal long Skipped;
        internal int Lines;
    }
}
