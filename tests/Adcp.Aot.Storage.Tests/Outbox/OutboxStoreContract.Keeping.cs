using System.Data.Common;
using System.Text;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

public abstract partial class OutboxStoreContract
{
    [Fact]
    public async Task Numbers_of_a_stream_begin_at_one_and_have_no_gap()
    {
        await InTransactionAsync(async transaction => Assert.Equal("1 1 2 3 2", await DrawAsync(transaction, "b", "a", "b", "b", "a")));
        await InTransactionAsync(async transaction => Assert.Equal("4", await DrawAsync(transaction, "b")), commit: false);

        await InTransactionAsync(async transaction =>
        {
            Assert.Equal("4", await DrawAsync(transaction, "b"));
            Assert.Equal("5 3", await DrawAsync(transaction, "b", "a"));
        });
    }

    private protected async Task<string> DrawAsync(DbTransaction transaction, params string[] streams) =>
        string.Join(' ', await Store.DrawNumbersAsync(transaction, streams, default));

    [Fact]
    public async Task Numbers_that_are_drawn_at_the_same_time_have_no_gap_and_no_double()
    {
        long[][] drawn = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () =>
        {
            await using OutboxTransaction transaction = await Store.BeginAsync(default);
            long[] numbers = await Store.DrawNumbersAsync(transaction.Transaction, i % 2 == 0 ? ["s", "t", "s"] : ["t", "s", "s"], default);
            if (i % 4 == 0)
            {
                return [];
            }

            await transaction.CommitAsync(default);
            return i % 2 == 0 ? [numbers[0], numbers[2]] : numbers[1..];
        })));

        Assert.Equal(Enumerable.Range(1, 30).Select(static n => (long)n), drawn.SelectMany(static some => some).Order());
    }

    [Fact]
    public async Task Streams_of_any_name_do_not_meet()
    {
        string[] names =
        [
            "", "a", "A", "a ", "\u00e4", "a\u0308", "'", "\"", "\\", "{", "}", ",", "NULL", "null", "%", "\n", "\ud800", "\0",
            new string('x', 3_000), new string('x', 3_001),
        ];

        await InTransactionAsync(async transaction =>
            Assert.All(await Store.DrawNumbersAsync(transaction, names, default), static number => Assert.Equal(1, number)));

        await InTransactionAsync(async transaction =>
            Assert.All(await Store.DrawNumbersAsync(transaction, names, default), static number => Assert.Equal(2, number)));
    }

    [Fact]
    public async Task Delivery_id_is_bound_once_and_its_first_binding_is_found()
    {
        OutboxBinding first = Binding("id", "payload", "whk_'\"\\{},");

        Assert.Null(await BindAsync(first));
        await InTransactionAsync(async transaction => await Store.KeepNumbersAsync(transaction, [(Hash("id"), 42)], default));
        OutboxBinding earlier = Assert.IsType<OutboxBinding>(await BindAsync(Binding("id", "other", "whk_2")));

        Assert.Equal(first.Hash, earlier.Hash);
        Assert.Equal(first.Fingerprint, earlier.Fingerprint);
        Assert.Equal((first.IdempotencyKey, 42), (earlier.IdempotencyKey, earlier.SequenceNumber));
        Assert.False(earlier.IsRetired);
        OutboxBinding found = Assert.IsType<OutboxBinding>(await Store.FindAsync(Hash("id"), default));
        Assert.Equal(first.IdempotencyKey, found.IdempotencyKey);
        Assert.Null(await Store.FindAsync(Hash("unknown"), default));
    }

    [Fact]
    public async Task Several_ids_are_bound_in_one_call_and_each_says_whether_it_was_bound()
    {
        await BindAsync(Binding("b", key: "earlier"));
        OutboxBinding?[] bound = [];

        await InTransactionAsync(async transaction => bound = await Store.BindAsync(
            transaction,
            [Binding("c", key: "c"), Binding("b", key: "b"), Binding("a", key: "a"), Binding("c", key: "again")],
            default));

        Assert.Equal([null, "earlier", null, "c"], bound.Select(static binding => binding?.IdempotencyKey));
        Assert.Null((await Store.FindAsync(Hash("a"), default))!.SequenceNumber);
    }

    [Fact]
    public async Task Id_that_is_bound_at_the_same_time_is_bound_by_one()
    {
        OutboxBinding?[] bound = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () =>
        {
            await using OutboxTransaction transaction = await Store.BeginAsync(default);
            OutboxBinding?[] earlier = await Store.BindAsync(
                transaction.Transaction,
                i % 2 == 0 ? [Binding("a", key: $"{i}"), Binding("b")] : [Binding("b"), Binding("a", key: $"{i}")],
                default);
            await transaction.CommitAsync(default);
            return earlier[i % 2];
        })));

        string key = (await Store.FindAsync(Hash("a"), default))!.IdempotencyKey;
        Assert.Single(bound, static binding => binding is null);
        Assert.All(bound, binding => Assert.Equal(key, binding?.IdempotencyKey ?? key));
    }

    [Fact]
    public async Task Rows_are_appended_together_with_their_delivery_ids_unless_these_are_bound()
    {
        await BindAsync(Binding("bound", key: "earlier"));
        OutboxEntry[] entries =
        [
            Entry("plain"), Bound("a", key: "whk_'\"\\{},"), Bound("bound", key: "later"), Bound("b", payload: "other"),
            Entry("c", binding: Hash("bound")),
        ];

        await InTransactionAsync(
            async transaction => Assert.Equal(
                [true, true, false, true, true], (await Store.AppendAsync(transaction, entries, default)).Select(static id => id > 0)),
            commit: false);
        Assert.Null(await Store.FindAsync(Hash("a"), default));
        long[] ids = await AppendAsync(entries);

        Dictionary<long, string> rows = (await LogAsync()).ToDictionary(static row => row.Id, Text);
        Assert.Equal(["plain", "a", null, "b", "c"], ids.Select(id => rows.GetValueOrDefault(id)));
        Assert.Equal(4, rows.Count);
        OutboxBinding a = Assert.IsType<OutboxBinding>(await Store.FindAsync(Hash("a"), default));
        Assert.Equal(
            ("whk_'\"\\{},", null, OutboxBindingState.Waiting, false), (a.IdempotencyKey, a.SequenceNumber, a.State, a.IsRetired));
        Assert.Equal(Binding("b", "other").Fingerprint, (await Store.FindAsync(Hash("b"), default))!.Fingerprint);
        Assert.Equal("earlier", (await Store.FindAsync(Hash("bound"), default))!.IdempotencyKey);
        Assert.All(await AppendAsync(Bound("a"), Bound("b")), static id => Assert.Equal(0, id));
        Assert.Equal(4, (await LogAsync()).Count);
    }

    [Fact]
    public async Task Rows_of_several_statements_know_which_of_them_were_appended()
    {
        int[] bound = [0, 7, 999, 1_000, 1_500, 2_399];
        await AppendAsync([.. bound.Select(static i => Bound($"{i}"))]);

        long[] ids = await AppendAsync([.. Enumerable.Range(0, 2_400).Select(static i => Bound($"{i}"))]);

        Assert.Equal(bound, Enumerable.Range(0, ids.Length).Where(i => ids[i] == 0).ToArray());
        Dictionary<long, string> rows = (await LogAsync()).ToDictionary(static row => row.Id, Text);
        Assert.All(Enumerable.Range(0, ids.Length), i => Assert.Equal(ids[i] == 0 ? null : $"{i}", rows.GetValueOrDefault(ids[i])));
        Assert.Equal(2_400, rows.Count);
    }

    [Fact]
    public async Task Row_whose_id_is_bound_at_the_same_time_is_appended_once()
    {
        long[][] appended = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () =>
            await AppendAsync(i % 2 == 0 ? [Bound("a"), Bound("b")] : [Bound("b"), Bound("a")]))));

        Assert.Equal(2, appended.Sum(static ids => ids.Count(static id => id > 0)));
        Assert.Equal(["a", "b"], Texts(await LogAsync()));
    }

    private static OutboxEntry Bound(string id, string payload = "payload", string key = "whk_1") =>
        Entry(id, binding: Hash(id), binds: Binding(id, payload, key));

    [Fact]
    public async Task Binding_follows_the_end_of_its_row()
    {
        await JoinAsync();
        foreach (string id in new[] { "delivered", "dead", "later", "later dead" })
        {
            await AppendAsync(Bound(id));
        }

        Dictionary<string, OutboxRow> rows = (await LogAsync()).ToDictionary(Text);
        await SettleAsync(Delivered(rows["delivered"]), Dead(rows["dead"]), Park(rows["later"]), Park(rows["later dead"]));
        Assert.Equal(OutboxBindingState.Delivered, (await Store.FindAsync(Hash("delivered"), default))!.State);
        Assert.Equal(OutboxBindingState.Dead, (await Store.FindAsync(Hash("dead"), default))!.State);
        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("later"), default))!.State);

        await PassAsync(TimeSpan.FromSeconds(1));
        List<OutboxRow> parked = (await ParkedAsync()).Rows;
        await SettleAsync([.. parked.Select(row => Text(row) == "later" ? Delivered(row) : Dead(row, attempts: 2))]);

        Assert.Equal(OutboxBindingState.Delivered, (await Store.FindAsync(Hash("later"), default))!.State);
        Assert.Equal(OutboxBindingState.Dead, (await Store.FindAsync(Hash("later dead"), default))!.State);
    }

    [Fact]
    public async Task Binding_of_a_row_that_is_appended_after_it_in_the_same_transaction_waits_and_follows_its_end()
    {
        await JoinAsync();
        await InTransactionAsync(async transaction =>
        {
            await Store.BindAsync(transaction, [Binding("a"), Binding("b")], default);
            await Store.AppendAsync(transaction, [Entry("a", binding: Hash("a")), Entry("b", binding: Hash("b"))], default);
        });

        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("a"), default))!.State);
        await SettleAsync(Delivered((await LogAsync()).Single(static row => Text(row) == "a")));

        Assert.Equal(OutboxBindingState.Delivered, (await Store.FindAsync(Hash("a"), default))!.State);
        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("b"), default))!.State);
    }

    [Fact]
    public async Task Bindings_of_rows_that_wait_do_not_keep_later_ones_from_being_purged()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, ExpiringTable.PurgeBatchSize).Select(static i => Bound($"waits {i}"))]);
        await PassAsync(TimeSpan.FromSeconds(1));
        await AppendAsync(Bound("delivered"));
        await SettleAsync(Delivered((await LogAsync()).Single(static row => Text(row) == "delivered")));
        await PassAsync(TimeSpan.FromDays(40));

        Assert.Equal(1, await Store.PurgeAsync(default));

        Assert.Null(await Store.FindAsync(Hash("delivered"), default));
        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("waits 0"), default))!.State);
    }

    [Fact]
    public async Task Binding_retires_by_the_databases_clock_and_stays_until_its_time_is_over()
    {
        await JoinAsync();
        await AppendAsync(Entry("a", binding: Hash("id"), binds: Binding("id")));
        await SettleAsync(Delivered(await OneAsync()));
        await PassAsync(TimeSpan.FromDays(2));
        Assert.True((await Store.FindAsync(Hash("id"), default))!.IsRetired);
        Assert.True((await BindAsync(Binding("id")))!.IsRetired);
        await Store.PurgeAsync(default);
        Assert.NotNull(await Store.FindAsync(Hash("id"), default));

        await PassAsync(TimeSpan.FromDays(30));
        Assert.Equal(1, await Store.PurgeAsync(default));

        Assert.Null(await Store.FindAsync(Hash("id"), default));
    }

    [Fact]
    public async Task Purge_deletes_dead_letters_after_thirty_days_in_batches_and_nothing_that_waits()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 603).Select(i => Entry($"{i}", endpoint: i))]);
        List<OutboxRow> rows = await LogAsync();
        await SettleAsync([.. rows.Select(row => row.Endpoint switch { 0 => Park(row), 1 => Park(row, attempts: 0), _ => Dead(row) })]);
        await AppendAsync(Entry("waits"));
        await PassAsync(TimeSpan.FromDays(29));
        Assert.Equal(0, await Store.PurgeAsync(default));
        await PassAsync(TimeSpan.FromDays(2));

        int purged = 0;
        for (int batch = await Store.PurgeAsync(default); batch > 0; batch = await Store.PurgeAsync(default))
        {
            Assert.True(batch <= 500);
            purged += batch;
        }

        Assert.Equal(601, purged);
        OutboxCounts counts = await Store.CountAsync(default);
        Assert.Equal((1, 2, 0), (counts.Waiting, counts.Parked, counts.Dead));
    }

    [Fact]
    public async Task Dead_letter_is_kept_as_long_as_the_process_says_that_ended_it_whoever_purges()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 4).Select(i => Entry($"{i}", endpoint: i))]);
        await SettleAsync([.. (await LogAsync()).Where(static row => row.Endpoint >= 2).Select(row => Park(row))]);
        foreach ((OutboxStore store, long fresh, long parked) in new[]
        {
            (Open(Database.Source, Tables, TimeSpan.FromDays(2)), 0L, 2L), (Open(Database.Source, Tables, TimeSpan.FromDays(60)), 1L, 3L),
        })
        {
            OutboxRow[] rows =
            [
                .. (await LogAsync()).Where(row => row.Endpoint == fresh), .. (await ParkedAsync(endpoint: parked)).Rows,
            ];
            OutboxChange[] changes = [.. rows.Select(static row => Dead(row))];
            await using OutboxSettler settler = store.OpenSettler();
            await settler.SettleAsync(Me, changes, default);
            Assert.Equal([true, true], changes.Select(static change => change.IsApplied));
        }

        // The purging store has the default of 30 days.
        List<(int Purged, string Left)> purges = [];
        foreach (int days in new[] { 1, 2, 56, 2 })
        {
            await PassAsync(TimeSpan.FromDays(days));
            int purged = await Store.PurgeAsync(default);
            purges.Add((purged, string.Join(' ', (await DeadAsync()).Select(static row => row.Endpoint).Order())));
        }

        Assert.Equal([(0, "0 1 2 3"), (2, "1 3"), (0, "1 3"), (2, "")], purges);
    }

    [Fact]
    public async Task Purge_deletes_streams_that_were_not_used_for_four_hundred_days()
    {
        await InTransactionAsync(async transaction => await DrawAsync(transaction, "old", "used"));
        await PassAsync(TimeSpan.FromDays(399));
        Assert.Equal(0, await Open(Database.Source, Tables).PurgeAsync(default));
        await InTransactionAsync(async transaction => await DrawAsync(transaction, "used"));
        await PassAsync(TimeSpan.FromDays(2));

        Assert.Equal(1, await Open(Database.Source, Tables).PurgeAsync(default));

        await InTransactionAsync(async transaction => Assert.Equal("3 1", await DrawAsync(transaction, "used", "old")));
    }

    [Fact]
    public async Task Dead_letters_are_listed_by_falling_id_in_pages_and_by_filter()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 10).Select(i => Entry($"{i}", endpoint: i % 2, tenant: i % 3))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row, int.Parse(Text(row)) < 5 ? "rejected" : "expired"))]);

        IReadOnlyList<OutboxDeadRow> first = await Store.Dead.ListAsync(new(null, null, null), long.MaxValue, 4, default);
        IReadOnlyList<OutboxDeadRow> second = await Store.Dead.ListAsync(new(null, null, null), first[^1].Id, 100, default);

        Assert.Equal(["9", "8", "7", "6"], first.Select(Name));
        Assert.Equal(
            second.Take(3).Select(static row => row.Id), await Store.Dead.ListIdsAsync(new(null, null, null), first[^1].Id, 3, default));
        Assert.Equal(["5", "4", "3", "2", "1", "0"], second.Select(Name));
        Assert.Equal(["9", "6", "3", "0"], (await Store.Dead.ListAsync(new(0, null, null), long.MaxValue, 100, default)).Select(Name));
        Assert.Equal(["9", "7", "5"], (await Store.Dead.ListAsync(new(null, 1, "expired"), long.MaxValue, 100, default)).Select(Name));
        Assert.Equal(["3"], (await Store.Dead.ListAsync(new(0, 1, "rejected"), long.MaxValue, 100, default)).Select(Name));

        static string Name(OutboxDeadRow row) => Encoding.UTF8.GetString(row.Sealed);
    }

    [Fact]
    public async Task Dead_letters_are_listed_and_counted_by_their_notification_type_and_the_other_filters()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 12).Select(i => Entry($"{i}", endpoint: i % 2, tenant: i % 3))]);
        OutboxChange[] changes =
            [.. (await LogAsync()).Select(row => Dead(row, int.Parse(Text(row)) < 6 ? "rejected" : "expired"))];
        foreach (OutboxChange change in changes)
        {
            // Types 0 and 1, both signs of a hash, and none.
            change.NotificationType = (int.Parse(Text(change.Row)) % 4) switch { 0 => null, 1 => long.MinValue, _ => long.MaxValue };
        }

        await SettleAsync(changes);
        long[] ids = [.. (await DeadAsync()).Where(static row => row.Sealed[0] is (byte)'2' or (byte)'3').Select(static row => row.Id)];
        foreach (OutboxDeadFilter filter in
            from type in new long?[] { null, long.MinValue, long.MaxValue, 5 }
            from tenant in new long?[] { null, 1 }
            from endpoint in new long?[] { null, 1 }
            from reason in new[] { null, "expired" }
            from some in new[] { null, ids }
            select new OutboxDeadFilter(tenant, endpoint, reason, some, type))
        {
            string[] expected =
            [
                .. changes.Where(change => (filter.Tenant ?? change.Row.Tenant) == change.Row.Tenant
                        && (filter.Endpoint ?? change.Row.Endpoint) == change.Row.Endpoint
                        && (filter.Reason ?? change.Reason) == change.Reason
                        && (filter.NotificationType ?? change.NotificationType) == change.NotificationType
                        && filter.Ids?.Contains(change.Row.Id) != false)
                    .OrderByDescending(static change => change.Row.Id).Select(static change => Text(change.Row)),
            ];

            IReadOnlyList<OutboxDeadRow> rows = await Store.Dead.ListAsync(filter, long.MaxValue, 100, default);

            Assert.Equal(expected, rows.Select(static row => Encoding.UTF8.GetString(row.Sealed)));
            Assert.Equal(rows.Select(static row => row.Id), await Store.Dead.ListIdsAsync(filter, long.MaxValue, 100, default));
            Assert.Equal((expected.Length, false), await Store.Dead.CountAsync(filter, 100, default));
        }
    }

    [Fact]
    public async Task Rows_are_listed_by_the_hash_of_their_key_which_they_keep_when_they_are_parked_again_or_die()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 6).Select(i => Entry($"{i}"))]);
        OutboxRow[] log = [.. await LogAsync()];
        long?[] hashes = [long.MinValue, long.MaxValue, null, long.MinValue, null, 5];
        OutboxChange[] first = [.. log.Select(static (row, i) => i is 3 or 4 ? Dead(row) : Park(row))];
        for (int i = 0; i < first.Length; i++)
        {
            first[i].KeyHash = hashes[i];
        }

        await SettleAsync(first);
        Assert.Equal(["0"], await ParkedByAsync(long.MinValue));
        Assert.Equal(["3"], await DeadByAsync(long.MinValue));
        Assert.Equal(["4"], await DeadByAsync(null));
        Assert.Equal(["2"], await ParkedByAsync(null));

        // A worker that cannot read the row gives no hash.
        OutboxRow[] parked = [.. (await ParkedAsync()).Rows.OrderBy(static row => row.Id)];
        OutboxChange again = Park(parked[2]);
        again.KeyHash = 7;
        await SettleAsync(Park(parked[0]), Dead(parked[1]), again);

        Assert.Equal(["0"], await ParkedByAsync(long.MinValue));
        Assert.Equal(["1"], await DeadByAsync(long.MaxValue));
        Assert.Empty(await ParkedByAsync(long.MaxValue));
        Assert.Equal(["2"], await ParkedByAsync(7));
        Assert.Empty(await ParkedByAsync(null));
        Assert.Equal(["5"], await ParkedByAsync(5));
        Assert.Empty(await DeadByAsync(5));

        async Task<IEnumerable<string>> ParkedByAsync(long? hash) =>
            await Store.ListParkedByKeyAsync(hash, 10, static row => Encoding.UTF8.GetString(row.Sealed), default);

        async Task<IEnumerable<string>> DeadByAsync(long? hash) =>
            (await Store.Dead.ListByKeyAsync(hash, 10, default)).Select(static row => Encoding.UTF8.GetString(row.Sealed));
    }

    [Fact]
    public async Task Newest_rows_of_a_hash_and_of_none_are_listed_up_to_a_limit()
    {
        await JoinAsync();
        long[] ids = await AppendAsync([.. Enumerable.Range(0, 12).Select(i => Entry($"{i}"))]);
        OutboxChange[] changes =
            [.. (await LogAsync()).OrderBy(static row => row.Id).Select(static (row, i) => i < 6 ? Dead(row) : Park(row))];
        for (int i = 0; i < changes.Length; i++)
        {
            changes[i].KeyHash = i % 2 == 0 ? 1 : null;
        }

        await SettleAsync(changes);

        Assert.Equal([ids[4], ids[2]], (await Store.Dead.ListByKeyAsync(1, 2, default)).Select(static row => row.Id));
        Assert.Equal([ids[5], ids[3]], (await Store.Dead.ListByKeyAsync(null, 2, default)).Select(static row => row.Id));
        Assert.Equal([ids[10], ids[8]], await Store.ListParkedByKeyAsync(1, 2, static row => row.Id, default));
        Assert.Equal([ids[11], ids[9]], await Store.ListParkedByKeyAsync(null, 2, static row => row.Id, default));
    }

    [Fact]
    public async Task Dead_letters_are_counted_by_each_filter()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 12).Select(i => Entry($"{i}", endpoint: i % 2, tenant: i % 3))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row, int.Parse(Text(row)) < 4 ? "rejected" : "expired"))]);
        IReadOnlyList<OutboxDeadRow> rows = await DeadAsync();
        foreach (long? tenant in new long?[] { null, 0, 99 })
        {
            foreach (long? endpoint in new long?[] { null, 1 })
            {
                foreach (string? reason in new[] { null, "expired" })
                {
                    int expected = rows.Count(row => (tenant ?? row.Tenant) == row.Tenant && (endpoint ?? row.Endpoint) == row.Endpoint
                        && (reason ?? row.Reason) == row.Reason);

                    Assert.Equal((expected, false), await Store.Dead.CountAsync(new(tenant, endpoint, reason), 100, default));
                }
            }
        }

        Assert.Equal(
            (2, false), await Store.Dead.CountAsync(new(null, null, null, [rows[0].Id, rows[4].Id, long.MaxValue]), 100, default));
        Assert.True((await Store.Dead.CountAsync(new(null, null, "expired"), 3, default)).Count > 3);
        Assert.Equal(
            [(8, false), (0, false), (4, false)], await Store.Dead.CountReasonsAsync(["expired", "poison", "rejected"], 100, default));
        foreach (int exact in new[] { 3, 5 })
        {
            IReadOnlyList<(long Count, bool IsEstimate)> many =
                await Store.Dead.CountReasonsAsync(["expired", "poison", "rejected"], exact, default);
            Assert.True(many[0].Count > exact);
            Assert.Equal(0, many[1].Count);
            Assert.True(many[2].Count > 3);
            Assert.Equal((4, false), exact == 5 ? many[2] : (4, false));
        }
    }

    [Fact]
    public async Task Status_has_the_dead_letters_by_reason_in_a_process_that_only_enqueues()
    {
        using RecordingSender sender = Senders.Always(200);
        SqlWebhookOutbox producer = new(Open(Database.Source, Tables), sender, OutboxHarness.Secrets, null);
        Assert.Empty((await producer.GetStatusAsync()).DeadByReason);
        string[] reasons = ["poison", "expired", "rejected", "expired", "rejected", "rejected"];
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, reasons.Length).Select(i => Entry($"{i}", endpoint: i))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row, reasons[row.Endpoint]))]);

        OutboxStatus all = await producer.GetStatusAsync();
        IEnumerable<OutboxDeadRow> discarded =
            (await DeadAsync()).Where(static row => row.Reason != "rejected" || row.Endpoint == 2);
        await Store.Dead.DiscardAsync([.. discarded.Select(static row => row.Id)], default);
        OutboxStatus left = await producer.GetStatusAsync();

        Assert.Equal(6, all.Dead);
        Assert.Equal([new("rejected", 3, false), new("expired", 2, false), new("poison", 1, false)], all.DeadByReason);
        Assert.Equal([new DeadLetterCount("rejected", 2, false)], left.DeadByReason);
    }

    [Fact]
    public async Task Waiting_rows_are_listed_up_to_a_limit_with_those_that_were_attempted_first()
    {
        await JoinAsync();
        long[] ids = await AppendAsync([.. Enumerable.Range(0, 5).Select(i => Entry($"{i}", lane: (short)i, endpoint: i))]);
        await SettleAsync(Park((await LogAsync()).Single(row => row.Id == ids[3]), TimeSpan.FromMinutes(10)));

        IReadOnlyList<WaitingWebhook> all = await Store.ListWaitingAsync(10, Describe, default);
        IReadOnlyList<WaitingWebhook> two = await Store.ListWaitingAsync(2, Describe, default);

        Assert.Equal(["3", "0", "1", "2", "4"], all.Select(static row => row.TaskId));
        Assert.Equal(["3", "0"], two.Select(static row => row.TaskId));
        Assert.Equal([1, 0, 0, 0, 0], all.Select(static row => row.Attempts));
        Assert.Equal(ids[3], all[0].Id);
        Assert.All(all, static row => Assert.InRange(row.EnqueuedAt - DateTimeOffset.UtcNow, -Lease, Lease));

        static WaitingWebhook Describe(OutboxWaitingRow row) =>
            new()
            {
                Id = row.Id,
                Attempts = row.Attempts,
                EnqueuedAt = row.EnqueuedAt,
                TaskId = Encoding.UTF8.GetString(row.Sealed),
            };
    }

    [Fact]
    public async Task Redriven_row_is_new_in_the_log_with_its_attempts_and_horizon()
    {
        await JoinAsync();
        await AppendAsync(Entry(
            "a", lane: 3, endpoint: -5, tenant: 11, maxAge: TimeSpan.FromMinutes(1), binding: Hash("id"), binds: Binding("id")));
        await using OutboxReader reader = Reader();
        await SettleAsync(Dead(Assert.Single(await ReadAllAsync(reader)), attempts: 4));
        await PassAsync(TimeSpan.FromHours(1));
        OutboxDeadRow dead = Assert.Single(await DeadAsync());

        OutboxRedrive redrive = new(dead.Id);
        OutboxRedriven moved = await Store.Dead.RedriveAsync([redrive, redrive with { Id = dead.Id + 1_000 }], default);

        Assert.Equal([dead.Id], moved.Ids);
        Assert.Empty((await Store.Dead.RedriveAsync([redrive], default)).Ids);
        Assert.Empty(await DeadAsync());
        OutboxRow row = Assert.Single(await ReadAllAsync(reader));
        Assert.NotEqual(dead.Id, row.Id);
        Assert.Equal(dead.KeyId, row.KeyId);
        Assert.Equal(((short)3, -5L, 11L, "a", 4), (row.Lane, row.Endpoint, row.Tenant, Text(row), row.Attempts));
        Assert.True(row.DueIn <= TimeSpan.Zero);
        Assert.InRange(row.TimeLeft!.Value, TimeSpan.FromHours(22.9), TimeSpan.FromHours(23));
        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("id"), default))!.State);
        await SettleAsync(Park(row, attempts: 5, horizon: TimeSpan.FromDays(7)));
        await PassAsync(TimeSpan.FromSeconds(1));
        row = Assert.Single((await ParkedAsync(3, -5)).Rows);
        Assert.InRange(row.TimeLeft!.Value, TimeSpan.FromHours(22.9), TimeSpan.FromHours(23));
        await SettleAsync(Delivered(row));
        Assert.Equal(OutboxBindingState.Delivered, (await Store.FindAsync(Hash("id"), default))!.State);
    }

    [Fact]
    public async Task Dead_letter_that_is_redriven_at_the_same_time_is_moved_once()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 20).Select(i => Entry($"{i}", endpoint: i))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row))]);
        OutboxRedrive[] redrives = [.. (await DeadAsync()).Select(row => new OutboxRedrive(row.Id))];

        OutboxRedriven[] moved = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => Task.Run(async () => await Store.Dead.RedriveAsync(redrives, default))));

        Assert.Equal(20, moved.Sum(static some => some.Ids.Count));
        Assert.Equal(20, (await LogAsync()).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rows_of_a_redrive_and_other_rows_of_the_log_are_counted_until_they_leave_it(bool isNew)
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 6).Select(i => Entry($"{i}", endpoint: i))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row))]);
        OutboxRedrive[] dead =
        [
            .. (await DeadAsync()).Select(row =>
                new OutboxRedrive(row.Id, isNew ? new OutboxRenewal("key-2", "b"u8.ToArray()) : null)),
        ];
        await AppendAsync(Entry("before"));

        OutboxRedriven redriven = await Store.Dead.RedriveAsync([.. dead.Take(4)], default);
        await AppendAsync([.. Enumerable.Range(0, 5).Select(i => Entry($"after {i}", endpoint: i))]);
        OutboxRedriven next = await Store.Dead.RedriveAsync([.. dead.Skip(4)], default);

        Assert.Equal((4, 8), await CountsAsync(redriven, 1000));
        Assert.Equal((2, 10), await CountsAsync(next, 1000));
        Assert.Equal((4, 3), await CountsAsync(redriven, 3));
        Assert.Equal((0, 0), await CountsAsync(await Store.Dead.RedriveAsync([.. dead.Take(1)], default), 0));
        OutboxRow[] rows = [.. (await LogAsync()).Where(row => !Text(row).StartsWith("after", StringComparison.Ordinal)
            && Text(row) != "before").OrderBy(static row => row.Id)];
        await SettleAsync(Delivered(rows[0]), Park(rows[1]), Dead(rows[2]));
        Assert.Equal((1, 8), await CountsAsync(redriven, 1000));

        async Task<(int Left, int Others)> CountsAsync(OutboxRedriven counted, int most) => (
            await Store.Dead.CountLeftAsync(counted, default), await Store.Dead.CountOthersAsync(counted, most, default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Late_settlement_of_a_row_that_has_ended_changes_neither_its_dead_letter_nor_its_redrive(bool wasParked)
    {
        await JoinAsync();
        await AppendAsync(Entry("a", binding: Hash("id"), binds: Binding("id")));
        OutboxRow row = await OneAsync();
        if (wasParked)
        {
            await SettleAsync(Park(row));
            await PassAsync(TimeSpan.FromSeconds(1));
            row = Assert.Single((await ParkedAsync()).Rows);
        }

        Assert.Equal(1, await SettleAsync(Dead(row, attempts: 2)));
        Assert.Equal(0, await SettleAsync(Delivered(row), Park(row), Dead(row, "other", attempts: 9)));
        OutboxDeadRow dead = Assert.Single(await DeadAsync());
        Assert.Equal(("rejected", 2), (dead.Reason, dead.Attempts));
        Assert.Equal(OutboxBindingState.Dead, (await Store.FindAsync(Hash("id"), default))!.State);
        await Store.Dead.RedriveAsync([new OutboxRedrive(dead.Id)], default);

        Assert.Equal(0, await SettleAsync(Delivered(row), Park(row), Dead(row)));

        Assert.Equal("a", Text(await OneAsync()));
        Assert.Empty(await DeadAsync());
        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("id"), default))!.State);
    }

    [Fact]
    public async Task Maximum_age_of_a_row_that_was_never_attempted_stays_when_it_is_redriven()
    {
        await JoinAsync();
        await AppendAsync(Entry("a", maxAge: TimeSpan.FromHours(2)));
        await SettleAsync(OutboxChanges.Dead(await OneAsync(), "suppressed"));
        OutboxDeadRow dead = Assert.Single(await DeadAsync());
        Assert.True(dead.IsInsideHorizon);

        await Store.Dead.RedriveAsync([new OutboxRedrive(dead.Id)], default);

        Assert.InRange((await OneAsync()).TimeLeft!.Value, TimeSpan.FromHours(1.9), TimeSpan.FromHours(2));
        await SettleAsync(OutboxChanges.Dead(await OneAsync(), "suppressed"));
        await PassAsync(TimeSpan.FromHours(3));
        Assert.False(Assert.Single(await DeadAsync()).IsInsideHorizon);
    }

    [Fact]
    public async Task New_delivery_of_a_dead_letter_begins_its_attempts_horizon_and_age_anew()
    {
        await JoinAsync();
        await AppendAsync(Entry("a", maxAge: TimeSpan.FromHours(2), binding: Hash("id"), binds: Binding("id")));
        await SettleAsync(Dead(await OneAsync(), attempts: 7));
        await PassAsync(TimeSpan.FromDays(3));
        OutboxDeadRow dead = Assert.Single(await DeadAsync());

        await Store.Dead.RedriveAsync([new OutboxRedrive(dead.Id, new OutboxRenewal("key-2", "b"u8.ToArray()))], default);

        OutboxRow row = await OneAsync();
        Assert.Equal((0, "b", "key-2", null), (row.Attempts, Text(row), row.KeyId, row.TimeLeft));
        await SettleAsync(Dead(row));
        Assert.True(Assert.Single(await DeadAsync()).IsInsideHorizon);
        Assert.Equal(OutboxBindingState.Dead, (await Store.FindAsync(Hash("id"), default))!.State);
    }

    [Fact]
    public async Task Dead_letters_of_given_ids_are_listed()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 5).Select(i => Entry($"{i}", endpoint: i))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row))]);
        long[] ids = [.. (await DeadAsync()).Select(static row => row.Id)];

        Assert.Equal(
            [ids[1], ids[3]],
            (await Store.Dead.ListAsync(new(null, null, null, [ids[3], ids[1], long.MaxValue]), long.MaxValue, 10, default))
                .Select(static row => row.Id));
    }

    [Fact]
    public async Task Binding_of_a_row_that_waits_outlives_its_time_and_goes_with_the_row()
    {
        await BindAsync(Binding("lost"));
        await JoinAsync();
        await AppendAsync(Bound("log"), Entry("parked", endpoint: 8, binding: Hash("parked"), binds: Binding("parked")));
        await SettleAsync(Park((await LogAsync()).Single(static row => row.Endpoint == 8), TimeSpan.FromDays(90)));
        await PassAsync(TimeSpan.FromDays(40));

        Assert.Equal(1, await Store.PurgeAsync(default));

        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("log"), default))!.State);
        Assert.False((await BindAsync(Binding("parked")))!.IsRetired);
        Assert.False((await BindAsync(Binding("log")))!.IsRetired);
        Assert.Null(await Store.FindAsync(Hash("lost"), default));
        await SettleAsync(Delivered(await OneAsync()));
        Assert.Equal(1, await Store.PurgeAsync(default));
        Assert.Null(await Store.FindAsync(Hash("log"), default));
    }

    [Fact]
    public async Task Binding_of_a_row_that_ends_late_is_kept_as_long_as_its_dead_letter()
    {
        await JoinAsync();
        await AppendAsync(Bound("late"));
        await PassAsync(TimeSpan.FromDays(20));
        await SettleAsync(Dead(await OneAsync()));
        await PassAsync(TimeSpan.FromDays(29));

        Assert.Equal(0, await Store.PurgeAsync(default));

        Assert.Equal(OutboxBindingState.Dead, (await Store.FindAsync(Hash("late"), default))!.State);
        Assert.True((await BindAsync(Binding("late")))!.IsRetired);
        await PassAsync(TimeSpan.FromDays(2));
        Assert.Equal(2, await Store.PurgeAsync(default));
        Assert.Null(await Store.FindAsync(Hash("late"), default));
    }

    [Fact]
    public async Task Row_whose_horizon_is_over_is_dead_outside_of_it()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));
        await SettleAsync(Dead(await OneAsync()));

        await PassAsync(TimeSpan.FromHours(25));

        Assert.False(Assert.Single(await DeadAsync()).IsInsideHorizon);
    }

    [Fact]
    public async Task Discarded_dead_letters_are_gone()
    {
        await JoinAsync();
        await AppendAsync(Entry("a"), Entry("b"), Entry("c"));
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row))]);
        IReadOnlyList<OutboxDeadRow> dead = await DeadAsync();

        Assert.Equal(2, await Store.Dead.DiscardAsync([dead[0].Id, dead[1].Id, long.MaxValue], default));
        Assert.Equal(0, await Store.Dead.DiscardAsync([dead[0].Id], default));

        Assert.Equal(dead[2].Id, Assert.Single(await DeadAsync()).Id);
    }

    [Fact]
    public async Task Completed_transaction_is_refused()
    {
        await using DbConnection connection = await Database.Source.OpenConnectionAsync();
        await using DbTransaction committed = await connection.BeginTransactionAsync();
        await Store.RequireSameDatabaseAsync(committed, default);
        await committed.CommitAsync();
        await using DbTransaction rolledBack = await connection.BeginTransactionAsync();
        await rolledBack.RollbackAsync();

        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.RequireSameDatabaseAsync(committed, default));
        await Assert.ThrowsAsync<ArgumentException>(async () => await Store.RequireSameDatabaseAsync(rolledBack, default));
    }

    [Fact]
    public async Task Transaction_on_another_database_is_refused_and_stays_usable()
    {
        await using TestDatabase other = await TestDatabase.CreateAsync(Dialect);
        await Open(other.Source, Tables).CreateIfAbsentAsync(default);
        await using TestDatabase empty = await TestDatabase.CreateAsync(Dialect);
        foreach (TestDatabase wrong in new[] { other, empty })
        {
            await using DbConnection connection = await wrong.Source.OpenConnectionAsync();
            await using DbTransaction transaction = await connection.BeginTransactionAsync();

            await Assert.ThrowsAsync<ArgumentException>(async () => await Store.RequireSameDatabaseAsync(transaction, default));

            await using DbCommand command = connection.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = "SELECT 1";
            Assert.Equal(1L, Convert.ToInt64(await command.ExecuteScalarAsync()));
        }
    }

    [Fact]
    public async Task Transaction_on_the_same_database_passes_each_time()
    {
        for (int i = 0; i < 3; i++)
        {
            await InTransactionAsync(async transaction => await Store.RequireSameDatabaseAsync(transaction, default));
        }
    }

    [Fact]
    public async Task Tables_are_created_once_by_many_processes_and_keep_their_identity()
    {
        await using TestDatabase fresh = await TestDatabase.CreateAsync(Dialect);
        OutboxStore[] stores = [.. Enumerable.Range(0, 6).Select(_ => Open(fresh.Source, Tables))];

        await Task.WhenAll(stores.Select(store => Task.Run(async () => await store.CreateIfAbsentAsync(default))));

        HashSet<Guid> identities = [];
        foreach (OutboxStore store in stores)
        {
            await store.CheckAsync(default);
            identities.Add(await store.InstallationAsync(default));
        }

        Assert.NotEqual(Guid.Empty, Assert.Single(identities));
        Assert.DoesNotContain(await Store.InstallationAsync(default), identities);
    }

    [Fact]
    public async Task Table_that_is_missing_is_found_by_the_check()
    {
        await using TestDatabase empty = await TestDatabase.CreateAsync(Dialect);

        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await Open(empty.Source, Tables).CheckAsync(default));

        Assert.Contains(Tables.Prefix, fault.Message, StringComparison.Ordinal);
        Assert.Contains("CreateIfAbsentAsync", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Column_that_is_missing_is_found_by_the_check()
    {
        await Database.ExecuteAsync($"ALTER TABLE {Tables.Parked} RENAME COLUMN horizon_at TO other");

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.CheckAsync(default));
    }

    [Fact]
    public async Task Schema_that_is_newer_than_this_program_is_refused()
    {
        await MakeSchemaNewerAsync();
        OutboxStore store = Open(Database.Source, Tables);

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.CreateIfAbsentAsync(default));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.CheckAsync(default));
    }

    [Fact]
    public async Task Two_outboxes_share_a_database_by_their_prefixes()
    {
        OutboxStore other = Open(Database.Source, new OutboxTables("other_"));
        await other.CreateIfAbsentAsync(default);
        await other.AppendAsync(null, [Entry("other")], default);
        await AppendAsync(Entry("mine"));

        Assert.Equal(["mine"], Texts(await LogAsync()));
        Assert.Equal(1, (await other.CountAsync(default)).Waiting);
        Assert.NotEqual(await Store.InstallationAsync(default), await other.InstallationAsync(default));
    }
}
