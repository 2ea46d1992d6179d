namespace Adcp.Aot.ConcurrencyTests;

/// <summary>Shows that the harness finds faults: a silent harness could be a broken one.</summary>
public sealed class HarnessTests
{
    [Fact]
    public void A_seeded_check_then_act_race_is_found() =>
        Assert.Contains("Two probes at once.", Systematic.Fault(async () =>
        {
            RacyBreaker breaker = new();
            bool[] granted = await Task.WhenAll(Task.Run(breaker.TryProbe), Task.Run(breaker.TryProbe));
            Assert.False(granted[0] && granted[1], "Two probes at once.");
        }), StringComparison.Ordinal);

    [Fact]
    public void A_lost_wake_up_is_found() =>
        Assert.Contains("deadlock", Systematic.Fault(async () =>
        {
            ForgetfulSignal signal = new();
            await Task.WhenAll(Task.Run(signal.WaitAsync), Task.Run(signal.Set));
        }), StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads, then writes: the fault that a compare-exchange prevents.</summary>
    private sealed class RacyBreaker
    {
        private int _probes;

        internal bool TryProbe()
        {
            if (Volatile.Read(ref _probes) >= 1)
            {
                return false;
            }

            Volatile.Write(ref _probes, 1);
            return true;
        }
    }

    /// <summary>A setter that looks for the waiter before it sets the signal.</summary>
    private sealed class ForgetfulSignal
    {
        private TaskCompletionSource? _waiter;
        private int _set;

        internal Task WaitAsync()
        {
            if (Volatile.Read(ref _set) == 1)
            {
                return Task.CompletedTask;
            }

            TaskCompletionSource waiter = new();
            Volatile.Write(ref _waiter, waiter);
            return waiter.Task;
        }

        internal void Set()
        {
            Volatile.Read(ref _waiter)?.SetResult();
            Volatile.Write(ref _set, 1);
        }
    }
}
