using System.Runtime.CompilerServices;
using Adcp.Aot.Network;
using Adcp.Aot.Resilience;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Gives the attempts of endpoints with a rate limit their turns, by the generic cell rate algorithm: a number for each endpoint, the
/// time at which its next attempt would be due without a burst. Thread-safe.
/// </summary>
internal sealed class RateGates(IReadOnlyList<EndpointRateLimit> limits, TimeProvider time)
{
    /// <summary>
    /// Beside the endpoints, so that those without a limit pay no memory, and freed with them. A present row without a limit has
    /// <see cref="None"/>.
    /// </summary>
    private readonly ConditionalWeakTable<Endpoint, Gate> _gates = [];

    private static Gate None { get; } = new(0, 0);

    /// <summary>Takes the next turn of an endpoint.</summary>
    /// <returns>The timestamp of the turn; 0 if it is now.</returns>
    internal long Take(Endpoint endpoint, TargetUri target)
    {
        if (!_gates.TryGetValue(endpoint, out Gate? gate))
        {
            gate = _gates.GetOrAdd(endpoint, GateOf(target));
        }

        return ReferenceEquals(gate, None) ? 0 : gate.Take(time.GetTimestamp());
    }

    /// <summary>Lets an endpoint that the table had forgotten keep its turns.</summary>
    internal void Move(Endpoint old, Endpoint renewed)
    {
        if (_gates.TryGetValue(old, out Gate? gate))
        {
            _gates.TryAdd(renewed, gate);
        }
    }

    private Gate GateOf(TargetUri target)
    {
        foreach (EndpointRateLimit limit in limits)
        {
            if (limit.Matches(target))
            {
                double interval = limit.Period.TotalSeconds * time.TimestampFrequency / limit.MaxAttempts;
                return new Gate(Math.Max(1, (long)interval), (long)(interval * (limit.Burst - 1)));
            }
        }

        return None;
    }

    private sealed class Gate(long interval, long tolerance)
    {
        private long _next = long.MinValue;

        internal long Take(long now)
        {
            while (true)
            {
                long next = Volatile.Read(ref _next);
                long due = Math.Max(next, now);
                if (Interlocked.CompareExchange(ref _next, due + interval, next) == next)
                {
                    return due - tolerance > now ? due - tolerance : 0;
                }
            }
        }
    }
}
