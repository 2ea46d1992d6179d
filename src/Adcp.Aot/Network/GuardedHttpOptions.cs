namespace Adcp.Aot.Network;

/// <summary>The times of a <see cref="GuardedHttp"/>.</summary>
/// <param name="ConnectTimeout">For name resolution and TCP together, over all addresses.</param>
/// <param name="TotalTimeout">For TLS too: the longest time that one request may take.</param>
/// <param name="ConnectionLifetime">After how long a pooled connection is replaced.</param>
/// <param name="TimeProvider">The clock of <paramref name="ConnectTimeout"/>.</param>
internal sealed record GuardedHttpOptions(
    TimeSpan ConnectTimeout, TimeSpan TotalTimeout, TimeSpan ConnectionLifetime, TimeProvider TimeProvider)
{
    /// <summary>
    /// After how long a silence an HTTP/2 connection with requests under way is pinged: half of a request's time, so
    /// that the answer shows within it. Never below 1 s.
    /// </summary>
    internal TimeSpan PingDelay => TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerSecond, TotalTimeout.Ticks / 2));
}
