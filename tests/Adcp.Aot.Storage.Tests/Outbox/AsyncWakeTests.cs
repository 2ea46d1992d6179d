namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class AsyncWakeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Wake_up_ends_a_sleep_or_the_next_one(bool hasThread)
    {
        await using AsyncWake wake = new(TimeProvider.System, hasThread);
        wake.Set();
        await wake.WaitAsync(TimeSpan.FromHours(1), default);

        Task sleep = wake.WaitAsync(TimeSpan.FromHours(1), default).AsTask();
        Assert.False(sleep.IsCompleted);
        Assert.True(wake.SleepLeft > TimeSpan.FromMinutes(59));
        wake.Set();
        await sleep;

        Assert.Null(wake.SleepLeft);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sleep_ends_with_its_time_or_its_cancellation(bool hasThread)
    {
        using CancellationTokenSource stop = new();
        await using AsyncWake wake = new(TimeProvider.System, hasThread);

        await wake.WaitAsync(TimeSpan.FromMilliseconds(1), default);
        Task sleep = wake.WaitAsync(TimeSpan.FromHours(1), stop.Token).AsTask();
        await stop.CancelAsync();
        await sleep;

        Assert.Null(wake.SleepLeft);
    }
}
