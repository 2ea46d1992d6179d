using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class RowLimitTests
{
    private readonly FakeTimeProvider _time = new();
    private int _rows;
    private int _counts;

    [Fact]
    public async Task One_count_serves_many_rows_until_a_minute_has_passed()
    {
        RowLimit<string> limit = Limit(800);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(await limit.HasRoomAsync("s", default));
            await AddAsync(limit);
        }

        Assert.Equal(1, _counts);
        _time.Advance(TimeSpan.FromMinutes(1));
        await AddAsync(limit);
        Assert.Equal(2, _counts);
    }

    [Fact]
    public async Task Bound_is_exact_for_one_process()
    {
        RowLimit<string> limit = Limit(100);
        int refused = 0;
        for (int i = 0; i < 120; i++)
        {
            refused += await AddAsync(limit) ? 0 : 1;
        }

        Assert.Equal((100, 20), (_rows, refused));
        Assert.False(await limit.HasRoomAsync("s", default));
    }

    [Fact]
    public async Task Bound_is_never_passed_by_calls_at_a_time()
    {
        RowLimit<string> limit = Limit(100);

        await Parallel.ForAsync(
            0, 400, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => await AddAsync(limit, i % 3 == 0));

        // Rows under way may be counted twice, so the last calls may be refused early.
        Assert.InRange(_rows, 68, 100);
    }

    [Fact]
    public async Task Each_further_process_can_pass_the_bound_by_an_eighth_at_most()
    {
        // Each process counts an empty table, and then uses up the rows that it may add without another count.
        RowLimit<string>[] processes = [.. Enumerable.Range(0, 4).Select(_ => Limit(800))];
        foreach (RowLimit<string> process in processes)
        {
            Assert.True(await process.HasRoomAsync("s", default));
        }

        int refused = 0;
        while (refused < processes.Length)
        {
            refused = 0;
            foreach (RowLimit<string> process in processes)
            {
                refused += await AddAsync(process) ? 0 : 1;
            }
        }

        Assert.InRange(_rows, 800, 800 + (3 * 100));
    }

    [Fact]
    public async Task Full_scope_is_counted_once_a_second()
    {
        RowLimit<string> limit = Limit(5);
        _rows = 5;
        for (int i = 0; i < 50; i++)
        {
            Assert.False(await AddAsync(limit));
            Assert.False(await limit.HasRoomAsync("s", default));
        }

        Assert.Equal(1, _counts);
        _rows = 4;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await AddAsync(limit));
    }

    [Fact]
    public async Task Row_that_was_not_added_gives_its_room_back_and_scopes_have_bounds_of_their_own()
    {
        RowLimit<string> limit = Limit(1);
        for (int i = 0; i < 5; i++)
        {
            Assert.True(await AddAsync(limit, isAdded: false));
        }

        RowLimit<string>.Share? taken = await limit.TryTakeAsync("s", default);
        Assert.NotNull(taken);
        Assert.Null(await limit.TryTakeAsync("s", default));
        Assert.NotNull(await limit.TryTakeAsync("other", default));
        taken.Settle(isAdded: false);
        Assert.NotNull(await limit.TryTakeAsync("s", default));
    }

    [Fact]
    public async Task Count_that_fails_is_the_callers_fault_and_is_tried_again()
    {
        int calls = 0;
        RowLimit<string> limit = new(5, (_, _) => ++calls == 1 ? throw new IOException("away") : new ValueTask<int>(0), _time);

        await Assert.ThrowsAsync<IOException>(async () => await limit.TryTakeAsync("s", default));

        Assert.NotNull(await limit.TryTakeAsync("s", default));
    }

    private RowLimit<string> Limit(int limit) => new(
        limit,
        (_, _) =>
        {
            Interlocked.Increment(ref _counts);
            return new ValueTask<int>(Math.Min(limit, Volatile.Read(ref _rows)));
        },
        _time);

    private async Task<bool> AddAsync(RowLimit<string> limit, bool isAdded = true)
    {
        if (await limit.TryTakeAsync("s", default) is not { } share)
        {
            return false;
        }

        await Task.Yield();
        if (isAdded)
        {
            Interlocked.Increment(ref _rows);
        }

        share.Settle(isAdded);
        return true;
    }
}
