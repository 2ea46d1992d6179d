using Adcp.Aot.Receiving;

namespace Adcp.Aot.Tests.Receiving;

/// <summary>A claim is lost if the store says so or its lease ends, and in no other case.</summary>
public sealed class LeaseTests
{
    // A third and a fifteenth of the default lease of 30 s, and a quarter of it.
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RenewalLimit = TimeSpan.FromSeconds(7.5);

    // Unlike all others, so that its timer can be distinguished from theirs.
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(11);

    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _leave = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_renewal_that_fails_once_is_tried_again_and_the_handler_goes_on()
    {
        CancellationToken given = default;
        using Bench bench = Open(token => given = token);
        bench.Store.Before = (call, number, _) => call == "renew" && number == 1 ? throw new IOException("a hiccup") : Task.CompletedTask;
        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await _entered.Task;

        await bench.Intake.Time.PassAsync(Beat);
        await bench.Intake.Time.PassAsync(Pause);
        await bench.Intake.Time.PassAsync(Beat);
        await IntakeBench.UntilAsync(() => bench.Store.Renewals == 3);
        Assert.False(given.IsCancellationRequested);
        _leave.SetResult();

        Assert.Equal(IntakeStatus.Processed, (await receiving).Status);
        Assert.Contains(bench.Intake.Log, line => line.Text.Contains("renewal of webhook whk_0123456789abcdef", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_renewal_that_hangs_leaves_time_for_another()
    {
        CancellationToken given = default;
        using Bench bench = Open(token => given = token);
        bench.Store.Before = (call, number, token) =>
            call == "renew" && number == 1 ? Task.Delay(Timeout.InfiniteTimeSpan, token) : Task.CompletedTask;
        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await _entered.Task;

        await bench.Intake.Time.PassAsync(Beat);
        await bench.Intake.Time.PassAsync(RenewalLimit);
        await bench.Intake.Time.PassAsync(Pause);
        await IntakeBench.UntilAsync(() => bench.Store.Renewals == 2);
        Assert.False(given.IsCancellationRequested);
        _leave.SetResult();

        Assert.Equal(IntakeStatus.Processed, (await receiving).Status);
    }

    [Fact]
    public async Task Renewals_that_fail_until_the_lease_ends_lose_the_claim_then_and_not_before()
    {
        TaskCompletionSource<TimeSpan> cancelledAfter = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TimeProvider? time = null;
        using Bench bench = Open(token =>
        {
            DateTimeOffset began = time!.GetUtcNow();
            token.Register(() => cancelledAfter.TrySetResult(time.GetUtcNow() - began));
        });
        time = bench.Intake.Time;
        bench.Store.Before = (call, _, _) => call == "renew" ? throw new IOException("the database is away") : Task.CompletedTask;
        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await _entered.Task;

        await bench.Intake.Time.PassAsync(Beat);
        for (int i = 0; i < 10; i++)
        {
            // The last renewal has a limit as long as a pause: the time must not pass before the store was asked.
            while (bench.Store.Renewals <= i)
            {
                await Task.Yield();
            }

            Assert.False(cancelledAfter.Task.IsCompleted);
            await bench.Intake.Time.PassAsync(Pause);
        }

        await cancelledAfter.Task;
        _leave.SetResult();
        IntakeResult result = await receiving;

        Assert.Equal(IntakeStatus.ClaimLost, result.Status);
        Assert.Equal(TimeSpan.FromSeconds(30), await cancelledAfter.Task);
        Assert.Equal(10, bench.Store.Renewals);
        Assert.Contains(bench.Intake.Log, line => line.Text.Contains("its claim expired while its handler ran", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_store_that_says_no_loses_the_claim_at_once()
    {
        TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using Bench bench = Open(token => token.Register(cancelled.SetResult));
        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await _entered.Task;

        bench.Store.Renews = false;
        await bench.Intake.Time.PassAsync(Beat);
        await cancelled.Task;
        _leave.SetException(new OperationCanceledException());

        Assert.Equal(IntakeStatus.ClaimLost, (await receiving).Status);
    }

    [Fact]
    public async Task A_completion_that_fails_is_tried_again_and_the_work_is_not_done_twice()
    {
        int handled = 0;
        using Bench bench = Open(_ => handled++);
        bench.Store.Before = (call, number, _) =>
            call == "complete" && number <= 2 ? throw new IOException("a hiccup") : Task.CompletedTask;
        _leave.SetResult();

        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await bench.Intake.Time.PassAsync(Pause);
        await bench.Intake.Time.PassAsync(Pause);

        Assert.Equal(IntakeStatus.Processed, (await receiving).Status);
        Assert.Equal(IntakeStatus.AlreadyProcessed, (await bench.Intake.ReceiveAsync(bench.Intake.Sign())).Status);
        Assert.Equal(1, handled);
    }

    [Theory]
    [InlineData("throws")]
    [InlineData("hangs")]
    [InlineData("blocks")]
    public async Task A_store_that_cannot_claim_makes_the_sender_come_back(string how)
    {
        using ManualResetEventSlim unblock = new();
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using Bench bench = Open(_ => { });
        bench.Store.Before = (_, _, _) =>
        {
            called.TrySetResult();
            if (how == "blocks")
            {
                unblock.Wait(CancellationToken.None);
            }

            return how == "throws" ? throw new IOException("the database is away")
                : how == "hangs" ? new TaskCompletionSource().Task
                : Task.CompletedTask;
        };

        Task<IntakeResult> receiving = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await called.Task;
        if (how != "throws")
        {
            await bench.Intake.Time.PassAsync(CallLimit);
        }

        Assert.Equal((IntakeStatus.StoreUnavailable, true), ((await receiving).Status, (await receiving).RetryAfter > TimeSpan.Zero));
        Assert.False(_entered.Task.IsCompleted);
        unblock.Set();
    }

    [Fact]
    public async Task A_claim_that_comes_too_late_is_given_back()
    {
        TaskCompletionSource store = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource called = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using Bench bench = Open(_ => { });
        TaskCompletionSource givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bench.Store.Before = async (call, _, token) =>
        {
            using CancellationTokenRegistration registration = token.Register(() => givenUp.TrySetResult());
            called.TrySetResult();
            await (call == "claim" ? store.Task : Task.CompletedTask);
        };
        Task<IntakeResult> first = bench.Intake.ReceiveAsync(bench.Intake.Sign());
        await called.Task;
        await bench.Intake.Time.PassAsync(CallLimit);
        Assert.Equal(IntakeStatus.StoreUnavailable, (await first).Status);
        await givenUp.Task;

        store.SetResult();
        await IntakeBench.UntilAsync(() => bench.Store.Releases == 1);
        _leave.SetResult();

        Assert.Equal(IntakeStatus.Processed, (await bench.Intake.ReceiveAsync(bench.Intake.Sign())).Status);
    }

    private Bench Open(Action<CancellationToken> entered) => new(async (_, token) =>
    {
        entered(token);
        _entered.TrySetResult();
        await _leave.Task;
    });

    private sealed class Bench : IDisposable
    {
        public Bench(Func<ReceivedWebhook, CancellationToken, ValueTask> handler)
        {
            ScriptedClaimStore? store = null;
            Intake = new IntakeBench(
                options => options with
                {
                    CallTimeout = CallLimit,
                    ReadTimeout = TimeSpan.FromSeconds(12),
                    Store = store = new ScriptedClaimStore(options.TimeProvider),
                },
                handler);
            Store = store!;
        }

        public IntakeBench Intake { get; }

        public ScriptedClaimStore Store { get; }

        public void Dispose() => Intake.Dispose();
    }
}
