using System.Data;
using System.Data.Common;
using CsCheck;
using Xunit.Sdk;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The contract on PostgreSQL, and the laws that only concurrent transactions can break.</summary>
public abstract class PostgreSqlOutboxStoreContract : OutboxStoreContract
{
    private protected override SqlDialect Dialect => SqlDialect.PostgreSql;

    public override async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Row_of_a_late_commit_is_read_although_later_transactions_were_read_before()
    {
        await using OutboxReader reader = Reader();
        Assert.Empty(await ReadAllAsync(reader));
        await using Caller early = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(early.Transaction, [Entry("early")], default);
        await AppendAsync(Entry("late"));
        Assert.Equal(["late"], Texts(await ReadAllAsync(reader)));

        await early.Transaction.CommitAsync();

        Assert.Equal(["early"], Texts(await ReadAllAsync(reader)));
        Assert.Empty(await ReadAllAsync(reader));
    }

    [Fact]
    public async Task Producer_waits_for_no_open_transaction_of_another_one_to_the_same_endpoint()
    {
        await using Caller first = await Caller.BeginAsync(Database.Source);
        await using Caller second = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(first.Transaction, [Entry("first", binding: Hash("1"), binds: Binding("1"))], default);

        // A row that both change would hold up the second one until the first has ended, which is after it.
        await Store.AppendAsync(second.Transaction, [Entry("second", binding: Hash("2"), binds: Binding("2"))], default);
        await second.Transaction.CommitAsync();
        string[] before = Texts(await LogAsync());
        await first.Transaction.CommitAsync();

        Assert.Equal(["second"], before);
        Assert.Equal(["first", "second"], Texts(await LogAsync()));
    }

    [Fact]
    public async Task Look_that_forgets_transactions_under_way_is_found_to_lose_rows()
    {
        // The statement that looks at them is one that does not.
        PostgreSqlOutboxStatements forgetful = Statements with { LookLate = Statements.Look };
        await using PostgreSqlOutboxReader reader = new(new StoreDatabase(Database.Source, SqlDialect.PostgreSql), forgetful);
        reader.Join(AllLanes);
        await using Caller early = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(early.Transaction, [Entry("early")], default);
        await AppendAsync(Entry("late"));
        Assert.Equal(["late"], Texts(await ReadAllAsync(reader)));
        Assert.Empty(await ReadAllAsync(reader));

        await early.Transaction.CommitAsync();

        Assert.Empty(await ReadAllAsync(reader));
    }

    [Fact]
    public async Task Look_finds_nothing_until_a_row_is_committed()
    {
        await using OutboxReader reader = Reader();
        Assert.Empty(await ReadAllAsync(reader));
        await using Caller caller = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(caller.Transaction, [Entry("a")], default);

        bool before = await reader.MayFindAsync(default);
        await caller.Transaction.CommitAsync();
        bool after = await reader.MayFindAsync(default);

        Assert.Equal((false, true), (before, after));
        Assert.Equal(["a"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Renewal_sees_that_a_switch_has_changed()
    {
        await JoinAsync();
        await Store.RenewAsync(Me, Lease, false, default, default);
        long? before = Store.Switches.Renewed;

        OutboxSwitch? set = await Store.Switches.SetAsync("0123456789abcdef", true, "https://a.example", "alice", null, default);
        await Store.RenewAsync(Me, Lease, false, default, default);

        Assert.Equal((set!.Revision - 1, set.Revision), (before, Store.Switches.Renewed));
    }

    [Fact]
    public async Task Transaction_that_ran_when_a_lane_joined_is_read_once()
    {
        await using Caller early = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(early.Transaction, [Entry("early")], default);
        await AppendAsync(Entry("before"));
        await using OutboxReader reader = Reader(0);

        List<OutboxRow> rows = [];
        await reader.ReadAsync(rows, 10, long.MaxValue, false, default);
        await early.Transaction.CommitAsync();
        rows.AddRange(await ReadAllAsync(reader));

        Assert.Equal(["before", "early"], Texts(rows));
    }

    [Fact]
    public async Task Rows_of_savepoints_follow_their_transaction()
    {
        await using OutboxReader reader = Reader();
        Assert.Empty(await ReadAllAsync(reader));
        await using Caller caller = await Caller.BeginAsync(Database.Source);
        await caller.Transaction.SaveAsync("a");
        await Store.AppendAsync(caller.Transaction, [Entry("undone")], default);
        await caller.Transaction.RollbackAsync("a");
        await caller.Transaction.SaveAsync("b");
        await Store.AppendAsync(caller.Transaction, [Entry("kept")], default);
        await AppendAsync(Entry("other"));
        Assert.Equal(["other"], Texts(await ReadAllAsync(reader)));

        await caller.Transaction.CommitAsync();

        Assert.Equal(["kept"], Texts(await ReadAllAsync(reader)));
    }

    [Fact]
    public async Task Prepared_transaction_is_read_when_it_is_committed_and_holds_up_no_other_row()
    {
        await using OutboxReader reader = Reader();
        Assert.Empty(await ReadAllAsync(reader));
        string name = Guid.NewGuid().ToString("N");
        await using Caller caller = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(caller.Transaction, [Entry("prepared")], default);
        await caller.ExecuteAsync($"PREPARE TRANSACTION '{name}'");
        for (int i = 0; i < 3; i++)
        {
            await AppendAsync(Entry($"{i}"));
            Assert.Equal([$"{i}"], Texts(await ReadAllAsync(reader)));
        }

        await Database.ExecuteAsync($"COMMIT PREPARED '{name}'");

        Assert.Equal(["prepared"], Texts(await ReadAllAsync(reader)));
        Assert.Empty(await ReadAllAsync(reader));
    }

    [Fact]
    public async Task Any_interleaving_of_transactions_pages_and_lanes_reads_each_committed_row_once()
    {
        await Gen.Select(Gen.Int[0, 11], Gen.Int[0, 3], Gen.Int[1, 4]).Array[20, 80].SampleAsync(
            async steps =>
            {
                await Database.ExecuteAsync($"DELETE FROM {Tables.Log}");
                Interleaving test = new(this);
                await using (test.ConfigureAwait(false))
                {
                    foreach ((int step, int which, int limit) in steps)
                    {
                        await test.StepAsync(step, which, limit);
                    }

                    await test.EndAsync();
                }
            },
            iter: 60,
            threads: 1);
    }

    [Fact]
    public async Task Rows_that_are_committed_between_pages_are_read_once()
    {
        await using OutboxReader reader = Reader();
        await ReadBetweenPagesAsync(reader);
    }

    [Fact]
    public async Task Reader_that_advances_to_the_last_pages_snapshot_is_found_to_lose_rows()
    {
        await using AdvancingReader reader = new(new StoreDatabase(Database.Source, SqlDialect.PostgreSql), Statements);
        reader.Join(AllLanes);

        await Assert.ThrowsAnyAsync<XunitException>(() => ReadBetweenPagesAsync(reader));
    }

    public static TheoryData<int, bool> Changes => new MatrixTheoryData<int, bool>(
        [.. Enum.GetValues<OutboxChangeKind>().Select(static kind => (int)kind)], [false, true]);

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Settlement_without_the_fence_is_found_to_change_rows_of_another_owner(int kind, bool isParked)
    {
        await SettleAfterDeathAsync(Statements, (OutboxChangeKind)kind, isParked);
        PostgreSqlOutboxStatements unfenced = Statements with
        {
            DeliveredLog = Unfenced(Statements.DeliveredLog),
            DeliveredParked = Unfenced(Statements.DeliveredParked),
            ParkLog = Unfenced(Statements.ParkLog),
            ParkParked = Unfenced(Statements.ParkParked),
            DeadLog = Unfenced(Statements.DeadLog),
            DeadParked = Unfenced(Statements.DeadParked),
            TrialLog = Unfenced(Statements.TrialLog),
            TrialParked = Unfenced(Statements.TrialParked),
        };

        await Assert.ThrowsAnyAsync<XunitException>(() => SettleAfterDeathAsync(unfenced, (OutboxChangeKind)kind, isParked));

        static string Unfenced(string sql)
        {
            Assert.Contains("WHERE EXISTS (SELECT FROM mine)", sql, StringComparison.Ordinal);
            return sql.Replace("WHERE EXISTS (SELECT FROM mine)", "", StringComparison.Ordinal);
        }
    }

    private PostgreSqlOutboxStatements Statements => ((PostgreSqlOutboxStore)Store).Statements;

    /// <summary>A worker settles a row after it was buried.</summary>
    private async Task SettleAfterDeathAsync(PostgreSqlOutboxStatements statements, OutboxChangeKind kind, bool isParked)
    {
        await Database.ExecuteAsync($"DELETE FROM {Tables.Log}");
        await Database.ExecuteAsync($"DELETE FROM {Tables.Parked}");
        await JoinAsync();
        await AppendAsync(Entry("a"));
        OutboxRow row = await OneAsync();
        if (isParked)
        {
            await SettleAsync(Park(row));
            await PassAsync(TimeSpan.FromSeconds(1));
            row = Assert.Single((await ParkedAsync()).Rows);
        }

        await Store.LeaveAsync(Me, default);
        await using PostgreSqlOutboxSettler settler =
            new(new StoreDatabase(Database.Source, SqlDialect.PostgreSql), statements, static () => TimeSpan.FromMinutes(1));
        OutboxChange change = kind switch
        {
            OutboxChangeKind.Delivered => Delivered(row),
            OutboxChangeKind.Park => Park(row),
            OutboxChangeKind.Trial => OutboxChanges.Trial(row),
            _ => Dead(row),
        };

        await settler.SettleAsync(Me, [change], default);

        Assert.False(change.IsApplied);
        Assert.Single(isParked ? (await ParkedAsync()).Rows : await LogAsync());
    }

    private async Task ReadBetweenPagesAsync(OutboxReader reader)
    {
        Assert.Empty(await ReadAllAsync(reader));
        await using Caller early = await Caller.BeginAsync(Database.Source);
        await Store.AppendAsync(early.Transaction, [Entry("0")], default);
        await AppendAsync([.. Enumerable.Range(1, 9).Select(i => Entry($"{i}"))]);
        List<OutboxRow> rows = [];
        Assert.True(await reader.ReadAsync(rows, 4, long.MaxValue, false, default));

        // Its key is before the page that was read, and it is not in the first page's snapshot.
        await early.Transaction.CommitAsync();
        await AppendAsync(Entry("next"));
        rows.AddRange(await ReadAllAsync(reader, 4));

        Assert.Equal(
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "next"], Texts(rows).Order(StringComparer.Ordinal));
        Assert.Empty(await ReadAllAsync(reader, 4));
    }

    [Fact]
    public async Task Burial_waits_for_an_open_settlement_and_what_it_changed_stays()
    {
        Guid other = Guid.NewGuid();
        await JoinAsync();
        await JoinAsync(other);
        await AppendAsync(Entry("a"));
        await ExpireAsync(Me);
        await using Caller settlement = await Caller.BeginAsync(Database.Source);
        await settlement.ExecuteAsync($"SELECT 1 FROM {Tables.Worker} WHERE worker = '{Me}' FOR KEY SHARE");
        await settlement.ExecuteAsync($"DELETE FROM {Tables.Log}");

        Task<(bool IsAlive, int Workers)> burial = Store.RenewAsync(other, Lease, false, default, default).AsTask();
        await BlockedAsync();

        Assert.False(burial.IsCompleted);
        await settlement.Transaction.CommitAsync();
        Assert.Equal((true, 1), await burial);
        Assert.Empty(await LogAsync());
        Assert.False((await Store.RenewAsync(Me, Lease, false, default, default)).IsAlive);
    }

    [Fact]
    public async Task Renewal_does_not_wait_for_an_open_settlement()
    {
        await JoinAsync();
        await using Caller settlement = await Caller.BeginAsync(Database.Source);
        await settlement.ExecuteAsync($"SELECT 1 FROM {Tables.Worker} WHERE worker = '{Me}' FOR KEY SHARE");

        Assert.Equal((true, 1), await Store.RenewAsync(Me, Lease, false, default, default));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Settlement_waits_for_an_open_burial_and_follows_its_outcome(bool isBuried)
    {
        await JoinAsync();
        await AppendAsync(Entry("a"));
        OutboxRow row = await OneAsync();
        await using Caller burial = await Caller.BeginAsync(Database.Source);
        await burial.ExecuteAsync($"DELETE FROM {Tables.Worker} WHERE worker = '{Me}'");

        Task<int> settled = SettleAsync(Delivered(row));
        await BlockedAsync();
        await (isBuried ? burial.Transaction.CommitAsync() : burial.Transaction.RollbackAsync());

        Assert.Equal(isBuried ? 0 : 1, await settled);
        Assert.Equal(isBuried ? 1 : 0, (await LogAsync()).Count);
    }

    [Fact]
    public async Task Settlement_ends_on_the_server_before_its_lease()
    {
        await Store.JoinAsync(Me, "test", TimeSpan.FromMilliseconds(300), default);
        await AppendAsync(Entry("a"));
        OutboxRow row = await OneAsync();
        await using OutboxSettler settler = Store.OpenSettler();
        await using (Caller burial = await Caller.BeginAsync(Database.Source))
        {
            await burial.ExecuteAsync($"DELETE FROM {Tables.Worker} WHERE worker = '{Me}'");

            DbException fault = await Assert.ThrowsAnyAsync<DbException>(
                async () => await settler.SettleAsync(Me, [Delivered(row)], default));

            Assert.Equal("57014", fault.SqlState);
        }

        OutboxChange change = Delivered(row);
        await settler.SettleAsync(Me, [change], default);
        Assert.True(change.IsApplied);
    }

    [Fact]
    public async Task Lanes_that_another_worker_is_taking_are_passed_over_without_waiting()
    {
        await JoinAsync();
        await using Caller other = await Caller.BeginAsync(Database.Source);
        await other.ExecuteAsync($"SELECT lane FROM {Tables.Lane} WHERE lane < 40 FOR NO KEY UPDATE");

        IReadOnlyList<(short Lane, int Unclean)> taken = await Store.TakeLanesAsync(Me, 64, default);

        Assert.Equal(Enumerable.Range(40, 24), taken.Select(static lane => (int)lane.Lane).Order());
    }

    [Fact]
    public async Task Purge_passes_over_rows_that_another_transaction_holds_without_waiting()
    {
        await JoinAsync();
        await AppendAsync([.. Enumerable.Range(0, 5).Select(i => Entry($"{i}", endpoint: i))]);
        await SettleAsync([.. (await LogAsync()).Select(row => Dead(row))]);
        foreach (string id in new[] { "held", "free" })
        {
            await BindAsync(Binding(id));
        }

        await PassAsync(TimeSpan.FromDays(40));
        long held = (await DeadAsync())[0].Id;
        await using Caller other = await Caller.BeginAsync(Database.Source);
        await other.ExecuteAsync($"SELECT 1 FROM {Tables.Dead} WHERE id = {held} FOR UPDATE");
        await other.ExecuteAsync($"SELECT 1 FROM {Tables.Binding} WHERE hash = '\\x{Convert.ToHexString(Hash("held"))}' FOR UPDATE");

        int purged = 0;
        for (int batch = await Store.PurgeAsync(default); batch > 0; batch = await Store.PurgeAsync(default))
        {
            purged += batch;
        }

        Assert.Equal(5, purged);
        Assert.Equal(held, Assert.Single(await DeadAsync()).Id);
        await other.Transaction.RollbackAsync();
        Assert.Equal(2, await Store.PurgeAsync(default));
    }

    [Fact]
    public async Task Redrives_and_discards_of_the_same_dead_letters_do_not_wait_in_a_circle()
    {
        Random random = new(1);
        await JoinAsync();
        for (int round = 0; round < 10; round++)
        {
            await Database.ExecuteAsync($"DELETE FROM {Tables.Log}");
            await AppendAsync([.. Enumerable.Range(0, 40).Select(i => Entry($"{i}", endpoint: i))]);
            await SettleAsync([.. (await LogAsync()).Select(row => Dead(row))]);
            long[] ids = [.. (await DeadAsync()).Select(static row => row.Id)];
            IReadOnlyList<OutboxRedrive>[] redrives =
            [
                .. Enumerable.Range(0, 4).Select(_ => Shuffled().Select(id =>
                    new OutboxRedrive(id, id % 2 == 0 ? new OutboxRenewal("key-1", [1]) : null)).ToArray()),
            ];
            long[][] discards = [Shuffled(), Shuffled()];

            int[] handled = await Task.WhenAll(
            [
                .. redrives.Select(rows => Task.Run(async () => (await Store.Dead.RedriveAsync(rows, default)).Ids.Count)),
                .. discards.Select(rows => Task.Run(async () => await Store.Dead.DiscardAsync(rows, default))),
            ]);

            Assert.Equal(40, handled.Sum());

            long[] Shuffled()
            {
                long[] shuffled = [.. ids];
                random.Shuffle(shuffled);
                return shuffled;
            }
        }
    }

    [Fact]
    public async Task Workers_that_bury_each_other_do_not_wait_in_a_circle()
    {
        Guid[] workers = [.. Enumerable.Range(0, 6).Select(static _ => Guid.NewGuid())];
        for (int round = 0; round < 20; round++)
        {
            foreach (Guid worker in workers)
            {
                await JoinAsync(worker);
            }

            await Database.ExecuteAsync($"UPDATE {Tables.Worker} SET expires_at = 0");

            (bool IsAlive, int Workers)[] renewed = await Task.WhenAll(
                workers.Select(worker => Task.Run(async () => await Store.RenewAsync(worker, Lease, false, default, default))));

            Assert.Contains(renewed, static worker => worker.IsAlive);
            foreach (Guid worker in workers)
            {
                await Store.LeaveAsync(worker, default);
            }
        }
    }

    [Fact]
    public async Task Rows_of_another_cluster_that_were_restored_from_a_dump_are_read_once()
    {
        await AppendAsync(Entry("foreign 1", binding: Hash("id"), binds: Binding("id")), Entry("foreign 2", 5), Entry("own"));
        await Database.ExecuteAsync(
            $"UPDATE {Tables.Log} SET xid = '{long.MaxValue}'::xid8 WHERE convert_from(sealed, 'UTF8') LIKE 'foreign%'");
        await Database.ExecuteAsync($"UPDATE {Tables.Binding} SET xid = '{long.MaxValue}'::xid8");
        await Database.ExecuteAsync($"UPDATE {Tables.Meta} SET system_identifier = 'another'");

        await JoinAsync();

        await using OutboxReader reader = Reader();
        List<OutboxRow> rows = await ReadAllAsync(reader);
        Assert.Equal(["foreign 1", "foreign 2", "own"], Texts(rows));
        Assert.Equal(OutboxBindingState.Waiting, (await Store.FindAsync(Hash("id"), default))!.State);
        await AppendAsync(Entry("later"));
        Assert.Equal(["later"], Texts(await ReadAllAsync(reader)));
        Assert.Equal(3, await SettleAsync([.. rows.Select(Delivered)]));
        Assert.Equal(
            await Database.ExecuteAsync("SELECT system_identifier::text FROM pg_control_system()"),
            await Database.ExecuteAsync($"SELECT system_identifier FROM {Tables.Meta}"));
    }

    /// <summary>A mutation of the protocol: the watermark after a page of a range is the snapshot of that page.</summary>
    private sealed class AdvancingReader(StoreDatabase database, PostgreSqlOutboxStatements statements)
        : PostgreSqlOutboxReader(database, statements)
    {
        private protected override PostgreSqlSnapshot Advance(PostgreSqlSnapshot watermark, PostgreSqlSnapshot page) => page;
    }

    private protected override OutboxStore Open(DbDataSource source, OutboxTables tables, TimeSpan? deadKept = null) =>
        new PostgreSqlOutboxStore(new StoreDatabase(source, SqlDialect.PostgreSql), tables, TimeProvider.System, deadKept: deadKept);

    private protected override Task MakeSchemaNewerAsync() =>
        Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = version + 10");

    /// <summary>Waits until a statement of this test waits for a lock.</summary>
    private protected async Task BlockedAsync()
    {
        const string Sql =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = current_setting('application_name') AND wait_event_type "
            + "= 'Lock'";
        using CancellationTokenSource timeout = new(OutboxHarness.Patience);
        while (await Database.CountAsync(Sql) == 0)
        {
            timeout.Token.ThrowIfCancellationRequested();
        }
    }

    /// <summary>A transaction of an application.</summary>
    private protected sealed class Caller(DbConnection connection, DbTransaction transaction) : IAsyncDisposable
    {
        public DbTransaction Transaction { get; } = transaction;

        public static async Task<Caller> BeginAsync(DbDataSource source)
        {
            DbConnection connection = await source.OpenConnectionAsync();
            return new Caller(connection, await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted));
        }

        public async Task ExecuteAsync(string sql)
        {
            await using DbCommand command = connection.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await Transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }

    /// <summary>A reader beside four callers, and the rows that it has to read.</summary>
    private sealed class Interleaving(PostgreSqlOutboxStoreContract test) : IAsyncDisposable
    {
        private readonly Caller?[] _callers = new Caller?[4];
        private readonly List<(long Id, short Lane)>[] _appended = [[], [], [], []];
        private readonly Dictionary<long, short> _committed = [];
        private readonly HashSet<long> _read = [];
        private readonly HashSet<short> _lanes = [];
        private readonly OutboxReader _reader = test.Store.OpenReader();

        public async Task StepAsync(int step, int which, int limit)
        {
            short lane = (short)which;
            switch (step)
            {
                case <= 3:
                    _callers[which] ??= await Caller.BeginAsync(test.Database.Source);
                    short to = (short)(limit - 1);
                    OutboxEntry[] entries = [.. Enumerable.Range(0, limit).Select(i => Entry($"{i}", to))];
                    long[] ids = await test.Store.AppendAsync(_callers[which]!.Transaction, entries, default);
                    _appended[which].AddRange(ids.Select(id => (id, to)));
                    break;
                case <= 5:
                    await EndAsync(which, commit: limit < 4);
                    break;
                case 6 when _lanes.Add(lane):
                    _reader.Join([lane]);
                    break;
                case 7 when limit == 1 && _lanes.Remove(lane):
                    _reader.Leave(lane);
                    _read.ExceptWith(_committed.Where(row => row.Value == lane).Select(static row => row.Key));
                    break;
                default:
                    await PageAsync(limit);
                    break;
            }
        }

        public async Task EndAsync()
        {
            for (int which = 0; which < _callers.Length; which++)
            {
                await EndAsync(which, commit: true);
            }

            for (int calls = 0; await PageAsync(2); calls++)
            {
                Assert.True(calls < 2_000);
            }

            Assert.Equal(_committed.Where(row => _lanes.Contains(row.Value)).Select(static row => row.Key).Order(), _read.Order());
        }

        public async ValueTask DisposeAsync()
        {
            await _reader.DisposeAsync();
            foreach (Caller? caller in _callers)
            {
                await (caller?.DisposeAsync() ?? default);
            }
        }

        private async Task EndAsync(int which, bool commit)
        {
            if (_callers[which] is not { } caller)
            {
                return;
            }

            await (commit ? caller.Transaction.CommitAsync() : caller.Transaction.RollbackAsync());
            await caller.DisposeAsync();
            _callers[which] = null;
            foreach ((long id, short lane) in commit ? _appended[which] : [])
            {
                _committed.Add(id, lane);
            }

            _appended[which].Clear();
        }

        private async Task<bool> PageAsync(int limit)
        {
            List<OutboxRow> rows = [];
            bool more = await _reader.MayFindAsync(default) && await _reader.ReadAsync(rows, limit, long.MaxValue, false, default);
            Assert.All(rows, row =>
            {
                Assert.Contains(row.Lane, _lanes);
                Assert.Contains(row.Id, _committed);
                Assert.True(_read.Add(row.Id), "A row was read twice.");
            });
            return more;
        }
    }
}
