using CsCheck;

namespace Adcp.Aot.Storage.Tests.Outbox;

public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task Row_that_is_appended_alone_is_read_once_as_it_was_written()
    {
        await using OutboxReader reader = Reader();

        long id = Assert.Single(await AppendAsync(Entry("a", lane: 63, endpoint: long.MinValue, tenant: long.MaxValue)));

        OutboxRow row = Assert.Single(await ReadAllAsync(reader));
        Assert.Equal(((short)63, id, long.MinValue, long.MaxValue, "a"), (row.Lane, row.Id, row.Endpoint, row.Tenant, Text(row)));
        Assert.Equal("key-1", row.KeyId);
        Assert.Equal((false, 0, 0, null), (row.IsParked, row.Attempts, row.Unclean, row.TimeLeft));
        Assert.True(row.DueIn <= TimeSpan.Zero, $"The row is due in {row.DueIn}.");
        Assert.Empty(await ReadAllAsync(reader));
    }

    [Fact]
    public async Task Ids_of_a_bulk_are_in_its_order_and_unlike()
    {
        OutboxEntry[] entries =
        [
            .. Enumerable.Range(0, 2_500)
                .Select(i => Entry($"{i}", (short)(i % OutboxLanes.Count), binding: i % 2 == 0 ? Hash($"{i}") : null)),
        ];

        long[] ids = await AppendAsync(entries);

        Dictionary<long, string> rows = (await LogAsync()).ToDictionary(static row => row.Id, Text);
        Assert.Equal(entries.Length, rows.Count);
        Assert.Equal(Enumerable.Range(0, entries.Length).Select(static i => $"{i}"), ids.Select(id => rows[id]));
    }

    [Fact]
    public async Task Row_of_a_callers_transaction_is_there_with_its_commit_and_not_before()
    {
        await using OutboxReader reader = Reader();
        Assert.Empty(await ReadAllAsync(reader));

        await InTransactionAsync(async transaction =>
        {
            Assert.Single(await Store.AppendAsync(transaction, [Entry("a")], default));
            Assert.Equal(2, (await Store.AppendAsync(transaction, [Entry("b"), Entry("c")], default)).Length);
            Assert.Empty(await ReadAllAsync(reader));
        });

        Assert.Equal(["a", "b", "c"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Rollback_leaves_no_row_binding_or_number()
    {
        await InTransactionAsync(
            async transaction =>
            {
                await Store.DrawNumbersAsync(transaction, ["s"], default);
                await Store.BindAsync(transaction, [Binding("id")], default);
                await Store.AppendAsync(transaction, [Entry("a")], default);
            },
            commit: false);

        Assert.Empty(await LogAsync());
        Assert.Null(await Store.FindAsync(Hash("id"), default));
        await InTransactionAsync(async transaction => Assert.Equal("1", await DrawAsync(transaction, "s")));
    }

    [Fact]
    public async Task Transaction_of_the_outboxs_own_is_committed_or_leaves_nothing()
    {
        await using (OutboxTransaction transaction = await Store.BeginAsync(default))
        {
            await Store.AppendAsync(transaction.Transaction, [Entry("lost")], default);
        }

        await using (OutboxTransaction transaction = await Store.BeginAsync(default))
        {
            await Store.AppendAsync(transaction.Transaction, [Entry("kept")], default);
            await transaction.CommitAsync(default);
        }

        Assert.Equal(["kept"], Texts(await LogAsync()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public async Task More_rows_than_a_page_are_read_once_with_rows_that_come_between_pages(int limit)
    {
        await using OutboxReader reader = Reader();
        List<OutboxRow> rows = [];
        await reader.ReadAsync(rows, limit, long.MaxValue, false, default);
        await AppendAsync([.. Enumerable.Range(0, 20).Select(i => Entry($"{i:D3}", (short)(i % OutboxLanes.Count)))]);

        for (int i = 20; i < 40; i++)
        {
            await reader.ReadAsync(rows, limit, long.MaxValue, false, default);
            await AppendAsync(Entry($"{i:D3}", (short)(i * 7 % OutboxLanes.Count)));
        }

        rows.AddRange(await ReadAllAsync(reader, limit));
        Assert.Equal(Enumerable.Range(0, 40).Select(static i => $"{i:D3}"), Texts(rows));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Row_that_comes_while_many_are_unread_does_not_wait_for_their_end(bool wereThereBefore)
    {
        OutboxEntry[] many = [.. Enumerable.Range(0, 40).Select(i => Entry($"{i:D3}"))];
        await AppendAsync(wereThereBefore ? many : []);
        await using OutboxReader reader = Reader();
        List<OutboxRow> rows = [];
        await reader.ReadAsync(rows, 4, long.MaxValue, false, default);
        await AppendAsync(wereThereBefore ? [] : many);
        Assert.True(await reader.ReadAsync(rows, 4, long.MaxValue, false, default));
        await AppendAsync(Entry("new"));

        Assert.True(await reader.ReadAsync(rows, 4, long.MaxValue, false, default));
        Assert.True(await reader.ReadAsync(rows, 4, long.MaxValue, false, default));

        Assert.Contains("new", Texts(rows));
        rows.AddRange(await ReadAllAsync(reader, 4));
        Assert.Equal([.. Enumerable.Range(0, 40).Select(static i => $"{i:D3}"), "new"], Texts(rows).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Read_of_new_rows_only_leaves_a_backlog_to_a_later_read()
    {
        await AppendAsync(Entry("old 1"), Entry("old 2"));
        await using OutboxReader reader = Reader();
        List<OutboxRow> rows = [];

        Assert.True(await reader.ReadAsync(rows, 4, long.MaxValue, newOnly: true, default));
        Assert.Empty(rows);
        await AppendAsync(Entry("new"));
        Assert.True(await reader.ReadAsync(rows, 4, long.MaxValue, newOnly: true, default));

        Assert.Equal(["new"], Texts(rows));
        Assert.Equal(["old 1", "old 2"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Rows_that_arrive_faster_than_they_are_read_are_read_once()
    {
        await using OutboxReader reader = Reader();
        List<OutboxRow> rows = [];
        for (int i = 0; i < 30; i++)
        {
            await AppendAsync([.. Enumerable.Range(0, 10).Select(row => Entry($"{(10 * i) + row:D3}"))]);
            await reader.ReadAsync(rows, 2, long.MaxValue, false, default);
        }

        rows.AddRange(await ReadAllAsync(reader, 7));

        Assert.Equal(Enumerable.Range(0, 300).Select(static i => $"{i:D3}"), Texts(rows).Order(StringComparer.Ordinal));
        Assert.Empty(await ReadAllAsync(reader));
    }

    [Fact]
    public async Task No_page_has_more_rows_than_its_limit()
    {
        await AppendAsync([.. Enumerable.Range(0, 30).Select(i => Entry($"{i}"))]);
        await using OutboxReader reader = Reader();
        List<OutboxRow> rows = [];

        for (int before = 0; await reader.ReadAsync(rows, 4, long.MaxValue, false, default); before = rows.Count)
        {
            Assert.True(rows.Count - before <= 4);
        }

        Assert.Equal(30, rows.Count);
    }

    [Fact]
    public async Task Page_ends_with_the_row_that_reaches_its_bytes()
    {
        await AppendAsync([.. Enumerable.Range(0, 30).Select(i => Entry($"{i:D3}", (short)(i % 2)))]);
        await using OutboxReader reader = Reader(0);
        List<OutboxRow> rows = [];

        for (int before = 0; await reader.ReadAsync(rows, 1000, 7, false, default); before = rows.Count)
        {
            Assert.InRange(rows.Count - before, 0, 3);
            if (rows.Count == 3)
            {
                // The rows of a lane that joins are read beside those that come.
                await AppendAsync(Entry("new"));
            }

            if (rows.Count > 3)
            {
                reader.Join([1]);
            }
        }

        Assert.Equal(31, rows.Select(static row => row.Id).Distinct().Count());
        Assert.Equal(31, rows.Count);
    }

    [Fact]
    public async Task Page_of_parked_rows_ends_with_the_row_that_reaches_its_bytes()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 7).Select(i => Entry($"{i:D3}"))]);
        await SettleAsync([.. (await LogAsync()).Select(static row => Park(row))]);
        await using OutboxReader reader = Store.OpenReader();
        List<OutboxRow> rows = [];
        List<int> pages = [];
        for (TimeSpan? next = TimeSpan.Zero; next is not null;)
        {
            (long, long) after = rows.Count == 0 ? Start : (rows[^1].DueAt, rows[^1].Id);
            List<OutboxRow> page = [];
            next = await reader.ReadParkedAsync(0, 7, after, 100, 7, page, default);
            rows.AddRange(page);
            pages.Add(page.Count);
            Assert.True(next is null || next == TimeSpan.Zero);
        }

        Assert.Equal([3, 3, 1], pages);
        Assert.Equal(Enumerable.Range(0, 7).Select(static i => $"{i:D3}"), Texts(rows));
    }

    [Fact]
    public async Task Read_of_first_rows_ends_with_the_row_that_reaches_its_bytes()
    {
        await AppendAsync([.. Enumerable.Range(0, 7).Select(i => Entry($"{i:D3}", stream: i, number: 1))]);
        await using OutboxReader reader = Store.OpenReader();
        List<OutboxRow> rows = [];

        await reader.ReadHeadsAsync([0, 1, 2, 3, 4, 5, 6], 7, rows, default);

        Assert.Equal(3, rows.Count);
    }

    [Fact]
    public async Task Reader_reads_its_own_lanes_only_and_nothing_without_a_lane()
    {
        await AppendAsync(Entry("0"), Entry("1", 1), Entry("63", 63));
        await using OutboxReader reader = Store.OpenReader();
        Assert.Empty(await ReadAllAsync(reader));

        reader.Join([1, 63]);

        Assert.Equal(["1", "63"], Texts(await ReadAllAsync(reader)));
        await AppendAsync(Entry("0b"), Entry("1b", 1));
        Assert.Equal(["1b"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Lane_that_joins_later_brings_its_earlier_rows_once()
    {
        await AppendAsync(Entry("0"), Entry("1", 1));
        await using OutboxReader reader = Reader(0);
        Assert.Equal(["0"], Texts(await ReadAllAsync(reader)));
        await AppendAsync(Entry("0b"), Entry("1b", 1));
        Assert.Equal(["0b"], Texts(await ReadAllAsync(reader)));
        await AppendAsync(Entry("0c"), Entry("1c", 1));

        reader.Join([1]);

        Assert.Equal(["0c", "1", "1b", "1c"], Texts(await ReadAllAsync(reader, 2)));
        Assert.Empty(await ReadAllAsync(reader));
    }

    [Fact]
    public async Task Lane_that_left_is_not_read_any_more_and_is_read_from_its_beginning_when_it_returns()
    {
        await AppendAsync(Entry("0"), Entry("1", 1));
        await using OutboxReader reader = Reader(0, 1);
        Assert.Equal(["0", "1"], Texts(await ReadAllAsync(reader)));

        reader.Leave(1);
        await AppendAsync(Entry("0b"), Entry("1b", 1));

        Assert.Equal(["0b"], Texts(await ReadAllAsync(reader)));
        reader.Join([1]);
        Assert.Equal(["1", "1b"], Texts(await ReadAllAsync(reader, 1)));
    }

    [Fact]
    public async Task Lane_that_leaves_while_it_is_read_from_its_beginning_is_not_read_on()
    {
        await AppendAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"{i}", (short)(i % 2)))]);
        await using OutboxReader reader = Reader(0, 1);
        List<OutboxRow> rows = [];
        while (rows.Count == 0)
        {
            await reader.ReadAsync(rows, 2, long.MaxValue, false, default);
        }

        reader.Leave(0);

        List<OutboxRow> later = await ReadAllAsync(reader, 2);
        Assert.All(later, static row => Assert.Equal(1, row.Lane));
        Assert.Equal(["1", "3", "5", "7", "9"], Texts(rows.Concat(later).Where(static row => row.Lane == 1)));
    }

    [Fact]
    public async Task Reset_forgets_all_lanes()
    {
        await AppendAsync(Entry("a"));
        await using OutboxReader reader = Reader();
        Assert.Single(await ReadAllAsync(reader));

        reader.Reset();

        await AppendAsync(Entry("b"));
        Assert.Empty(await ReadAllAsync(reader));
        reader.Join([0]);
        Assert.Equal(["a", "b"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Row_that_was_read_is_not_read_again_before_or_after_it_is_settled()
    {
        await JoinAsync();
        await using OutboxReader reader = Reader();
        await AppendAsync(Entry("a"), Entry("b"));
        List<OutboxRow> rows = await ReadAllAsync(reader);
        Assert.Empty(await ReadAllAsync(reader));

        Assert.Equal(1, await SettleAsync(Delivered(rows[0])));

        Assert.Empty(await ReadAllAsync(reader));
        await AppendAsync(Entry("c"));
        Assert.Equal(["c"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Row_that_is_not_due_is_read_with_the_time_until_it_is()
    {
        await AppendAsync(Entry("a", notBefore: TimeSpan.FromMinutes(10), maxAge: TimeSpan.FromHours(2)));
        await PassAsync(TimeSpan.FromMinutes(4));

        OutboxRow row = await OneAsync();

        Assert.InRange(row.DueIn, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(6));
        Assert.InRange(row.TimeLeft!.Value, TimeSpan.FromMinutes(115), TimeSpan.FromMinutes(116));
    }

    [Fact]
    public async Task Any_order_of_appends_rollbacks_reads_and_moves_of_lanes_reads_each_row_once()
    {
        await Gen.Int[0, 9].Array[10, 60].SampleAsync(
            async steps =>
            {
                await Database.ExecuteAsync($"DELETE FROM {Tables.Log}");
                await using OutboxReader reader = Store.OpenReader();
                HashSet<short> lanes = [];
                Dictionary<long, short> expected = [];
                HashSet<long> read = [];
                for (int i = 0; i < steps.Length; i++)
                {
                    await StepAsync(steps[i], i);
                }

                Assert.True(await DrainAsync());
                Assert.Equal(expected.Where(row => lanes.Contains(row.Value)).Select(static row => row.Key).Order(), read.Order());

                async Task StepAsync(int step, int i)
                {
                    short lane = (short)(i % 4);
                    switch (step)
                    {
                        case <= 2:
                            foreach (long id in await AppendAsync(Entry("x", lane), Entry("y", lane)))
                            {
                                expected.Add(id, lane);
                            }

                            break;
                        case 3:
                            await InTransactionAsync(async t => await Store.AppendAsync(t, [Entry("lost", lane)], default), commit: false);
                            break;
                        case 4 when lanes.Add(lane):
                            reader.Join([lane]);
                            break;
                        case 5 when lanes.Remove(lane):
                            // The next owner reads the lane from its beginning.
                            reader.Leave(lane);
                            read.ExceptWith(expected.Where(row => row.Value == lane).Select(static row => row.Key));
                            break;
                        default:
                            await PageAsync(step - 4);
                            break;
                    }
                }

                async Task<bool> PageAsync(int limit)
                {
                    List<OutboxRow> rows = [];
                    long maxBytes = limit % 2 == 0 ? 2 : long.MaxValue; // a row has one byte
                    bool more = await reader.ReadAsync(rows, Math.Max(1, limit), maxBytes, false, default);
                    Assert.True(rows.Count <= maxBytes);
                    Assert.All(rows, row => Assert.True(read.Add(row.Id), "A row was read twice."));
                    return more;
                }

                async Task<bool> DrainAsync()
                {
                    for (int calls = 0; calls < 1_000; calls++)
                    {
                        if (!await PageAsync(3))
                        {
                            return true;
                        }
                    }

                    return false;
                }
            },
            iter: 40,
            threads: 1);
    }
}
