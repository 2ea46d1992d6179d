using System.Data.Common;
using System.Text;
using Adcp.Aot.Storage.Tests.Databases;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>A process that writes to its SQLite file: one transaction for all that waits, beside transactions of callers.</summary>
public sealed class SqliteOutboxWritingTests : IAsyncLifetime
{
    private static readonly OutboxTables Tables = new(OutboxTables.DefaultPrefix);
    private static readonly Guid Me = Guid.NewGuid();

    private readonly List<SqliteOutboxStore> _stores = [];
    private readonly FakeTimeProvider _time = new();
    private TestDatabase _database = null!;
    private SqliteOutboxStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(SqlDialect.Sqlite);
        _store = Open(_database.Source);
        await _store.CreateIfAbsentAsync(default);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (SqliteOutboxStore store in _stores)
        {
            await store.DisposeAsync();
        }

        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Calls_that_wait_for_the_same_lock_share_one_commit()
    {
        await _store.JoinAsync(Me, "test", TimeSpan.FromHours(1), default);
        await AppendAsync("first");
        OutboxRow row = Assert.Single(await LogAsync());
        await using OutboxSettler settler = _store.OpenSettler();
        OutboxChange change = new() { Row = row, Kind = OutboxChangeKind.Delivered };
        Task[] calls;
        long before;
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction holder = await connection.BeginTransactionAsync())
        {
            before = _store.Commits;
            calls =
            [
                .. Enumerable.Range(0, 50).Select(i => AppendAsync($"{i}").AsTask()),
                settler.SettleAsync(Me, [change], default).AsTask(),
            ];
            await holder.CommitAsync();
        }

        await Task.WhenAll(calls);

        Assert.True(change.IsApplied);
        Assert.Equal(1, _store.Commits - before);
        Assert.Equal(50, (await LogAsync()).Count);
    }

    [Fact]
    public async Task One_commit_holds_at_most_two_thousand_rows_unless_one_call_has_more()
    {
        Task[] calls;
        long before;
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction holder = await connection.BeginTransactionAsync())
        {
            before = _store.Commits;
            calls = [AppendAsync(900), AppendAsync(900), AppendAsync(2500), AppendAsync(900)];
            await holder.CommitAsync();
        }

        await Task.WhenAll(calls);

        Assert.Equal(3, _store.Commits - before);
        Assert.Equal(5200, (await _store.CountAsync(default)).Waiting);

        Task AppendAsync(int rows) =>
            _store.AppendAsync(null, [.. Enumerable.Range(0, rows).Select(static i => Entry($"{i}"))], default).AsTask();
    }

    [Fact]
    public async Task Call_that_the_database_refuses_fails_alone()
    {
        OutboxEntry broken = new() { Lane = 0, Endpoint = 1, Tenant = 1, KeyId = null!, Sealed = [1] };
        Task<long[]> refused;
        Task<long[]>[] others;
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction holder = await connection.BeginTransactionAsync())
        {
            Task<long[]> first = AppendAsync("a").AsTask();
            refused = _store.AppendAsync(null, [Entry("lost"), broken], default).AsTask();
            others = [first, AppendAsync("b").AsTask()];
            await holder.CommitAsync();
        }

        await Assert.ThrowsAsync<SqliteException>(() => refused);
        long[][] ids = await Task.WhenAll(others);

        List<OutboxRow> rows = await LogAsync();
        Assert.Equal(["a", "b"], rows.Select(Text));
        Assert.Equal(rows.Select(static row => row.Id), ids.SelectMany(static some => some));
    }

    [Fact]
    public async Task Call_that_is_cancelled_before_its_transaction_leaves_nothing()
    {
        using CancellationTokenSource cancelled = new();
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction holder = await connection.BeginTransactionAsync())
        {
            Task<long[]> waiting = _store.AppendAsync(null, [Entry("a")], cancelled.Token).AsTask();
            await cancelled.CancelAsync();

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                async () => await _store.AppendAsync(null, [Entry("a")], cancelled.Token));
        }

        await AppendAsync("b");

        Assert.Equal("b", Text(Assert.Single(await LogAsync())));
    }

    [Fact]
    public async Task Lock_that_stays_held_fails_the_calls_that_waited_too_long()
    {
        string impatient = new SqliteConnectionStringBuilder(_database.ConnectionString) { DefaultTimeout = 1 }.ConnectionString;
        await using DbDataSource source = SqliteFactory.Instance.CreateDataSource(impatient);
        SqliteOutboxStore store = Open(source);
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction holder = await connection.BeginTransactionAsync())
        {
            _time.AutoAdvanceAmount = SqliteOutboxWriter.BusyPatience;
            SqliteException fault = await Assert.ThrowsAsync<SqliteException>(
                async () => await store.AppendAsync(null, [Entry("a")], default));
            Assert.Equal(5, fault.SqliteErrorCode);
        }

        await store.AppendAsync(null, [Entry("b")], default);

        Assert.Equal("b", Text(Assert.Single(await LogAsync())));
    }

    [Fact]
    public async Task Callers_transaction_that_stays_open_holds_up_settlements_and_loses_none()
    {
        await _store.JoinAsync(Me, "test", TimeSpan.FromHours(1), default);
        await AppendAsync("a");
        await using OutboxReader reader = _store.OpenReader();
        reader.Join([0]);
        List<OutboxRow> rows = [];
        await reader.ReadAsync(rows, 10, long.MaxValue, false, default);
        await using OutboxSettler settler = _store.OpenSettler();
        OutboxChange change = new() { Row = Assert.Single(rows), Kind = OutboxChangeKind.Delivered };
        Task settled;
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction caller = await connection.BeginTransactionAsync())
        {
            await _store.AppendAsync(caller, [Entry("b")], default);
            settled = settler.SettleAsync(Me, [change], default).AsTask();
            rows.Clear();
            Assert.False(await reader.ReadAsync(rows, 10, long.MaxValue, false, default));
            Assert.Empty(rows);
            Assert.False(settled.IsCompleted);
            await caller.CommitAsync();
        }

        await settled;

        Assert.True(change.IsApplied);
        while (await reader.ReadAsync(rows, 10, long.MaxValue, false, default))
        {
        }

        Assert.Equal("b", Text(Assert.Single(rows)));
    }

    [Fact]
    public async Task Four_writers_of_one_file_get_no_error_and_lose_nothing()
    {
        const int Each = 60;
        SqliteOutboxStore[] processes = [.. Enumerable.Range(0, 4).Select(_ => Open(_database.Source))];

        await Task.WhenAll(processes.Select((store, process) => Task.Run(async () =>
        {
            Guid worker = Guid.NewGuid();
            await store.JoinAsync(worker, "test", TimeSpan.FromHours(1), default);
            await using OutboxSettler settler = store.OpenSettler();
            await using OutboxReader reader = store.OpenReader();
            reader.Join([(short)process]);
            List<OutboxRow> rows = [];
            for (int i = 0; i < Each; i++)
            {
                // A webhook in a transaction of the caller's, one on its own, a renewal, and a settlement of both.
                await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
                await using (DbTransaction caller = await connection.BeginTransactionAsync())
                {
                    await store.AppendAsync(caller, [Entry("a", (short)process)], default);
                    await caller.CommitAsync();
                }

                await store.AppendAsync(null, [Entry("b", (short)process)], default);
                Assert.True((await store.RenewAsync(worker, TimeSpan.FromHours(1), false, default, default)).IsAlive);
                rows.Clear();
                while (await reader.ReadAsync(rows, 10, long.MaxValue, false, default))
                {
                }

                OutboxChange[] changes = [.. rows.Select(static row => new OutboxChange { Row = row, Kind = OutboxChangeKind.Delivered })];
                Assert.Equal(["a", "b"], rows.Select(Text).Order());
                await settler.SettleAsync(worker, changes, default);
                Assert.All(changes, static change => Assert.True(change.IsApplied));
            }
        })));

        Assert.Equal(0, (await _store.CountAsync(default)).Waiting);
    }

    [Fact]
    public async Task Own_transaction_gets_its_turn_between_many_calls()
    {
        using CancellationTokenSource stop = new();
        Task[] flood = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await AppendAsync("flood");
            }
        }))];

        for (int i = 0; i < 20; i++)
        {
            await using OutboxTransaction own = await _store.BeginAsync(default);
            await _store.AppendAsync(own.Transaction, [Entry("own")], default);
            await own.CommitAsync(default);
        }

        await stop.CancelAsync();
        await Task.WhenAll(flood);
        Assert.Equal(20, (await LogAsync()).Count(static row => Text(row) == "own"));
    }

    [Fact]
    public async Task Disposal_finishes_what_waits_and_refuses_what_comes()
    {
        SqliteOutboxStore store = Open(_database.Source);
        Task<long[]>[] calls;
        Task disposed;
        await using (DbConnection connection = await _database.Source.OpenConnectionAsync())
        await using (DbTransaction holder = await connection.BeginTransactionAsync())
        {
            calls = [.. Enumerable.Range(0, 10).Select(i => store.AppendAsync(null, [Entry($"{i}")], default).AsTask())];
            disposed = store.DisposeAsync().AsTask();
            await holder.CommitAsync();
        }

        await disposed;

        Assert.All(calls, static call => Assert.True(call.IsCompletedSuccessfully));
        Assert.Equal(10, (await LogAsync()).Count);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.AppendAsync(null, [Entry("late")], default));
        await Open(_database.Source).DisposeAsync();
    }

    [Fact]
    public async Task Full_disk_refuses_rows_keeps_all_that_was_accepted_and_still_settles()
    {
        await _store.JoinAsync(Me, "test", TimeSpan.FromHours(1), default);
        PragmaDataSource small = new(_database.Source) { Pragma = "PRAGMA max_page_count = 200" };
        SqliteOutboxStore store = Open(small);
        List<long> accepted = [];
        SqliteException? refusal = null;
        while (refusal is null)
        {
            Task<long[]>[] calls =
            [
                .. Enumerable.Range(0, 20).Select(_ => store.AppendAsync(null, [Entry(new string('x', 2000))], default).AsTask()),
            ];
            foreach (Task<long[]> call in calls)
            {
                try
                {
                    accepted.AddRange(await call);
                }
                catch (SqliteException fault)
                {
                    refusal = fault;
                }
            }
        }

        Assert.Equal(13, refusal.SqliteErrorCode);
        List<OutboxRow> rows = await LogAsync();
        Assert.Equal(accepted.Order(), rows.Select(static row => row.Id));
        await using OutboxSettler settler = store.OpenSettler();
        OutboxChange[] changes = [.. rows.Take(50).Select(static row => new OutboxChange { Row = row, Kind = OutboxChangeKind.Delivered })];
        await settler.SettleAsync(Me, changes, default);
        Assert.All(changes, static change => Assert.True(change.IsApplied));
        Assert.Single(await store.AppendAsync(null, [Entry("fits again")], default));
    }

    [Fact]
    public async Task Log_is_moved_into_the_file_without_a_caller()
    {
        for (int i = 0; i < 12; i++)
        {
            await _store.AppendAsync(null, [.. Enumerable.Range(0, 500).Select(static _ => Entry(new string('x', 1000)))], default);
        }

        string file = new SqliteConnectionStringBuilder(_database.ConnectionString).DataSource;
        Assert.True(new FileInfo(file + "-wal").Length < 16 << 20, "The log grows without a checkpoint.");
        await _store.DisposeAsync();

        await using DbConnection connection = await _database.Source.OpenConnectionAsync();
        Assert.Equal("1000", await ScalarAsync(connection, "PRAGMA wal_autocheckpoint"));
        Assert.StartsWith("0|", await RowAsync(connection, "PRAGMA wal_checkpoint(PASSIVE)"), StringComparison.Ordinal);
    }

    private static OutboxEntry Entry(string text, short lane = 0) =>
        new() { Lane = lane, Endpoint = 7, Tenant = 9, KeyId = "key-1", Sealed = Encoding.UTF8.GetBytes(text) };

    private static string Text(OutboxRow row) => Encoding.UTF8.GetString(row.Sealed);

    private static async Task<string?> ScalarAsync(DbConnection connection, string sql) => (await RowAsync(connection, sql)).Split('|')[0];

    private static async Task<string> RowAsync(DbConnection connection, string sql)
    {
        await using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // A test's own statements.
        command.CommandText = sql;
#pragma warning restore CA2100
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        Assert.True(await reader.ReadAsync());
        return string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), null)));
    }

    private ValueTask<long[]> AppendAsync(string text) => _store.AppendAsync(null, [Entry(text)], default);

    private async Task<List<OutboxRow>> LogAsync()
    {
        await using OutboxReader reader = _store.OpenReader();
        reader.Join([0]);
        List<OutboxRow> rows = [];
        while (await reader.ReadAsync(rows, 1000, long.MaxValue, false, default))
        {
        }

        return rows;
    }

    private SqliteOutboxStore Open(DbDataSource source)
    {
        SqliteOutboxStore store = new(new StoreDatabase(source, SqlDialect.Sqlite, _time), Tables);
        _stores.Add(store);
        return store;
    }

    /// <summary>A source whose connections begin with a statement.</summary>
    private sealed class PragmaDataSource(DbDataSource inner) : DbDataSource
    {
        public required string Pragma { get; init; }

        public override string ConnectionString => inner.ConnectionString;

        protected override DbConnection CreateDbConnection() => inner.CreateConnection();

        protected override DbConnection OpenDbConnection()
        {
            DbConnection connection = inner.OpenConnection();
            using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // A test's own statements.
            command.CommandText = Pragma;
#pragma warning restore CA2100
            command.ExecuteNonQuery();
            return connection;
        }
    }
}
