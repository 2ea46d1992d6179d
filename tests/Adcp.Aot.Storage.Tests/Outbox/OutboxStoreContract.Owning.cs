namespace Adcp.Aot.Storage.Tests.Outbox;

public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task Worker_takes_lanes_once()
    {
        await JoinAsync();

        IReadOnlyList<(short Lane, int Unclean)> first = await Store.TakeLanesAsync(Me, 10, default);
        IReadOnlyList<(short Lane, int Unclean)> rest = await Store.TakeLanesAsync(Me, 100, default);

        Assert.Equal(10, first.Count);
        Assert.Equal(AllLanes, first.Concat(rest).Select(static taken => taken.Lane).Order());
        Assert.All(first.Concat(rest), static taken => Assert.Equal(0, taken.Unclean));
        Assert.Empty(await Store.TakeLanesAsync(Me, 100, default));
    }

    [Fact]
    public async Task Workers_that_take_at_the_same_time_share_the_lanes()
    {
        Guid[] workers = [.. Enumerable.Range(0, 32).Select(static _ => Guid.NewGuid())];
        foreach (Guid worker in workers)
        {
            await JoinAsync(worker);
        }

        List<short> taken = [];
        for (int round = 0; round < 10 && taken.Count < OutboxLanes.Count; round++)
        {
            IReadOnlyList<(short Lane, int Unclean)>[] lanes = await Task.WhenAll(
                workers.Select(async worker => await Task.Run(async () => await Store.TakeLanesAsync(worker, 2, default))));
            taken.AddRange(lanes.SelectMany(static some => some).Select(static some => some.Lane));
        }

        Assert.Equal(AllLanes, taken.Order());
    }

    [Fact]
    public async Task Lanes_of_a_worker_are_listed_with_the_deaths_before_it()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        Assert.Empty(await Store.OwnedLanesAsync(Me, default));
        IReadOnlyList<(short Lane, int Unclean)> taken = await Store.TakeLanesAsync(Me, 3, default);

        Assert.Equal(taken.Order(), (await Store.OwnedLanesAsync(Me, default)).Order());
        Assert.Empty(await Store.OwnedLanesAsync(other, default));
        await ExpireAsync(Me);
        await Store.RenewAsync(other, Lease, false, default, default);
        await Store.TakeLanesAsync(other, 64, default);
        Assert.Equal(3, (await Store.OwnedLanesAsync(other, default)).Count(static lane => lane.Unclean == 1));
        await Store.ReturnLaneAsync(other, taken[0].Lane, default);
        Assert.Equal(63, (await Store.OwnedLanesAsync(other, default)).Count);
    }

    [Fact]
    public async Task Worker_that_is_gone_takes_no_lane()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        await ExpireAsync(Me);
        await Store.RenewAsync(other, Lease, false, default, default);

        Assert.Empty(await Store.TakeLanesAsync(Me, 10, default));
        Assert.Equal(64, (await Store.TakeLanesAsync(other, 64, default)).Count);
    }

    [Fact]
    public async Task Renewal_says_whether_the_worker_is_alive_and_how_many_work()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);

        Assert.Equal((true, 2), await Store.RenewAsync(Me, Lease, false, default, default));
        Assert.Equal((true, 1), await Store.RenewAsync(other, Lease, true, default, default));
        Assert.Equal((true, 1), await Store.RenewAsync(Me, Lease, false, default, default));
        await ExpireAsync(Me);
        Assert.Equal((true, 1), await Store.RenewAsync(other, Lease, false, default, default));
        Assert.False((await Store.RenewAsync(Me, Lease, false, default, default)).IsAlive);
        Assert.False((await Store.RenewAsync(Guid.NewGuid(), Lease, false, default, default)).IsAlive);
    }

    [Fact]
    public async Task Worker_that_renews_late_but_before_its_burial_is_alive()
    {
        await JoinAsync();
        await ExpireAsync(Me);

        Assert.Equal((true, 1), await Store.RenewAsync(Me, Lease, false, default, default));
    }

    [Fact]
    public async Task Lanes_of_a_dead_worker_are_free_after_its_burial_and_its_death_is_counted()
    {
        Guid second = Guid.NewGuid();
        Guid third = Guid.NewGuid();
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 64, default);
        await JoinAsync(second);
        await ExpireAsync(Me);
        Assert.Empty(await Store.TakeLanesAsync(second, 64, default));

        await Store.RenewAsync(second, Lease, false, default, default);
        IReadOnlyList<(short Lane, int Unclean)> taken = await Store.TakeLanesAsync(second, 64, default);

        Assert.Equal(64, taken.Count);
        Assert.All(taken, static lane => Assert.Equal(1, lane.Unclean));
        await JoinAsync(third);
        await Store.ReturnLaneAsync(second, 5, default);
        await ExpireAsync(second);
        await Store.RenewAsync(third, Lease, false, default, default);
        taken = await Store.TakeLanesAsync(third, 64, default);
        Assert.Equal(64, taken.Count);
        Assert.All(taken, static lane => Assert.Equal(lane.Lane == 5 ? 0 : 2, lane.Unclean));
    }

    [Fact]
    public async Task Lane_that_is_given_back_is_free_and_only_its_owner_gives_it_back()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        await Store.TakeLanesAsync(Me, 64, default);

        await Store.ReturnLaneAsync(other, 7, default);
        Assert.Empty(await Store.TakeLanesAsync(other, 64, default));
        await Store.ReturnLaneAsync(Me, 7, default);

        Assert.Equal([((short)7, 0)], await Store.TakeLanesAsync(other, 64, default));
    }

    [Fact]
    public async Task Worker_that_left_is_not_counted_and_its_settlements_change_nothing()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        await AppendAsync(Entry("a"));
        OutboxRow row = await OneAsync();

        await Store.LeaveAsync(Me, default);

        Assert.Equal((true, 1), await Store.RenewAsync(other, Lease, false, default, default));
        Assert.Equal(0, await SettleAsync(Delivered(row)));
        Assert.Single(await LogAsync());
    }

    [Fact]
    public async Task Workers_are_listed_with_their_lanes_and_the_rest_of_their_lease()
    {
        Assert.Empty(await Store.ListWorkersAsync(default));
        await JoinAsync();
        IReadOnlyList<(short Lane, int Unclean)> taken = await Store.TakeLanesAsync(Me, 12, default);
        Guid other = Guid.NewGuid();
        await Store.JoinAsync(other, "a second one", Lease, default);
        await Store.RenewAsync(other, Lease, isDraining: true, default, default);

        IReadOnlyList<OutboxWorkerRow> workers = await Store.ListWorkersAsync(default);

        OutboxWorkerRow me = Assert.Single(workers, static worker => worker.Worker == Me);
        Assert.Equal(taken.Select(static lane => (int)lane.Lane).Order(), me.Lanes);
        Assert.InRange(me.LeaseLeft, Lease - TimeSpan.FromMinutes(1), Lease);
        OutboxWorkerRow second = Assert.Single(workers, worker => worker.Worker == other);
        Assert.Equal(("a second one", true, 0), (second.Name, second.IsDraining, second.Lanes.Count));
        await ExpireAsync(Me);
        Assert.True((await Store.ListWorkersAsync(default)).Single(static worker => worker.Worker == Me).LeaseLeft <= TimeSpan.Zero);
    }

    [Fact]
    public async Task Counts_say_how_much_waits_and_who_works()
    {
        Assert.Equal(new OutboxCounts(0, 0, 0, null, 0, 64, default), await Store.CountAsync(default));
        await JoinAsync();
        await Store.TakeLanesAsync(Me, 60, default);
        await AppendAsync(
            Entry("soon", notBefore: TimeSpan.FromMinutes(5)), Entry("a", endpoint: 1), Entry("b", endpoint: 2), Entry("c", endpoint: 3),
            Entry("later", notBefore: TimeSpan.FromDays(1)));
        List<OutboxRow> rows = await LogAsync();
        OutboxChange park = Park(rows.Single(static row => Text(row) == "b"), TimeSpan.FromHours(1));
        await SettleAsync(park, Dead(rows.Single(static row => Text(row) == "c")));
        await PassAsync(TimeSpan.FromMinutes(10));

        OutboxCounts counts = await Store.CountAsync(default);

        Assert.Equal((3, 1, 1, 1, 4), (counts.Waiting, counts.Parked, counts.Dead, counts.Workers, counts.UnownedLanes));
        Assert.InRange(counts.OldestDue!.Value, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(11));
        await ExpireAsync(Me);
        counts = await Store.CountAsync(default);
        Assert.Equal((0, 64), (counts.Workers, counts.UnownedLanes));
    }

    [Fact]
    public async Task Counts_have_the_sums_of_living_workers_as_of_their_last_renewals()
    {
        Guid other = Guid.NewGuid();
        Guid dead = Guid.NewGuid();
        foreach (Guid worker in new[] { Me, other, dead })
        {
            await JoinAsync(worker);
        }

        await Store.RenewAsync(dead, TimeSpan.FromSeconds(-10), false, new OutboxFigures(100, 100, 100, 100, 100), default);
        OutboxFigures joined = await FiguresAsync();
        await Store.RenewAsync(Me, Lease, false, new OutboxFigures(1, 2, 3, 4, 5), default);
        await Store.RenewAsync(other, Lease, true, new OutboxFigures(10, 20, 3_000_000_000, 40, 50), default);
        OutboxFigures both = await FiguresAsync();
        await Store.RenewAsync(Me, Lease, false, new OutboxFigures(0, 1, 4, 4, 5), default);
        OutboxFigures later = await FiguresAsync();
        await Store.LeaveAsync(other, default);
        OutboxFigures left = await FiguresAsync();

        Assert.Equal(
            [default, new(11, 22, 3_000_000_003, 44, 55), new(10, 21, 3_000_000_004, 44, 55), new(0, 1, 4, 4, 5)],
            new[] { joined, both, later, left });

        async Task<OutboxFigures> FiguresAsync() => (await Store.CountAsync(default)).Figures;
    }
}
