using System.Runtime.CompilerServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>
/// A consecutive-failure circuit breaker in one 64-bit word.
/// </summary>
/// <remarks>
/// <para>
/// The whole state is one <see cref="long"/>, read with one volatile read and changed only by compare-exchange, so that every transition is
/// atomic and no reader sees half of one:
/// </para>
/// <code>
///  63        44 43        34 33 32 31                     0
/// | generation |   counts   | state |  milliseconds        |
///    20 bits      10 bits    2 bits   32 bits
/// counts: closed  = consecutive failures (10 bits)
///         half-open = successes (5 bits) above probes out (5 bits)
/// milliseconds: monotonic, since the breaker's origin, modulo 2^32 (49.7 days): opened at, or last probe admitted at
/// </code>
/// <para>
/// The generation rises with every change of state. A permit carries the generation under which it was issued and a result is believed only
/// while that generation stands, so a call that began before the circuit opened cannot re-open it after it has recovered. The one exception
/// is the seed's rule: a late success while open moves to half-open with one success counted. A closed circuit without failures is
/// only read on success, never written: threads on one healthy endpoint share the line without contending.
/// </para>
/// <para>
/// A half-open circuit admits a bounded number of probes. When all are out and none has been admitted for the open timeout, their leases
/// have lapsed: a new generation starts and the next caller probes, so a probe that never ends cannot hold the circuit.
/// </para>
/// <para>Thread-safe and lock-free. A mutable struct: keep it in a field, never copy it.</para>
/// </remarks>
internal struct CircuitWord
{
    private const int CountShift = 34;
    private const int StateShift = 32;
    private const int GenerationShift = 44;
    private const long CountMask = 0x3FFL << CountShift;
    private const int GenerationMask = 0xFFFFF;
    private const int ProbeBits = 5;
    private const int ProbeMask = (1 << ProbeBits) - 1;

    private long _word;

    internal readonly CircuitState State => StateOf(Volatile.Read(in _word));

    /// <summary>Consecutive failures while closed, else 0.</summary>
    internal readonly int Failures
    {
        get
        {
            long word = Volatile.Read(in _word);
            return StateOf(word) == CircuitState.Closed ? CountsOf(word) : 0;
        }
    }

    /// <summary>When the next attempt may pass, in the breaker's milliseconds; null while attempts pass or only a reset helps.</summary>
    internal readonly uint? NextProbeAt(CircuitBreakerPolicy policy)
    {
        long word = Volatile.Read(in _word);
        return StateOf(word) == CircuitState.Open ? (uint)word + Millis(policy) : null;
    }

    /// <summary>Whether asking now would be refused; changes nothing.</summary>
    internal readonly bool WouldRefuse(CircuitBreakerPolicy policy, uint now)
    {
        long word = Volatile.Read(in _word);
        return StateOf(word) switch
        {
            CircuitState.Closed => false,
            CircuitState.Isolated => true,
            CircuitState.HalfOpen when ProbesOf(word) < policy.EffectiveHalfOpenPermits => false,
            _ => !Elapsed(word, now, policy),
        };
    }

    /// <summary>Asks for a permit. A volatile read while closed; compare-exchange otherwise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal CircuitPermit TryAcquire(CircuitBreakerPolicy policy, MonotonicClock clock, out CircuitState from, out CircuitState to)
    {
        long word = Volatile.Read(ref _word);
        if ((word & (3L << StateShift)) == 0)
        {
            from = to = CircuitState.Closed;
            return new CircuitPermit(GenerationOf(word));
        }

        return AcquireSlow(policy, clock.Milliseconds(), out from, out to);
    }

    /// <summary>Reports a healthy answer. Read-only while closed without failures.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Succeed(CircuitPermit permit, CircuitBreakerPolicy policy, MonotonicClock clock, out CircuitState from, out CircuitState to)
    {
        long word = Volatile.Read(ref _word);
        if ((word & (CountMask | (3L << StateShift))) == 0)
        {
            from = to = CircuitState.Closed;
            return;
        }

        SucceedSlow(permit, policy, clock, out from, out to);
    }

    /// <summary>A permit of a closed circuit (volatile read); false where the circuit is anything else, and nothing has changed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly bool TryAcquireClosed(out CircuitPermit permit)
    {
        long word = Volatile.Read(in _word);
        permit = new CircuitPermit(GenerationOf(word));
        return (word & (3L << StateShift)) == 0;
    }

    internal readonly bool IsClosed => (Volatile.Read(in _word) & (3L << StateShift)) == 0;

    /// <summary>Whether a success would change nothing: closed, without failures (volatile read).</summary>
    internal readonly bool IsHealthy => (Volatile.Read(in _word) & (CountMask | (3L << StateShift))) == 0;

    /// <summary>Reports a failure that speaks about the endpoint's health.</summary>
    internal void Fail(CircuitPermit permit, CircuitBreakerPolicy policy, uint now, out CircuitState from, out CircuitState to)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            from = to = StateOf(word);
            if (GenerationOf(word) != permit.Generation)
            {
                return;
            }

            long next;
            if (from == CircuitState.Closed)
            {
                int failures = CountsOf(word) + 1;
                if (failures < policy.FailureThreshold)
                {
                    next = Pack(GenerationOf(word), failures, CircuitState.Closed, (uint)word);
                }
                else
                {
                    to = CircuitState.Open;
                    next = Pack(GenerationOf(word) + 1, 0, CircuitState.Open, now);
                }
            }
            else if (from == CircuitState.HalfOpen)
            {
                to = CircuitState.Open;
                next = Pack(GenerationOf(word) + 1, 0, CircuitState.Open, now);
            }
            else
            {
                return;
            }

            if (TrySwap(word, next))
            {
                return;
            }
        }
    }

    /// <summary>Gives a permit back unused: the attempt proved nothing.</summary>
    internal void Return(CircuitPermit permit)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            if (StateOf(word) != CircuitState.HalfOpen || GenerationOf(word) != permit.Generation || ProbesOf(word) == 0)
            {
                return;
            }

            if (TrySwap(word, Pack(GenerationOf(word), Probing(SuccessesOf(word), ProbesOf(word) - 1), CircuitState.HalfOpen, (uint)word)))
            {
                return;
            }
        }
    }

    /// <summary>Moves to <paramref name="to"/> from wherever it is; every permit out becomes stale.</summary>
    internal CircuitState Force(CircuitState to, uint now)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            if (TrySwap(word, Pack(GenerationOf(word) + 1, 0, to, now)))
            {
                return StateOf(word);
            }
        }
    }

    private CircuitPermit AcquireSlow(CircuitBreakerPolicy policy, uint now, out CircuitState from, out CircuitState to)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            int generation = GenerationOf(word);
            from = to = StateOf(word);
            long next;
            switch (from)
            {
                case CircuitState.Closed:
                    return new CircuitPermit(generation);

                case CircuitState.Open:
                    if (!Elapsed(word, now, policy))
                    {
                        return default;
                    }

                    to = CircuitState.HalfOpen;
                    generation++;
                    next = Pack(generation, Probing(successes: 0, probes: 1), CircuitState.HalfOpen, now);
                    break;

                case CircuitState.HalfOpen when ProbesOf(word) < policy.EffectiveHalfOpenPermits:
                    next = Pack(generation, Probing(SuccessesOf(word), ProbesOf(word) + 1), CircuitState.HalfOpen, now);
                    break;

                case CircuitState.HalfOpen when Elapsed(word, now, policy):
                    generation++;
                    next = Pack(generation, Probing(SuccessesOf(word), probes: 1), CircuitState.HalfOpen, now);
                    break;

                default:
                    return default;
            }

            if (TrySwap(word, next))
            {
                return new CircuitPermit(generation & GenerationMask);
            }
        }
    }

    private void SucceedSlow(CircuitPermit permit, CircuitBreakerPolicy policy, MonotonicClock clock, out CircuitState from, out CircuitState to)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            int generation = GenerationOf(word);
            from = to = StateOf(word);
            bool current = generation == permit.Generation;
            long next;
            if (from == CircuitState.Closed)
            {
                if (!current || CountsOf(word) == 0)
                {
                    return;
                }

                next = Pack(generation, 0, CircuitState.Closed, (uint)word);
            }
            else if (from == CircuitState.Open)
            {
                // The seed's rule: an answer that arrives while open shows life, so probing starts early with that answer counted.
                to = CircuitState.HalfOpen;
                next = Pack(generation + 1, Probing(successes: 1, probes: 0), CircuitState.HalfOpen, clock.Milliseconds());
            }
            else if (from == CircuitState.HalfOpen && current)
            {
                int successes = SuccessesOf(word) + 1;
                if (successes >= policy.SuccessThreshold)
                {
                    to = CircuitState.Closed;
                    next = Pack(generation + 1, 0, CircuitState.Closed, clock.Milliseconds());
                }
                else
                {
                    next = Pack(generation, Probing(successes, Math.Max(0, ProbesOf(word) - 1)), CircuitState.HalfOpen, (uint)word);
                }
            }
            else
            {
                return;
            }

            if (TrySwap(word, next))
            {
                return;
            }
        }
    }

    /// <summary>Full fence.</summary>
    private bool TrySwap(long expected, long next) => Interlocked.CompareExchange(ref _word, next, expected) == expected;

    private static bool Elapsed(long word, uint now, CircuitBreakerPolicy policy)
    {
        // Unsigned, so that a circuit nobody asked for weeks does not look young. A stamp a moment ahead of ours, set by another thread, is no age.
        uint age = unchecked(now - (uint)word);
        return age >= Millis(policy) && age < uint.MaxValue - 60_000;
    }

    private static uint Millis(CircuitBreakerPolicy policy) => policy.OpenMilliseconds;

    private static CircuitState StateOf(long word) => (CircuitState)((int)(word >> StateShift) & 3);

    private static int CountsOf(long word) => (int)((word & CountMask) >> CountShift);

    private static int SuccessesOf(long word) => CountsOf(word) >> ProbeBits;

    private static int ProbesOf(long word) => CountsOf(word) & ProbeMask;

    private static int Probing(int successes, int probes) => (successes << ProbeBits) | probes;

    private static int GenerationOf(long word) => (int)((ulong)word >> GenerationShift);

    private static long Pack(int generation, int counts, CircuitState state, uint millis) =>
        ((long)(generation & GenerationMask) << GenerationShift) | ((long)counts << CountShift) | ((long)state << StateShift) | millis;
}
