using System.Runtime.CompilerServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>A consecutive-failure circuit breaker in one 64-bit word.</summary>
/// <remarks>
/// <para>
/// The whole state is one <see cref="long"/>. It is read with one volatile read and changed only by compare-exchange, so every
/// transition is atomic and no reader sees half
/// of one:
/// </para>
/// <code>
///  63        48 47        38 37 36 35                     0
/// | generation |   counts   | state |  milliseconds        |
///    16 bits      10 bits    2 bits   36 bits
/// counts: closed  = consecutive failures (10 bits)
///         half-open = successes (5 bits) above probes out (5 bits)
/// milliseconds: monotonic, since the breaker's origin, modulo 2^36 (795 days): opened at, or last probe admitted at
/// </code>
/// <para>
/// The generation rises with every change of state. A permit carries the generation under which it was issued, and a result
/// counts only while that generation stands. A call
/// that began before the circuit opened therefore cannot re-open it after it has recovered. There is one exception: a late
/// success while the circuit is open moves it to
/// half-open with one success counted. A closed circuit without failures is only read on success, never written, so threads on
/// one healthy endpoint share its cache line.
/// </para>
/// <para>
/// A half-open circuit admits a bounded number of probes. If all are out and none has been admitted for the open
/// timeout, their leases have expired: a new generation starts and the next caller probes. So a probe that never ends
/// cannot hold the circuit.
/// </para>
/// <para>
/// Two limits follow from the widths. If no caller asks a circuit for 795 days, it looks younger than it is and refuses
/// for one more open timeout. If a permit is out while the state changes exactly 65,536 times (more than nine hours at
/// an open timeout of 1 s), it counts as a current one.
/// </para>
/// <para>Thread-safe and lock-free. A mutable struct: keep it in a field, never copy it.</para>
/// </remarks>
internal struct CircuitWord
{
    private const int StateShift = 36;
    private const int CountShift = 38;
    private const int GenerationShift = 48;
    private const long CountMask = 0x3FFL << CountShift;
    private const long TimeMask = (1L << StateShift) - 1;
    private const int GenerationMask = 0xFFFF;
    private const int ProbeBits = 5;
    private const int ProbeMask = (1 << ProbeBits) - 1;

    private long _word;

    internal readonly CircuitState State => StateOf(Volatile.Read(in _word));

    /// <summary>Gets the number of consecutive failures if closed, otherwise 0.</summary>
    internal readonly int Failures => Read().Failures;

    internal readonly bool IsClosed => (Volatile.Read(in _word) & (3L << StateShift)) == 0;

    /// <summary>Gets whether a success would change nothing: closed, without failures (volatile read).</summary>
    internal readonly bool IsHealthy => (Volatile.Read(in _word) & (CountMask | (3L << StateShift))) == 0;

    /// <summary>Gets whether the circuit is as it was created: it never changed its state or counted a failure (volatile read).</summary>
    internal readonly bool IsUnused => Volatile.Read(in _word) == 0;

    /// <summary>Returns state and failures of one moment (one volatile read).</summary>
    internal readonly CircuitReading Read() => new(Volatile.Read(in _word));

    /// <summary>Returns whether <see cref="TryAcquire"/> would be refused now. Read-only.</summary>
    internal readonly bool WouldRefuse(CircuitBreakerPolicy policy, long now)
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

    /// <summary>Asks for a permit. One volatile read if closed, otherwise a compare-exchange.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal CircuitPermit TryAcquire(CircuitBreakerPolicy policy, MonotonicClock clock, out CircuitChange change)
    {
        if (TryAcquireClosed(out CircuitPermit permit))
        {
            change = default;
            return permit;
        }

        return AcquireSlow(policy, clock.Milliseconds(), out change);
    }

    /// <summary>Returns <c>true</c> and a permit if the circuit is closed (volatile read). Read-only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly bool TryAcquireClosed(out CircuitPermit permit)
    {
        long word = Volatile.Read(in _word);
        permit = new CircuitPermit(GenerationOf(word));
        return (word & (3L << StateShift)) == 0;
    }

    /// <summary>Reports a healthy answer. Read-only if closed without failures.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal CircuitChange Succeed(CircuitPermit permit, CircuitBreakerPolicy policy, MonotonicClock clock) =>
        IsHealthy ? default : SucceedSlow(permit, policy, clock);

    /// <summary>Reports a failure that is about the endpoint's health.</summary>
    internal CircuitChange Fail(CircuitPermit permit, CircuitBreakerPolicy policy, long now)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            CircuitState from = StateOf(word);
            if (GenerationOf(word) != permit.Generation || from is CircuitState.Open or CircuitState.Isolated)
            {
                return default;
            }

            int failures = from == CircuitState.Closed ? CountsOf(word) + 1 : policy.FailureThreshold;
            bool opens = failures >= policy.FailureThreshold;
            long next = opens
                ? Pack(GenerationOf(word) + 1, 0, CircuitState.Open, now)
                : Pack(GenerationOf(word), failures, CircuitState.Closed, word & TimeMask);
            if (TrySwap(word, next))
            {
                return opens ? new CircuitChange(from, CircuitState.Open) : default;
            }
        }
    }

    /// <summary>Returns a permit unused: the attempt proved nothing.</summary>
    internal void Return(CircuitPermit permit)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            if (StateOf(word) != CircuitState.HalfOpen || GenerationOf(word) != permit.Generation || ProbesOf(word) == 0)
            {
                return;
            }

            if (TrySwap(word, Pack(GenerationOf(word), Probing(SuccessesOf(word), ProbesOf(word) - 1), CircuitState.HalfOpen,
                word & TimeMask)))
            {
                return;
            }
        }
    }

    /// <summary>Moves to <paramref name="to"/> from any state. Every permit that is out becomes stale.</summary>
    internal CircuitChange Force(CircuitState to, long now)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            if (TrySwap(word, Pack(GenerationOf(word) + 1, 0, to, now)))
            {
                return new CircuitChange(StateOf(word), to);
            }
        }
    }

    private CircuitPermit AcquireSlow(CircuitBreakerPolicy policy, long now, out CircuitChange change)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            int generation = GenerationOf(word);
            CircuitState from = StateOf(word);
            change = default;
            int successes = 0;
            int probes = 1;
            switch (from)
            {
                case CircuitState.Closed:
                    return new CircuitPermit(generation);

                case CircuitState.Open when Elapsed(word, now, policy):
                    generation++;
                    break;

                case CircuitState.HalfOpen when ProbesOf(word) < policy.EffectiveHalfOpenPermits:
                    successes = SuccessesOf(word);
                    probes = ProbesOf(word) + 1;
                    break;

                case CircuitState.HalfOpen when Elapsed(word, now, policy):
                    successes = SuccessesOf(word);
                    generation++;
                    break;

                default:
                    return default;
            }

            if (TrySwap(word, Pack(generation, Probing(successes, probes), CircuitState.HalfOpen, now)))
            {
                change = from == CircuitState.Open ? new CircuitChange(from, CircuitState.HalfOpen) : default;
                return new CircuitPermit(generation & GenerationMask);
            }
        }
    }

    private CircuitChange SucceedSlow(CircuitPermit permit, CircuitBreakerPolicy policy, MonotonicClock clock)
    {
        while (true)
        {
            long word = Volatile.Read(ref _word);
            int generation = GenerationOf(word);
            CircuitState from = StateOf(word);
            bool current = generation == permit.Generation;
            CircuitChange change = default;
            long next;
            switch (from)
            {
                case CircuitState.Closed when current && CountsOf(word) != 0:
                    next = Pack(generation, 0, CircuitState.Closed, word & TimeMask);
                    break;

                case CircuitState.Open:
                    // If an answer arrives while the circuit is open, the endpoint is alive, so probing starts early
                    // with that answer counted.
                    change = new CircuitChange(from, CircuitState.HalfOpen, isLateSuccess: true);
                    next = Pack(generation + 1, Probing(successes: 1, probes: 0), CircuitState.HalfOpen, clock.Milliseconds());
                    break;

                case CircuitState.HalfOpen when current && SuccessesOf(word) + 1 >= policy.SuccessThreshold:
                    change = new CircuitChange(from, CircuitState.Closed);
                    next = Pack(generation + 1, 0, CircuitState.Closed, clock.Milliseconds());
                    break;

                case CircuitState.HalfOpen when current:
                    int probing = Probing(SuccessesOf(word) + 1, Math.Max(0, ProbesOf(word) - 1));
                    next = Pack(generation, probing, CircuitState.HalfOpen, word & TimeMask);
                    break;

                default:
                    return default;
            }

            if (TrySwap(word, next))
            {
                return change;
            }
        }
    }

    /// <summary>Full fence.</summary>
    private bool TrySwap(long expected, long next) => Interlocked.CompareExchange(ref _word, next, expected) == expected;

    private static bool Elapsed(long word, long now, CircuitBreakerPolicy policy) => AgeOf(word, now) >= policy.OpenMilliseconds;

    /// <summary>
    /// The time since the word's stamp, modulo 2^36 ms. A stamp up to a minute ahead, set by another thread a moment ago, has no
    /// age.
    /// </summary>
    private static long AgeOf(long word, long now)
    {
        long age = (now - word) & TimeMask;
        return age > TimeMask - 60_000 ? 0 : age;
    }

    private static CircuitState StateOf(long word) => (CircuitState)((int)(word >> StateShift) & 3);

    private static int CountsOf(long word) => (int)((word & CountMask) >> CountShift);

    private static int SuccessesOf(long word) => CountsOf(word) >> ProbeBits;

    private static int ProbesOf(long word) => CountsOf(word) & ProbeMask;

    private static int Probing(int successes, int probes) => (successes << ProbeBits) | probes;

    private static int GenerationOf(long word) => (int)((ulong)word >> GenerationShift);

    private static long Pack(int generation, int counts, CircuitState state, long milliseconds) =>
        ((long)(generation & GenerationMask) << GenerationShift) | ((long)counts << CountShift) | ((long)state << StateShift)
        | (milliseconds & TimeMask);

    /// <summary>One reading of a circuit: its parts belong to the same moment.</summary>
    internal readonly struct CircuitReading(long word)
    {
        internal CircuitState State => StateOf(word);

        /// <summary>Gets the number of consecutive failures if closed, otherwise 0.</summary>
        internal int Failures => State == CircuitState.Closed ? CountsOf(word) : 0;

        /// <summary>
        /// Returns the milliseconds for which an open circuit still refuses; <see langword="null"/> if not open.
        /// </summary>
        internal long? NextProbeIn(CircuitBreakerPolicy policy, long now) =>
            State == CircuitState.Open ? Math.Max(0, policy.OpenMilliseconds - AgeOf(word, now)) : null;
    }
}
