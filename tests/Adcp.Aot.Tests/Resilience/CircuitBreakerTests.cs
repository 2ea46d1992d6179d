using Adcp.Aot.Resilience;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Resilience;

public sealed class CircuitBreakerTests
{
    [Fact]
    public void A_hung_probe_cannot_hold_the_circuit()
    {
        (CircuitBreaker breaker, FakeTimeProvider time) = OpenBreaker();
        time.Advance(TimeSpan.FromSeconds(60));
        CircuitPermit hung = breaker.TryAcquire();
        Assert.True(breaker.TryAcquire().IsGranted);
        Assert.False(breaker.TryAcquire().IsGranted);
        time.Advance(TimeSpan.FromSeconds(60));
        CircuitPermit next = breaker.TryAcquire();
        Assert.True(next.IsGranted);
        breaker.RecordFailure(hung);
        Assert.Equal(CircuitState.HalfOpen, breaker.State);
        breaker.RecordSuccess(next);
        breaker.RecordSuccess(breaker.TryAcquire());
        Assert.Equal(CircuitState.Closed, breaker.State);
    }

    [Fact]
    public void Late_failure_does_not_reopen()
    {
        FakeTimeProvider time = new();
        CircuitBreaker breaker = new(new CircuitBreakerPolicy { FailureThreshold = 1, SuccessThreshold = 1 }, time);
        CircuitPermit late = breaker.TryAcquire();
        breaker.RecordFailure(breaker.TryAcquire());
        time.Advance(TimeSpan.FromSeconds(60));
        breaker.RecordSuccess(breaker.TryAcquire());
        Assert.Equal(CircuitState.Closed, breaker.State);
        breaker.RecordFailure(late);
        Assert.Equal((CircuitState.Closed, 0), (breaker.State, breaker.Failures));
    }

    [Fact]
    public void Late_success_while_open_starts_probing_and_never_closes_by_itself()
    {
        FakeTimeProvider time = new();
        CircuitBreaker breaker = new(new CircuitBreakerPolicy { FailureThreshold = 1 }, time);
        CircuitPermit late = breaker.TryAcquire();
        CircuitPermit later = breaker.TryAcquire();
        breaker.RecordFailure(breaker.TryAcquire());
        breaker.RecordSuccess(late);
        Assert.Equal(CircuitState.HalfOpen, breaker.State);
        breaker.RecordSuccess(later);
        Assert.Equal(CircuitState.HalfOpen, breaker.State);
        breaker.RecordSuccess(breaker.TryAcquire());
        Assert.Equal(CircuitState.Closed, breaker.State);
    }

    private static (CircuitBreaker Breaker, FakeTimeProvider Time) OpenBreaker()
    {
        FakeTimeProvider time = new();
        CircuitBreaker breaker = new(new CircuitBreakerPolicy { FailureThreshold = 1 }, time);
        breaker.RecordFailure(breaker.TryAcquire());
        return (breaker, time);
    }
}
