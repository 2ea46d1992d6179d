using Adcp.Aot.Threading;

namespace Adcp.Aot.ConcurrencyTests;

public sealed class ConcurrencyGateLaws
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_limit_is_never_exceeded_and_every_waiter_gets_in(int limit) => Systematic.Explore(async () =>
    {
        Door door = new(limit);
        async Task Pass()
        {
            await door.EnterAsync(CancellationToken.None);
            Assert.InRange(Interlocked.Increment(ref door.Inside), 1, limit);
            await Task.Yield();
            Interlocked.Decrement(ref door.Inside);
            door.Leave();
        }

        // A lost wake-up is a deadlock here, which the engine reports.
        await Task.WhenAll(Task.Run(Pass), Task.Run(Pass), Task.Run(Pass));
        Assert.Equal(0, door.Holders);
    });

    [Fact]
    public void A_cancelled_waiter_keeps_no_place_and_takes_no_one_elses_turn() => Systematic.Explore(async () =>
    {
        Door door = new(1);
        using CancellationTokenSource cancellation = new();
        async Task Pass(CancellationToken cancellationToken)
        {
            try
            {
                await door.EnterAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Assert.Equal(1, Interlocked.Increment(ref door.Inside));
            await Task.Yield();
            Interlocked.Decrement(ref door.Inside);
            door.Leave();
        }

        await Task.WhenAll(
            Task.Run(() => Pass(CancellationToken.None)),
            Task.Run(() => Pass(cancellation.Token)),
            Task.Run(() => Pass(CancellationToken.None)),
            Task.Run(cancellation.Cancel));
        Assert.Equal(0, door.Holders);
    });

    /// <summary>The gate as its users hold it: in a field, tried first, then awaited.</summary>
    private sealed class Door(int limit)
    {
        internal int Inside;
        private ConcurrencyGate _gate;

        internal int Holders => _gate.Holders;

        internal Task EnterAsync(CancellationToken cancellationToken) =>
            _gate.TryEnter(limit) ? Task.CompletedTask : _gate.EnterAsync(limit, cancellationToken);

        internal void Leave() => _gate.Leave(limit);
    }
}
