using System.Text;

namespace Adcp.Aot.Storage.Tests.Outbox;

public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task Switch_is_read_with_its_texts_and_once_by_a_reader_of_later_revisions()
    {
        OutboxSwitch first = Assert.Single(await Store.Switches.ReadAsync(0, default));

        OutboxSwitch isolated = (await SetAsync("00000000000000aa", true, "buyer's \u00e4", "'; --", null))!;
        OutboxSwitch other = (await SetAsync("00000000000000bb", true, "b", "bob", "because"))!;
        IReadOnlyList<OutboxSwitch> both = await Store.Switches.ReadAsync(first.Revision, default);
        OutboxSwitch reset = (await SetAsync("00000000000000aa", false, "buyer", "alice", "is \"back\""))!;
        IReadOnlyList<OutboxSwitch> later = await Store.Switches.ReadAsync(both[^1].Revision, default);

        Assert.Equal((OutboxSwitch.All, false), (first.Target, first.IsStopped));
        Assert.Equal([isolated, other], both.Where(static row => row.Target != OutboxSwitch.All));
        Assert.Equal(("buyer's \u00e4", "'; --", null), (isolated.Name, isolated.Actor, isolated.Reason));
        Assert.InRange(isolated.ChangedAt, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
        Assert.Equal([reset], later.Where(static row => row.Target != OutboxSwitch.All));
        Assert.Equal("is \"back\"", reset.Reason);
        Assert.DoesNotContain(
            await Store.Switches.ReadAsync(reset.Revision, default), static row => row.Target != OutboxSwitch.All);
    }

    [Fact]
    public async Task Switch_of_all_deliveries_is_kept_when_others_change()
    {
        await SetAsync(OutboxSwitch.All, true, "", "alice", "incident");
        await SetAsync("00000000000000aa", true, "a", "bob", null);

        OutboxSwitch all = (await Store.Switches.ReadAsync(0, default)).Single(static row => row.Target == OutboxSwitch.All);

        Assert.Equal((true, "alice", "incident"), (all.IsStopped, all.Actor, all.Reason));
    }

    [Fact]
    public async Task Reader_misses_no_switch_of_those_that_are_set_at_the_same_time()
    {
        HashSet<string> seen = [];
        long revision = 0;
        Task setting = Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 10; i++)
            {
                await SetAsync($"{(worker * 10) + i:x16}", true, "n", "a", null);
            }
        })));
        bool isLast;
        do
        {
            isLast = setting.IsCompleted;
            foreach (OutboxSwitch row in await Store.Switches.ReadAsync(revision, default))
            {
                seen.Add(row.Target);
                revision = row.Revision;
            }
        }
        while (!isLast);

        await setting;
        Assert.Equal(81, seen.Count);
    }

    [Fact]
    public async Task Switches_are_bounded_and_those_that_were_reset_are_purged_after_a_day()
    {
        await SetAsync("00000000000000aa", true, "a", "a", null);
        await SetAsync("00000000000000bb", false, "b", "a", null);
        await Database.ExecuteAsync(
            Dialect == SqlDialect.Sqlite
                ? $"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {OutboxSwitchTable.MaxSwitches - 3}) "
                    + $"INSERT INTO {Tables.Switch} SELECT 'row ' || i, 1, 0, 1, '', '', NULL FROM n"
                : $"INSERT INTO {Tables.Switch} (target, revision, changed_at, is_stopped, name, actor) "
                    + $"SELECT 'row ' || i, 1, 0, true, '', '' FROM generate_series(1, {OutboxSwitchTable.MaxSwitches - 3}) AS i");

        Assert.Null(await SetAsync("00000000000000cc", true, "c", "a", null));
        Assert.NotNull(await SetAsync("00000000000000aa", true, "a", "a", null));
        Assert.Equal(0, await Store.PurgeAsync(default));
        await Database.ExecuteAsync($"UPDATE {Tables.Switch} SET changed_at = changed_at - {25 * 60 * 60 * 1000}");
        Assert.Equal(1, await Store.PurgeAsync(default));

        Assert.NotNull(await SetAsync("00000000000000cc", true, "c", "a", null));
        Assert.Equal(
            ["00000000000000aa", "00000000000000cc", OutboxSwitch.All],
            (await Store.Switches.ReadAsync(0, default)).Select(static row => row.Target)
                .Where(static target => !target.StartsWith("row", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Endpoints_with_parked_rows_are_listed_once_each_and_found()
    {
        await JoinAsync();
        await AppendAsync(
            Entry("a", lane: 0, endpoint: 7), Entry("b", lane: 0, endpoint: 7), Entry("c", lane: 3, endpoint: long.MaxValue),
            Entry("d", lane: 3, endpoint: long.MinValue), Entry("e", lane: 63, endpoint: -1), Entry("f", lane: 5, endpoint: 8));
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync([.. rows.Where(static row => row.Endpoint != 8).Select(static row => Park(row))]);

        IReadOnlyList<long> all = await Store.ListParkedEndpointsAsync(100, static row => row.Endpoint, default);
        IReadOnlyList<long> two = await Store.ListParkedEndpointsAsync(2, static row => row.Endpoint, default);
        OutboxWaitingRow? found = await Store.FindParkedAsync(-1, default);
        IReadOnlyList<long> counts = await Store.CountParkedAsync([long.MaxValue, 8, 7, -1, long.MinValue], 100, default);
        IReadOnlyList<long> bounded = await Store.CountParkedAsync([7], 1, default);

        Assert.Equal([7, long.MinValue, long.MaxValue, -1], all);
        Assert.Equal([7, long.MinValue], two);
        Assert.Equal([1, 0, 2, 1, 1], counts);
        Assert.Equal([1], bounded);
        Assert.Equal((63, "e"), (found!.Lane, Encoding.UTF8.GetString(found.Sealed)));
        Assert.Null(await Store.FindParkedAsync(8, default));
    }

    private ValueTask<OutboxSwitch?> SetAsync(string target, bool isStopped, string name, string actor, string? reason) =>
        Store.Switches.SetAsync(target, isStopped, name, actor, reason, default);
}
