using System.Data.Common;
using System.Globalization;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Outbox;

public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task Delivered_row_is_gone_and_only_that_one()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"), Entry("b"), Entry("c", 5));
        List<OutboxRow> rows = await LogAsync();

        Assert.Equal(2, await SettleAsync([.. rows.Where(static row => Text(row) != "b").Select(Delivered)]));

        Assert.Equal(["b"], Texts(await LogAsync()));
    }

    [Fact]
    public async Task Parked_row_moves_and_comes_back_whole_when_it_is_due()
    {
        await JoinAsync();
        await AppendAsync(Entry("a", lane: 3, endpoint: -5, tenant: 11));
        OutboxRow row = await OneAsync();

        Assert.Equal(1, await SettleAsync(Park(row, TimeSpan.FromMinutes(10))));

        Assert.Empty(await LogAsync());
        (List<OutboxRow> rows, TimeSpan? next) = await ParkedAsync(3, -5);
        Assert.Empty(rows);
        Assert.InRange(next!.Value, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(10));
        await PassAsync(TimeSpan.FromMinutes(11));
        (rows, next) = await ParkedAsync(3, -5);
        Assert.Null(next);
        OutboxRow parked = Assert.Single(rows);
        Assert.Equal((row.Id, (short)3, -5L, 11L, "a"), (parked.Id, parked.Lane, parked.Endpoint, parked.Tenant, Text(parked)));
        Assert.Equal((true, 1, "key-1"), (parked.IsParked, parked.Attempts, parked.KeyId));
        Assert.Equal(1, await SettleAsync(Delivered(parked)));
        await PassAsync(TimeSpan.FromDays(1));
        Assert.Empty((await ParkedAsync(3, -5)).Rows);
    }

    [Fact]
    public async Task Rescheduled_row_keeps_its_horizon_and_counts_its_attempts()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));
        await SettleAsync(Park(await OneAsync(), horizon: TimeSpan.FromHours(24)));
        await PassAsync(TimeSpan.FromHours(1));

        OutboxRow row = Assert.Single((await ParkedAsync()).Rows);
        Assert.Equal(1, await SettleAsync(Park(row, attempts: 2, horizon: TimeSpan.FromDays(7))));

        await PassAsync(TimeSpan.FromHours(1));
        row = Assert.Single((await ParkedAsync()).Rows);
        Assert.Equal(2, row.Attempts);
        Assert.InRange(row.TimeLeft!.Value, TimeSpan.FromHours(21.9), TimeSpan.FromHours(22));
    }

    [Fact]
    public async Task Rescheduled_row_is_behind_its_earlier_place_even_if_it_is_due_at_once()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));
        await SettleAsync(Park(await OneAsync()));
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow first = Assert.Single((await ParkedAsync()).Rows);

        await SettleAsync(Park(first, TimeSpan.FromDays(-3), attempts: 2));

        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow second = Assert.Single((await ParkedAsync()).Rows);
        Assert.True(second.DueAt + 1000 > first.DueAt, $"{second.DueAt} is not behind {first.DueAt}.");
        Assert.Equal(0, await SettleAsync(Delivered(first)));
        Assert.Equal(1, await SettleAsync(Delivered(second)));
    }

    [Fact]
    public async Task Row_that_is_parked_before_an_attempt_has_no_horizon_but_keeps_its_maximum_age()
    {
        await JoinAsync();
        await AppendAsync(Entry("young", endpoint: 1, maxAge: TimeSpan.FromHours(2)), Entry("endless", endpoint: 2));
        foreach (OutboxRow row in await LogAsync())
        {
            await SettleAsync(Park(row, attempts: 0));
        }

        await PassAsync(TimeSpan.FromHours(1));

        OutboxRow young = Assert.Single((await ParkedAsync(endpoint: 1)).Rows);
        OutboxRow endless = Assert.Single((await ParkedAsync(endpoint: 2)).Rows);
        Assert.InRange(young.TimeLeft!.Value, TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(60));
        Assert.Equal((0, null), (endless.Attempts, endless.TimeLeft));
        await SettleAsync(Park(young));
        await PassAsync(TimeSpan.FromHours(1));
        young = Assert.Single((await ParkedAsync(endpoint: 1)).Rows);
        Assert.InRange(young.TimeLeft!.Value, TimeSpan.FromHours(22.9), TimeSpan.FromHours(23));
    }

    [Fact]
    public async Task Horizon_begins_with_the_first_attempt_however_late_its_result_is_committed()
    {
        await JoinAsync();
        await AppendAsync(Entry("late"), Entry("later", endpoint: 8));
        Dictionary<string, OutboxRow> rows = (await LogAsync()).ToDictionary(Text);
        OutboxChange late = Park(rows["late"]);
        late.SinceAttempt = TimeSpan.FromHours(2);
        OutboxChange later = Dead(rows["later"]);
        later.SinceAttempt = Horizon + TimeSpan.FromHours(1);

        await SettleAsync(late, later);

        Assert.False(Assert.Single(await DeadAsync()).IsInsideHorizon);
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow row = Assert.Single((await ParkedAsync()).Rows);
        Assert.InRange(row.TimeLeft!.Value, TimeSpan.FromHours(21.9), TimeSpan.FromHours(22));
        OutboxChange second = Park(row, attempts: 2);
        second.SinceAttempt = TimeSpan.FromHours(5);
        await SettleAsync(second);
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.InRange(Assert.Single((await ParkedAsync()).Rows).TimeLeft!.Value, TimeSpan.FromHours(21.9), TimeSpan.FromHours(22));
    }

    [Fact]
    public async Task Horizon_and_maximum_age_that_are_over_are_negative()
    {
        await JoinAsync();
        await AppendAsync(Entry("old", maxAge: TimeSpan.FromHours(1)));
        await PassAsync(TimeSpan.FromHours(2));
        OutboxRow row = await OneAsync();
        Assert.True(row.TimeLeft < TimeSpan.Zero);

        await SettleAsync(Park(row, horizon: TimeSpan.FromHours(3)));

        await PassAsync(TimeSpan.FromHours(4));
        Assert.InRange(Assert.Single((await ParkedAsync()).Rows).TimeLeft!.Value, TimeSpan.FromHours(-1.1), TimeSpan.FromHours(-1));
    }

    [Fact]
    public async Task Parked_rows_of_an_endpoint_are_read_in_order_of_their_due_time()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 8).Select(i => Entry($"{i}", endpoint: i < 6 ? 7 : 8))]);
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync([.. rows.Select(row => Park(row, TimeSpan.FromMinutes(10 * (7 - int.Parse(Text(row))))))]);
        await PassAsync(TimeSpan.FromMinutes(45));

        (List<OutboxRow> page, TimeSpan? next) = await ParkedAsync(limit: 2);
        Assert.Equal(["5", "4"], page.Select(Text));
        Assert.Equal(TimeSpan.Zero, next);
        (page, next) = await ParkedAsync(after: (page[1].DueAt, page[1].Id), limit: 2);

        Assert.Equal(["3"], page.Select(Text));
        Assert.InRange(next!.Value, TimeSpan.FromMinutes(4.9), TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Endpoints_with_parked_rows_are_listed_with_their_first_due_time()
    {
        await JoinAsync();
        await AppendAsync(
            Entry("a", endpoint: long.MinValue), Entry("b", endpoint: long.MinValue), Entry("c", endpoint: long.MaxValue),
            Entry("d", lane: 1, endpoint: 5));
        foreach (OutboxRow row in await LogAsync())
        {
            int minutes = Text(row) switch { "a" => 20, "b" => 5, _ => 0 };
            await SettleAsync(Park(row, TimeSpan.FromMinutes(minutes)));
        }

        await PassAsync(TimeSpan.FromMinutes(1));
        await using OutboxReader reader = Store.OpenReader();

        IReadOnlyList<OutboxParkedEndpoint> listed = await reader.ListParkedAsync(0, default);

        Assert.Equal([long.MinValue, long.MaxValue], listed.Select(static item => item.Endpoint).Order());
        Assert.InRange(listed.Single(static item => item.Endpoint < 0).DueIn, TimeSpan.FromMinutes(3.9), TimeSpan.FromMinutes(4));
        Assert.Equal(TimeSpan.Zero, listed.Single(static item => item.Endpoint > 0).DueIn);
        Assert.Equal(5, Assert.Single(await reader.ListParkedAsync(1, default)).Endpoint);
        Assert.Empty(await reader.ListParkedAsync(2, default));
    }

    [Fact]
    public async Task Listed_endpoint_tells_the_attempts_and_refusals_of_its_first_and_last_parked_rows()
    {
        const int Many = 5 * OutboxParkedEndpoint.Sample;
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, Many).Select(static i => Entry($"{i:D2}", endpoint: 1)), Entry("few", endpoint: 2)]);
        foreach (OutboxRow row in await LogAsync())
        {
            await SettleAsync(Text(row) switch
            {
                "few" => Park(row, attempts: 3),
                "00" => OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.CircuitOpen),
                "39" => Park(row, TimeSpan.FromHours(1), attempts: 4),
                string text => Park(row, TimeSpan.FromMinutes(int.Parse(text, CultureInfo.InvariantCulture)), attempts: 1),
            });
        }

        await using OutboxReader reader = Store.OpenReader();
        IReadOnlyList<OutboxParkedEndpoint> listed = await reader.ListParkedAsync(0, default);

        Assert.Equal(
            [(1, (2 * OutboxParkedEndpoint.Sample) - 2 + 4, true), (2, 3, false)],
            listed.Select(static item => (item.Endpoint, item.Attempts, item.WasRefused)).Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dead_row_is_kept_whole_with_its_reason(bool wasParked)
    {
        await JoinAsync();
        await AppendAsync(Entry("a", lane: 3, endpoint: -5, tenant: 11));
        OutboxRow row = await OneAsync();
        if (wasParked)
        {
            await SettleAsync(Park(row));
            await PassAsync(TimeSpan.FromMinutes(1));
            row = Assert.Single((await ParkedAsync(3, -5)).Rows);
        }

        Assert.Equal(1, await SettleAsync(Dead(row, "rejected", row.Attempts + 1)));

        OutboxDeadRow dead = Assert.Single(await DeadAsync());
        Assert.Equal((row.Id, (short)3, -5L, 11L, "key-1"), (dead.Id, dead.Lane, dead.Endpoint, dead.Tenant, dead.KeyId));
        Assert.Equal("a"u8.ToArray(), dead.Sealed);
        Assert.Equal(("rejected", 410, wasParked ? 2 : 1), (dead.Reason, dead.StatusCode, dead.Attempts));
        Assert.InRange((dead.EndedAt - dead.FirstAttemptAt!.Value).TotalMinutes, wasParked ? 0.99 : 0, wasParked ? 1.5 : 0.01);
        Assert.True(dead.EndedAt >= dead.EnqueuedAt);
        Assert.True(dead.IsInsideHorizon);
        Assert.Empty(await LogAsync());
        Assert.Empty((await ParkedAsync(3, -5)).Rows);
    }

    [Fact]
    public async Task Row_that_ends_without_an_attempt_keeps_the_status_of_its_last_one()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));
        await SettleAsync(Park(await OneAsync()));
        await SettleAsync(OutboxChanges.Wait(Assert.Single((await ParkedAsync()).Rows), TimeSpan.Zero, "circuit_open"));
        await PassAsync(TimeSpan.FromSeconds(1));

        await SettleAsync(OutboxChanges.Dead(Assert.Single((await ParkedAsync()).Rows), "expired"));

        OutboxDeadRow dead = Assert.Single(await DeadAsync());
        Assert.Equal(("expired", 503), (dead.Reason, dead.StatusCode));
    }

    [Fact]
    public async Task Row_that_ends_without_any_attempt_has_no_status()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"), Entry("b"));
        await SettleAsync([.. (await LogAsync()).Select(static row => row.Id % 2 == 0
            ? OutboxChanges.Dead(row, "too_old")
            : OutboxChanges.Wait(row, TimeSpan.Zero, "circuit_open"))]);
        await PassAsync(TimeSpan.FromSeconds(1));
        await SettleAsync(OutboxChanges.Dead(Assert.Single((await ParkedAsync()).Rows), "too_old"));

        Assert.Equal([0, 0], (await DeadAsync()).Select(static dead => dead.StatusCode));
    }

    [Fact]
    public async Task Row_that_ends_without_an_attempt_has_no_first_attempt()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));

        await SettleAsync(Dead(await OneAsync(), "too_old", attempts: 0, statusCode: 0));

        OutboxDeadRow dead = Assert.Single(await DeadAsync());
        Assert.Equal((0, null, 0), (dead.Attempts, dead.FirstAttemptAt, dead.StatusCode));
    }

    [Fact]
    public async Task Changes_of_all_kinds_are_made_together()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 6).Select(i => Entry($"{i}", endpoint: i))]);
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync([.. rows.Where(static row => row.Endpoint >= 3).Select(row => Park(row))]);
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow[] mixed =
        [
            .. rows.Where(static row => row.Endpoint < 3).OrderBy(static row => row.Endpoint),
            Assert.Single((await ParkedAsync(endpoint: 3)).Rows),
            Assert.Single((await ParkedAsync(endpoint: 4)).Rows),
            Assert.Single((await ParkedAsync(endpoint: 5)).Rows),
        ];

        int applied = await SettleAsync(
            Delivered(mixed[0]), Park(mixed[1]), Dead(mixed[2]),
            Delivered(mixed[3]), Park(mixed[4], attempts: 2), Dead(mixed[5], attempts: 2));

        Assert.Equal(6, applied);
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxCounts counts = await Store.CountAsync(default);
        Assert.Equal((0, 2, 2), (counts.Waiting, counts.Parked, counts.Dead));
        Assert.Equal(1, Assert.Single((await ParkedAsync(endpoint: 1)).Rows).Attempts);
        Assert.Equal(2, Assert.Single((await ParkedAsync(endpoint: 4)).Rows).Attempts);
        Assert.Equal([5L, 2L], (await DeadAsync()).Select(static dead => dead.Endpoint));
    }

    [Fact]
    public async Task Settlement_says_for_each_row_whether_it_was_made()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 9).Select(i => Entry($"{i}", endpoint: i))]);
        OutboxRow[] rows = [.. (await LogAsync()).OrderBy(static row => row.Endpoint)];
        await SettleAsync(Delivered(rows[1]), Delivered(rows[4]), Delivered(rows[7]));
        OutboxChange[] changes = [.. rows.Select(row => row.Endpoint < 3 ? Delivered(row) : row.Endpoint < 6 ? Park(row) : Dead(row))];

        Assert.Equal(6, await SettleAsync(changes));

        Assert.Equal([0, 2, 3, 5, 6, 8], changes.Where(static change => change.IsApplied).Select(static change => change.Row.Endpoint));
        OutboxCounts counts = await Store.CountAsync(default);
        Assert.Equal((0, 2, 2), (counts.Waiting, counts.Parked, counts.Dead));
    }

    [Fact]
    public async Task Thousands_of_changes_are_made_in_one_call()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 2_000).Select(i => Entry($"{i}", (short)(i % OutboxLanes.Count), endpoint: i % 10))]);
        List<OutboxRow> rows = await LogAsync();

        int applied = await SettleAsync([.. rows.Select((row, i) => (i % 4) switch
        {
            0 => Park(row, TimeSpan.FromSeconds(i)),
            1 => Dead(row, $"reason {i}", attempts: i, statusCode: i),
            _ => Delivered(row),
        })]);

        Assert.Equal(2_000, applied);
        OutboxCounts counts = await Store.CountAsync(default);
        Assert.Equal((0, 500, 500), (counts.Waiting, counts.Parked, counts.Dead));
        foreach (OutboxDeadRow dead in await DeadAsync())
        {
            Assert.Equal(($"reason {dead.Attempts}", dead.Attempts), (dead.Reason, dead.StatusCode));
        }
    }

    [Fact]
    public async Task Empty_settlement_does_nothing() => Assert.Equal(0, await SettleAsync());

    [Fact]
    public async Task Reason_of_any_text_is_kept()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));

        await SettleAsync(Dead(await OneAsync(), "a\"b\\c'{}[],\n\u00e9\ud83d\ude00"));

        Assert.Equal("a\"b\\c'{}[],\n\u00e9\ud83d\ude00", Assert.Single(await DeadAsync()).Reason);
    }

    [Fact]
    public async Task Settlement_of_a_worker_that_is_gone_changes_nothing()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        await AppendAsync(Entry("log"), Entry("parked"));
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync(Park(rows.Single(static row => Text(row) == "parked")));
        await PassAsync(TimeSpan.FromSeconds(1));
        OutboxRow log = await OneAsync();
        OutboxRow parked = Assert.Single((await ParkedAsync()).Rows);
        await ExpireAsync(Me);
        await Store.RenewAsync(other, Lease, false, default, default);

        Assert.Equal(0, await SettleAsync(Delivered(log), Delivered(parked)));
        Assert.Equal(0, await SettleAsync(Park(log), Park(parked, attempts: 2)));
        Assert.Equal(0, await SettleAsync(Dead(log), Dead(parked)));

        OutboxCounts counts = await Store.CountAsync(default);
        Assert.Equal((1, 1, 0), (counts.Waiting, counts.Parked, counts.Dead));
        Assert.Equal(1, Assert.Single((await ParkedAsync()).Rows).Attempts);
        Assert.Equal(2, await SettleAsync(other, Delivered(log), Delivered(parked)));
    }

    [Fact]
    public async Task Settlement_that_is_made_again_after_its_answer_was_lost_changes_nothing_more()
    {
        await JoinAsync();
        await AppendAsync(Entry("delivered"), Entry("parked"), Entry("dead"));
        Dictionary<string, OutboxRow> rows = (await LogAsync()).ToDictionary(Text);
        FaultyDataSource faulty = new(Database.Source);
        await using OutboxSettler settler = Open(faulty, Tables).OpenSettler();
        OutboxChange[] changes = [Delivered(rows["delivered"]), Park(rows["parked"]), Dead(rows["dead"])];
        faulty.Once("COMMIT", Fault.LostAnswer());

        await Assert.ThrowsAnyAsync<Exception>(async () => await settler.SettleAsync(Me, changes, default));
        await settler.SettleAsync(Me, changes, default);

        OutboxCounts counts = await Store.CountAsync(default);
        Assert.Equal((0, 1, 1), (counts.Waiting, counts.Parked, counts.Dead));
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Assert.Single((await ParkedAsync()).Rows).Attempts);
    }

    [Fact]
    public async Task Settlement_over_a_connection_that_is_dead_changes_nothing_and_the_next_one_is_made()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"), Entry("b"));
        List<OutboxRow> rows = await LogAsync();
        FaultyDataSource faulty = new(Database.Source);
        await using OutboxSettler settler = Open(faulty, Tables).OpenSettler();
        await settler.SettleAsync(Me, [Delivered(rows[0])], default);
        OutboxChange change = Delivered(rows[1]);
        faulty.Once("DELETE", Fault.Stale());

        await Assert.ThrowsAnyAsync<Exception>(async () => await settler.SettleAsync(Me, [change], default));
        Assert.False(change.IsApplied);
        Assert.Single(await LogAsync());
        await settler.SettleAsync(Me, [change], default);

        Assert.True(change.IsApplied);
        Assert.Empty(await LogAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reader_loses_no_row_to_a_fault(bool isRun)
    {
        FaultyDataSource faulty = new(Database.Source);
        await using OutboxReader reader = Open(faulty, Tables).OpenReader();
        reader.Join(AllLanes);
        await AppendAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"{i}"))]);
        List<OutboxRow> rows = [];
        int faults = 0;

        for (int i = 10; i < 30; i++)
        {
            faulty.Once(Tables.Log, isRun ? Fault.LostAnswer() : Fault.Stale());
            int before = rows.Count;
            try
            {
                await reader.ReadAsync(rows, 3, long.MaxValue, false, default);
            }
            catch (Exception fault) when (fault is IOException or DbException)
            {
                faults++;
                Assert.Equal(before, rows.Count);
            }

            faulty.Plan = static (_, _) => null;
            await AppendAsync(Entry($"{i}"));
            await reader.ReadAsync(rows, 3, long.MaxValue, false, default);
        }

        rows.AddRange(await ReadAllAsync(reader, 3));
        Assert.True(faults > 0);
        Assert.Equal(Enumerable.Range(0, 30).Select(static i => $"{i}").Order(StringComparer.Ordinal), Texts(rows));
    }
}
