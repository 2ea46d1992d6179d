using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Platform.Tests;

public sealed class CountedQuotaTests
{
    [Fact]
    public async Task Calls_that_count_at_the_same_time_take_no_more_than_the_quota_together()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource<int> rows = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CountedQuota quota = new(5, (_, _, _) => new ValueTask<int>(rows.Task), time);
        Task<bool>[] first = [.. Enumerable.Range(0, 20).Select(_ => quota.TryTakeAsync("t", CancellationToken.None).AsTask())];
        rows.SetResult(2);
        int taken = (await Task.WhenAll(first)).Count(static fits => fits);

        time.Advance(TimeSpan.FromMinutes(2));
        rows = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<bool>[] later = [.. Enumerable.Range(0, 20).Select(_ => quota.TryTakeAsync("t", CancellationToken.None).AsTask())];
        Task<bool> other = quota.TryTakeAsync("other", CancellationToken.None).AsTask();
        rows.SetResult(4);

        Assert.Equal(3, taken);
        Assert.Equal(1, (await Task.WhenAll(later)).Count(static fits => fits));
        Assert.True(await other);
    }
}
