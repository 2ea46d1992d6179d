using System.Text;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <content>Rows that may have killed the process that delivered them, and rows of ordered streams.</content>
public abstract partial class OutboxStoreContract
{
    private static readonly Guid Second = Guid.NewGuid();
    private static readonly Guid Third = Guid.NewGuid();

    [Fact]
    public async Task Takeover_from_a_dead_owner_counts_the_rows_that_it_may_have_been_sending()
    {
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 64, default);
        await AppendAsync(Entry("log"), Entry("other lane", lane: 9), Entry("parked", endpoint: 1), Entry("not due", endpoint: 2));
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync(
            Park(rows.Single(static row => Text(row) == "parked")),
            Park(rows.Single(static row => Text(row) == "not due"), TimeSpan.FromHours(1)));
        await PassAsync(TimeSpan.FromSeconds(1));

        await DieAsync(Me, Second);

        Assert.All(await LogAsync(), static row => Assert.Equal(1, row.Unclean));
        Assert.Equal(1, Assert.Single((await ParkedAsync(endpoint: 1)).Rows).Unclean);
        await PassAsync(TimeSpan.FromHours(2));
        Assert.Equal(0, Assert.Single((await ParkedAsync(endpoint: 2)).Rows).Unclean);
    }

    [Fact]
    public async Task Row_that_was_counted_is_counted_again_only_if_it_is_on_trial()
    {
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 64, default);
        await AppendAsync(Entry("waits"), Entry("on trial"), Entry("parked", endpoint: 1), Entry("parked on trial", endpoint: 1));
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync([.. rows.Where(static row => row.Endpoint == 1).Select(row => Park(row))]);
        await PassAsync(TimeSpan.FromSeconds(1));
        await DieAsync(Me, Second);
        rows = [.. await LogAsync(), .. (await ParkedAsync(endpoint: 1)).Rows];

        Assert.Equal(2, await SettleAsync(
            Second, [.. rows.Where(static row => Text(row).EndsWith("trial", StringComparison.Ordinal)).Select(OutboxChanges.Trial)]));
        await DieAsync(Second, Third);

        Assert.Equal(
            ["on trial 2", "parked 1", "parked on trial 2", "waits 1"],
            (await LogAsync()).Concat((await ParkedAsync(endpoint: 1)).Rows).Select(static row => $"{Text(row)} {row.Unclean}").Order());
    }

    [Fact]
    public async Task Row_whose_attempt_the_process_survived_is_not_counted_any_more()
    {
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 64, default);
        await AppendAsync(Entry("a"));
        await DieAsync(Me, Second);
        OutboxRow row = await OneAsync();
        await SettleAsync(Second, OutboxChanges.Wait(row, TimeSpan.Zero, "circuit_open"));
        await PassAsync(TimeSpan.FromSeconds(1));
        row = Assert.Single((await ParkedAsync()).Rows);
        Assert.Equal(1, row.Unclean);

        await SettleAsync(Second, OutboxChanges.Trial(row));
        await SettleAsync(Second, Park(row));
        await PassAsync(TimeSpan.FromSeconds(1));

        Assert.Equal(0, Assert.Single((await ParkedAsync()).Rows).Unclean);
        await DieAsync(Second, Third);
        Assert.Equal(1, Assert.Single((await ParkedAsync()).Rows).Unclean);
    }

    [Fact]
    public async Task Mark_of_a_worker_that_is_gone_is_not_made()
    {
        await JoinAsync();
        await AppendAsync(Entry("log"), Entry("parked", endpoint: 8));
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync(Park(rows.Single(static row => Text(row) == "parked")));
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow log = await OneAsync(), parked = Assert.Single((await ParkedAsync(endpoint: 8)).Rows);
        await Store.LeaveAsync(Me, default);

        Assert.Equal(0, await SettleAsync(OutboxChanges.Trial(log), OutboxChanges.Trial(parked)));

        await JoinAsync(Second);
        Assert.Equal(2, await SettleAsync(Second, OutboxChanges.Trial(log), OutboxChanges.Trial(parked)));
    }

    [Fact]
    public async Task Worker_that_leaves_gives_its_lanes_back_and_nothing_is_counted()
    {
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 64, default);
        await AppendAsync(Entry("a"));
        await JoinAsync(Second);

        await Store.LeaveAsync(Me, default);

        Assert.All(await Store.TakeLanesAsync(Second, 64, default), static lane => Assert.Equal(0, lane.Unclean));
        Assert.Equal(64, (await Store.OwnedLanesAsync(Second, default)).Count);
        Assert.Equal(0, (await OneAsync()).Unclean);
    }

    [Fact]
    public async Task Row_that_may_have_been_sent_has_its_horizon_from_its_enqueue()
    {
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 64, default);
        await AppendAsync(Entry("parked"), Entry("dead"));
        await PassAsync(TimeSpan.FromHours(5));
        await DieAsync(Me, Second);
        List<OutboxRow> rows = await LogAsync();

        OutboxChange poison = OutboxChanges.Dead(rows.Single(static row => Text(row) == "dead"), "poison");
        poison.Horizon = Horizon;
        await SettleAsync(Second, Park(rows.Single(static row => Text(row) == "parked")), poison);
        await PassAsync(TimeSpan.FromHours(1));

        Assert.InRange(
            Assert.Single((await ParkedAsync()).Rows).TimeLeft!.Value, TimeSpan.FromHours(17.9), TimeSpan.FromHours(18));
        Assert.True(Assert.Single(await DeadAsync()).IsInsideHorizon);
        await PassAsync(TimeSpan.FromHours(18));
        Assert.False(Assert.Single(await DeadAsync()).IsInsideHorizon);
    }

    [Fact]
    public async Task First_row_of_a_stream_is_the_one_with_the_lowest_number_wherever_it_is()
    {
        await JoinAsync();
        await AppendAsync(Entry("a3", stream: 1, number: 3), Entry("a2", stream: 1, number: 2), Entry("b7", stream: -2, number: 7));
        Assert.Equal("a2 log, b7 log", await HeadsAsync(1, -2, 3));
        List<OutboxRow> rows = await LogAsync();
        Assert.All(rows, static row => Assert.NotNull(row.Stream));
        await SettleAsync(
            Park(rows.Single(static row => Text(row) == "a2"), TimeSpan.FromHours(1)),
            Park(rows.Single(static row => Text(row) == "b7")));

        Assert.Equal("a2 parked, b7 parked", await HeadsAsync(-2, 1));
        await PassAsync(TimeSpan.FromHours(2));
        OutboxRow head = Assert.Single((await ParkedAsync()).Rows, static row => Text(row) == "a2");
        Assert.Equal(1, head.Stream);
        await SettleAsync(Delivered(head));

        Assert.Equal("a3 log, b7 parked", await HeadsAsync(1, -2));
    }

    [Fact]
    public async Task Parked_row_that_leaves_the_order_blocks_its_stream_no_more()
    {
        await JoinAsync();
        await AppendAsync(Entry("1", stream: 1, number: 1), Entry("2", stream: 1, number: 2), Entry("3", stream: 1, number: 3));
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync(Leaving(rows.Single(static row => Text(row) == "1")));
        Assert.Equal("2 log", await HeadsAsync(1));
        await SettleAsync(Park(rows.Single(static row => Text(row) == "2")));
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow second = Assert.Single((await ParkedAsync()).Rows, static row => Text(row) == "2");

        await SettleAsync(Leaving(second));

        Assert.Equal("3 log", await HeadsAsync(1));
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.All((await ParkedAsync()).Rows, static row => Assert.Null(row.Stream));
    }

    [Fact]
    public async Task Row_without_an_order_has_no_stream()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));
        Assert.Null((await OneAsync()).Stream);
        await SettleAsync(Park(await OneAsync()));
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.Null(Assert.Single((await ParkedAsync()).Rows).Stream);
    }

    private static OutboxChange Leaving(OutboxRow row) => new()
    {
        Row = row,
        Kind = OutboxChangeKind.Park,
        Attempts = 1,
        Horizon = Horizon,
        Reason = "server_error",
        LeavesOrder = true,
    };

    /// <summary>Returns the first rows of streams and their tables, in order of the texts.</summary>
    private async Task<string> HeadsAsync(params long[] streams)
    {
        await using OutboxReader reader = Store.OpenReader();
        List<OutboxRow> rows = [];
        await reader.ReadHeadsAsync(streams, long.MaxValue, rows, default);
        return string.Join(
            ", ", rows.Select(static row => $"{Encoding.UTF8.GetString(row.Sealed)} {(row.IsParked ? "parked" : "log")}").Order());
    }

    /// <summary>Lets a worker die, and another one take all its lanes.</summary>
    private async Task DieAsync(Guid dead, Guid next)
    {
        await JoinAsync(next);
        await ExpireAsync(dead);
        await Store.RenewAsync(next, Lease, false, default, default);
        Assert.NotEmpty(await Store.TakeLanesAsync(next, 64, default));
    }
}
