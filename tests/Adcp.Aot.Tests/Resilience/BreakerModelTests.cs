using Adcp.Aot.Resilience;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Resilience;

public sealed class BreakerModelTests
{
    private enum Act
    {
        Acquire,
        Succeed,
        Fail,
        Return,
        Advance,
        Isolate,
        Reset,
    }

    [Fact]
    public void The_breaker_behaves_as_its_plain_model_over_any_script() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[1, 3], Gen.Int[1, 3], Gen.Select(Gen.Int[0, 23], Gen.Int[0, 7], Gen.Int[1, 70]).Array[0, 60])
        .Sample((failures, successes, permits, script) =>
        {
            CircuitBreakerPolicy policy = new() { FailureThreshold = failures, SuccessThreshold = successes, HalfOpenPermits = permits };
            FakeTimeProvider time = new();
            CircuitBreaker breaker = new(policy, time);
            Model model = new(policy);
            List<(CircuitPermit Permit, int Generation)> held = [];
            foreach ((int draw, int pick, int seconds) in script)
            {
                Act act = draw switch
                {
                    < 9 => Act.Acquire,
                    < 12 => Act.Succeed,
                    < 17 => Act.Fail,
                    < 19 => Act.Return,
                    < 22 =>
                    Act.Advance,
                    22 => Act.Isolate,
                    _ => Act.Reset
                };
                if (act is Act.Succeed or Act.Fail or Act.Return)
                {
                    if (held.Count == 0)
                    {
                        continue;
                    }

                    (CircuitPermit permit, int generation) = held[pick % held.Count];
                    held.RemoveAt(pick % held.Count);
                    if (act == Act.Succeed)
                    {
                        breaker.RecordSuccess(permit);
                        model.Succeed(generation);
                    }
                    else if (act == Act.Fail)
                    {
                        breaker.RecordFailure(permit);
                        model.Fail(generation);
                    }
                    else
                    {
                        breaker.Return(permit);
                        model.Return(generation);
                    }
                }
                else if (act == Act.Acquire)
                {
                    CircuitPermit permit = breaker.TryAcquire();
                    bool expected = model.TryAcquire();
                    Assert.Equal(expected, permit.IsGranted);
                    if (expected)
                    {
                        held.Add((permit, model.Generation));
                    }
                }
                else if (act == Act.Advance)
                {
                    time.Advance(TimeSpan.FromSeconds(seconds));
                    model.Now += seconds;
                }
                else if (act == Act.Isolate)
                {
                    breaker.Isolate();
                    model.Enter(CircuitState.Isolated);
                }
                else
                {
                    breaker.Reset();
                    model.Enter(CircuitState.Closed);
                }

                Assert.Equal(model.State, breaker.State);
                Assert.Equal(model.State == CircuitState.Closed ? model.Failures : 0, breaker.Failures);
            }
        }, iter: 20_000);

    [Fact]
    public void The_delay_law_holds_for_every_policy_and_attempt() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.Int[0, 1_000_000], Gen.Int[-3, 2000], Gen.Bool, Gen.Int)
        .Sample((baseMs, maxMs, attempt, jitter, seed) =>
        {
            RetryPolicy policy = new()
            {
                BaseDelay = TimeSpan.FromMilliseconds(baseMs),
                MaxDelay = TimeSpan.FromMilliseconds(maxMs),
                Jitter = jitter
            };
            TimeSpan delay = policy.DelayBeforeAttempt(attempt, new Random(seed));
            double law = attempt <= 1 ? 0 : Math.Min(baseMs * Math.Pow(2, attempt - 2), maxMs);
            Assert.InRange(delay.TotalMilliseconds, (jitter ? law / 2 : law) - 0.001, law + 0.001);
        });

    [Fact]
    public void A_schedule_gives_its_own_delays_and_repeats_the_last()
    {
        RetryPolicy policy = RetryPolicy.Schedule(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5));
        Assert.Equal(3, policy.MaxAttempts);
        Assert.Equal(
            [TimeSpan.Zero, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(5)],
            Enumerable.Range(1, 4).Select(n => policy.DelayBeforeAttempt(n)));
    }

    [Fact]
    public void Retry_after_never_throws_and_never_is_negative() =>
        Gen.String[Gen.Char['\0', '\u00ff'], 0, 70].Sample(value =>
        {
            if (RetryAfter.TryParse(value, DateTimeOffset.UnixEpoch, out TimeSpan delay))
            {
                Assert.True(delay >= TimeSpan.Zero);
            }
        }, iter: 100_000);

    private sealed class Model(CircuitBreakerPolicy policy)
    {
        private int _successes;
        private int _probes;
        private long _since;

        public CircuitState State { get; private set; }

        public int Failures { get; private set; }

        public int Generation { get; private set; }

        public long Now { get; set; }

        public void Enter(CircuitState state)
        {
            State = state;
            Generation++;
            (Failures, _successes, _probes, _since) = (0, 0, 0, Now);
        }

        public bool TryAcquire()
        {
            bool elapsed = Now - _since >= policy.OpenTimeout.TotalSeconds;
            switch (State)
            {
                case CircuitState.Closed:
                    return true;
                case CircuitState.Open when elapsed:
                    Enter(CircuitState.HalfOpen);
                    _probes = 1;
                    return true;
                case CircuitState.HalfOpen when _probes < policy.HalfOpenPermits:
                    _probes++;
                    _since = Now;
                    return true;
                case CircuitState.HalfOpen when elapsed:
                    int earned = _successes;
                    Enter(CircuitState.HalfOpen);
                    (_successes, _probes) = (earned, 1);
                    return true;
                default:
                    return false;
            }
        }

        public void Succeed(int generation)
        {
            if (State == CircuitState.Open)
            {
                Enter(CircuitState.HalfOpen);
                _successes = 1;
            }
            else if (generation == Generation && State == CircuitState.Closed)
            {
                Failures = 0;
            }
            else if (generation == Generation && State == CircuitState.HalfOpen)
            {
                _probes--;
                if (++_successes >= policy.SuccessThreshold)
                {
                    Enter(CircuitState.Closed);
                }
            }
        }

        public void Fail(int generation)
        {
            if (generation == Generation && (State == CircuitState.HalfOpen
                || (State == CircuitState.Closed && ++Failures >= policy.FailureThreshold)))
            {
                Enter(CircuitState.Open);
            }
        }

        public void Return(int generation)
        {
            if (generation == Generation && State == CircuitState.HalfOpen)
            {
                _probes--;
            }
        }
    }
}
