using Adcp.Aot.Resilience;
using Adcp.Aot.Threading;

namespace Adcp.Aot.ConcurrencyTests;

public sealed class CircuitBreakerLaws
{
    private static readonly CircuitBreakerPolicy TwoProbes = new() { FailureThreshold = 1, SuccessThreshold = 3, HalfOpenPermits = 2 };

    [Fact]
    public void Half_open_admits_exactly_its_permits_however_many_ask() => Systematic.Explore(async () =>
    {
        CircuitBreaker breaker = OpenAndDue(TwoProbes);
        CircuitPermit[] permits = await Task.WhenAll(
            Task.Run(breaker.TryAcquire), Task.Run(breaker.TryAcquire), Task.Run(breaker.TryAcquire), Task.Run(breaker.TryAcquire));
        Assert.Equal(2, permits.Count(static permit => permit.IsGranted));
    });

    [Fact]
    public void Probes_at_one_time_never_exceed_the_permits_while_permits_come_back() => Systematic.Explore(async () =>
    {
        CircuitBreaker breaker = OpenAndDue(TwoProbes);
        int probing = 0;
        void Probe()
        {
            for (int i = 0; i < 2; i++)
            {
                CircuitPermit permit = breaker.TryAcquire();
                if (permit.IsGranted)
                {
                    Assert.InRange(Interlocked.Increment(ref probing), 1, 2);
                    Interlocked.Decrement(ref probing);
                    breaker.Return(permit);
                }
            }
        }

        await Task.WhenAll(Task.Run(Probe), Task.Run(Probe), Task.Run(Probe));
        Assert.True(breaker.TryAcquire().IsGranted, "Every permit was returned.");
    });

    [Fact]
    public void Late_failure_does_not_reopen() => Systematic.Explore(async () =>
    {
        HandTurnedTime time = new();
        CircuitBreaker breaker = new(new CircuitBreakerPolicy { FailureThreshold = 1, SuccessThreshold = 1 }, time);
        CircuitPermit late = breaker.TryAcquire();
        CircuitPermit later = breaker.TryAcquire();
        breaker.RecordFailure(breaker.TryAcquire());
        time.Advance(CircuitBreakerPolicy.Default.OpenTimeout);
        await Task.WhenAll(
            Task.Run(() => breaker.RecordFailure(late)),
            Task.Run(() => breaker.RecordFailure(later)),
            Task.Run(() => breaker.RecordSuccess(breaker.TryAcquire())));
        Assert.Equal(CircuitState.Closed, breaker.State);
        Assert.Equal(0, breaker.Failures);
    });

    [Fact]
    public void Failures_past_the_threshold_open_the_circuit_exactly_once() => Systematic.Explore(async () =>
    {
        CircuitBreakerPolicy policy = new() { FailureThreshold = 3 };
        Cell cell = new(policy);
        CircuitPermit permit = cell.TryAcquire();
        int opened = (await Task.WhenAll(
            Task.Run(() => cell.Fail(permit)), Task.Run(() => cell.Fail(permit)), Task.Run(() => cell.Fail(permit)),
            Task.Run(() => cell.Fail(permit))))
            .Count(static changed => changed);
        Assert.Equal(1, opened);
        Assert.Equal(CircuitState.Open, cell.State);
    });

    [Fact]
    public void No_failure_below_the_threshold_is_lost() => Systematic.Explore(async () =>
    {
        CircuitBreaker breaker = new();
        CircuitPermit permit = breaker.TryAcquire();
        void Fail() => breaker.RecordFailure(permit);
        await Task.WhenAll(Task.Run(Fail), Task.Run(Fail), Task.Run(Fail));
        Assert.Equal(3, breaker.Failures);
    });

    [Fact]
    public void Successful_probes_close_the_circuit_exactly_once() => Systematic.Explore(async () =>
    {
        CircuitBreakerPolicy policy = new() { FailureThreshold = 1, SuccessThreshold = 2, HalfOpenPermits = 3 };
        Cell cell = new(policy);
        cell.Fail(cell.TryAcquire());
        cell.Time.Advance(policy.OpenTimeout);
        CircuitPermit[] permits = [cell.TryAcquire(), cell.TryAcquire(), cell.TryAcquire()];
        bool[] changed = await Task.WhenAll(permits.Select(permit => Task.Run(() => cell.Succeed(permit))));
        Assert.Single(changed, static one => one);
        Assert.Equal(CircuitState.Closed, cell.State);
    });

    [Fact]
    public void A_failed_probe_beside_a_successful_one_leaves_one_of_their_two_serial_results() => Systematic.Explore(async () =>
    {
        CircuitBreakerPolicy policy = new() { FailureThreshold = 1, SuccessThreshold = 1, HalfOpenPermits = 2 };
        Cell cell = new(policy);
        cell.Fail(cell.TryAcquire());
        cell.Time.Advance(policy.OpenTimeout);
        CircuitPermit first = cell.TryAcquire();
        CircuitPermit second = cell.TryAcquire();
        Task<bool> success = Task.Run(() => cell.Succeed(first));
        Task<bool> failure = Task.Run(() => cell.Fail(second));
        await Task.WhenAll(success, failure);

        // Success first: closed, and the failure is of another generation. Failure first: open, and the late success starts probing.
        Assert.Equal(await failure ? CircuitState.HalfOpen : CircuitState.Closed, cell.State);
        Assert.True(await success);
    });

    [Fact]
    public void Late_successes_start_probing_once() => Systematic.Explore(async () =>
    {
        Cell cell = new(new CircuitBreakerPolicy { FailureThreshold = 1, SuccessThreshold = 2 });
        CircuitPermit late = cell.TryAcquire();
        cell.Fail(cell.TryAcquire());
        bool[] changed = await Task.WhenAll(Task.Run(() => cell.Succeed(late)), Task.Run(() => cell.Succeed(late)),
            Task.Run(() => cell.Fail(late)));
        Assert.Single(changed, static one => one);
        Assert.Equal(CircuitState.HalfOpen, cell.State);
    });

    private static CircuitBreaker OpenAndDue(CircuitBreakerPolicy policy)
    {
        HandTurnedTime time = new();
        CircuitBreaker breaker = new(policy, time);
        breaker.RecordFailure(breaker.TryAcquire());
        time.Advance(policy.OpenTimeout);
        return breaker;
    }

    /// <summary>The bare word, which alone reports whether it changed its state.</summary>
    private sealed class Cell(CircuitBreakerPolicy policy)
    {
        private CircuitWord _word;

        internal HandTurnedTime Time { get; } = new();

        internal CircuitState State => _word.State;

        private MonotonicClock Clock => new(Time, 0);

        internal CircuitPermit TryAcquire() => _word.TryAcquire(policy, Clock, out _);

        internal bool Succeed(CircuitPermit permit) => !_word.Succeed(permit, policy, Clock).IsNone;

        internal bool Fail(CircuitPermit permit) => !_word.Fail(permit, policy, Clock.Milliseconds(Time.GetTimestamp())).IsNone;
    }
}
