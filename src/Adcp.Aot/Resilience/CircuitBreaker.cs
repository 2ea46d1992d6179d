using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Resilience;

/// <summary>
/// A consecutive-failure circuit breaker for use outside the supervisor. Ask for a permit before each attempt and
/// report it back once: <see cref="RecordSuccess"/>, <see cref="RecordFailure"/> or <see cref="Return"/>. Thread-safe
/// and lock-free; a permit or a success on a closed breaker is one volatile read.
/// </summary>
public sealed class CircuitBreaker
{
    internal const int MaxFailures = 1023;
    internal const int MaxProbes = 31;

    private readonly CircuitBreakerPolicy _policy;
    private readonly MonotonicClock _clock;
    private CircuitWord _word;

    /// <summary>Creates a closed breaker.</summary>
    /// <param name="policy">The rules for opening and closing; null for the defaults.</param>
    /// <param name="timeProvider">The monotonic clock; null for the system's.</param>
    public CircuitBreaker(CircuitBreakerPolicy? policy = null, TimeProvider? timeProvider = null)
    {
        _policy = policy ?? CircuitBreakerPolicy.Default;
        _clock = new MonotonicClock(timeProvider ?? TimeProvider.System);
    }

    /// <summary>
    /// The present state (volatile read). If an open breaker's timeout has passed, it stays
    /// <see cref="CircuitState.Open"/> until a caller asks for a permit.
    /// </summary>
    public CircuitState State => _word.State;

    /// <summary>The number of consecutive failures if closed, otherwise 0 (volatile read).</summary>
    public int Failures => _word.Failures;

    /// <summary>Asks for a permit to make one attempt.</summary>
    /// <returns>A permit. It is not granted if the breaker is open, isolated, or half-open with all probes
    /// out.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CircuitPermit TryAcquire() =>
        _word.TryAcquireClosed(out CircuitPermit permit) ? permit : _word.TryAcquire(_policy, _clock, out _);

    /// <summary>Reports a healthy answer to a granted permit.</summary>
    /// <exception cref="ArgumentException">The permit was not granted.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void RecordSuccess(CircuitPermit permit)
    {
        if (!permit.IsGranted || !_word.IsHealthy)
        {
            _word.Succeed(Granted(permit), _policy, _clock);
        }
    }

    /// <summary>Reports a failure of the endpoint to a granted permit.</summary>
    /// <exception cref="ArgumentException">The permit was not granted.</exception>
    public void RecordFailure(CircuitPermit permit) => _word.Fail(Granted(permit), _policy, _clock.Milliseconds());

    /// <summary>
    /// Returns a granted permit: the attempt was cancelled, or failed by our own fault, and proves nothing.
    /// </summary>
    /// <exception cref="ArgumentException">The permit was not granted.</exception>
    public void Return(CircuitPermit permit) => _word.Return(Granted(permit));

    /// <summary>Refuses everything until <see cref="Reset"/>. Reports of permits already out are ignored.</summary>
    public void Isolate() => _word.Force(CircuitState.Isolated, _clock.Milliseconds());

    /// <summary>Closes the breaker and forgets its counts. Reports of permits already out are ignored.</summary>
    public void Reset() => _word.Force(CircuitState.Closed, _clock.Milliseconds());

    private static CircuitPermit Granted(CircuitPermit permit)
    {
        if (!permit.IsGranted)
        {
            Refuse(permit);
        }

        return permit;
    }

    // Separate, so that the callers of Granted stay small enough to be inlined.
    [DoesNotReturn]
    private static void Refuse(CircuitPermit permit) =>
        throw new ArgumentException("The permit was refused; there is nothing to report.", nameof(permit));
}
