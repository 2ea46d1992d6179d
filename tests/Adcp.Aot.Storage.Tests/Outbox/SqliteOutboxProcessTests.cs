using System.Data.Common;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using System.Text;
using Adcp.Aot.Storage.Tests.Databases;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The knowledge of processes about each other, and the checks of a process before it uses a file.</summary>
public sealed class SqliteOutboxProcessTests : IAsyncLifetime
{
    private const string FileVariable = "ADCP_TEST_OUTBOX";
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private static readonly OutboxTables Tables = new(OutboxTables.DefaultPrefix);
    private static readonly Guid Me = Guid.NewGuid();

    private readonly List<SqliteOutboxStore> _stores = [];
    private TestDatabase _database = null!;
    private SqliteOutboxStore _store = null!;
    private string _file = null!;

    /// <summary>Joins an outbox, takes its lanes and waits, if this assembly was started to be killed. It then runs no test.</summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "The test assembly is its own victim.")]
    internal static void BeTheVictim()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is not { Length: > 0 } file)
        {
            return;
        }

        using SqliteDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, file);
        SqliteOutboxStore store = new(new StoreDatabase(source, SqlDialect.Sqlite), Tables);
        Guid worker = Guid.NewGuid();

        // On this thread alone: the assembly is locked for others until its initializer ends.
        store.JoinAsync(worker, "victim", Lease, default).AsTask().GetAwaiter().GetResult();
        IReadOnlyList<(short Lane, int Unclean)> lanes = store.TakeLanesAsync(worker, 64, default).AsTask().GetAwaiter().GetResult();
        store.AppendAsync(null, [Entry("a"), Entry("b")], default).AsTask().GetAwaiter().GetResult();
        Console.WriteLine($"{lanes.Count} lanes");
        Thread.Sleep(Timeout.Infinite);
    }

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(SqlDialect.Sqlite);
        _file = new SqliteConnectionStringBuilder(_database.ConnectionString).DataSource;
        _store = Open();
        await _store.CreateIfAbsentAsync(default);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (SqliteOutboxStore store in _stores)
        {
            await store.DisposeAsync();
        }

        await _database.DisposeAsync();
        Assert.Empty(LockFiles());
    }

    [Fact]
    public async Task Killed_process_is_buried_at_once_although_its_lease_goes_on()
    {
        await _store.JoinAsync(Me, "test", Lease, default);
        ProcessStartInfo start = new("dotnet", [typeof(SqliteOutboxProcessTests).Assembly.Location])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment[FileVariable] = _file;
        using Process victim = Process.Start(start)!;
        Assert.Equal("64 lanes", await victim.StandardOutput.ReadLineAsync());
        Assert.Equal((true, 2), await _store.RenewAsync(Me, Lease, false, default, default));
        Assert.Empty(await _store.TakeLanesAsync(Me, 64, default));
        Assert.Equal(2, LockFiles().Length);

        victim.Kill();
        await victim.WaitForExitAsync();

        Assert.Equal((true, 1), await _store.RenewAsync(Me, Lease, false, default, default));
        IReadOnlyList<(short Lane, int Unclean)> lanes = await _store.TakeLanesAsync(Me, 64, default);
        Assert.Equal(64, lanes.Count);
        Assert.All(lanes, static lane => Assert.Equal(1, lane.Unclean));
        Assert.Single(LockFiles());
        List<OutboxRow> rows = await LogAsync();
        Assert.Equal(["a", "b"], rows.Select(static row => Encoding.UTF8.GetString(row.Sealed)));
        Assert.All(rows, static row => Assert.Equal(1, row.Unclean));
    }

    [Fact]
    public async Task Death_of_a_process_is_looked_for_more_often_than_every_half_second()
    {
        // The lease is an hour: a death is found by the next look, and the dead worker is buried then.
        TimeSpan watch = TimeSpan.FromMilliseconds(200);
        FakeTimeProvider time = new();
        InMemoryOutboxStore store = new(time) { Watch = watch };
        OutboxLeaseTimes times = new(Lease, Lease / 5, Lease / 5);
        await using OutboxLease lease = new(store, times, "test", static () => default, time, NullLogger.Instance);
        await lease.StartAsync(default);
        int renewals = store.Renewals;
        for (int look = 1; look <= 20; look++)
        {
            await LookAsync(look);
        }

        Assert.Equal(renewals, store.Renewals);
        store.HasDeadWorker = true;
        await LookAsync(21);
        while (store.Renewals == renewals)
        {
            // The renewal buries the dead. It is made without another tick of the clock.
            await Task.Yield();
        }

        Assert.Equal(21, store.Looks);

        async Task LookAsync(int look)
        {
            time.Advance(watch);
            while (store.Looks < look)
            {
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task Worker_that_is_alone_looks_for_no_death_until_another_joins()
    {
        SqliteOutboxStore other = Open();
        await _store.JoinAsync(Me, "test", Lease, default);
        await _store.RenewAsync(Me, Lease, false, default, default);
        Assert.Null(_store.DeathWatch);
        await other.JoinAsync(Guid.NewGuid(), "other", Lease, default);

        Assert.Equal((true, 2), await _store.RenewAsync(Me, Lease, false, default, default));

        Assert.Equal(TimeSpan.FromMilliseconds(200), _store.DeathWatch);
    }

    [Fact]
    public async Task Lease_looks_more_often_as_soon_as_a_renewal_has_seen_another_worker_and_no_longer_when_it_has_gone()
    {
        FakeTimeProvider time = new();
        InMemoryOutboxStore store = new(time);
        OutboxLeaseTimes times = new(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        await using OutboxLease lease = new(store, times, "test", static () => default, time, NullLogger.Instance);
        await lease.StartAsync(default);
        for (int second = 1; second <= 3; second++)
        {
            await RenewAsync();
        }

        Assert.Equal(0, store.Looks);
        store.Watch = TimeSpan.FromMilliseconds(200);
        await RenewAsync();
        for (int look = 1; look <= 4; look++)
        {
            time.Advance(store.Watch.Value);
            while (store.Looks < look)
            {
                await Task.Yield();
            }
        }

        TimeSpan watch = store.Watch.Value;
        store.Watch = null;
        await RenewAsync(watch);
        await RenewAsync();
        Assert.Equal(4, store.Looks);

        // A renewal has ended when the lease says so; only then the next period is set.
        async Task RenewAsync(TimeSpan? after = null)
        {
            TaskCompletionSource renewed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            lease.Changed += renewed.SetResult;
            time.Advance(after ?? times.Renewal);
            await renewed.Task.WaitAsync(OutboxHarness.Patience);
            lease.Changed -= renewed.SetResult;
        }
    }

    [Fact]
    public async Task Worker_whose_lease_is_over_is_buried_although_its_process_lives()
    {
        Guid other = Guid.NewGuid();
        SqliteOutboxStore paused = Open();
        await paused.JoinAsync(other, "paused", TimeSpan.FromSeconds(-1), default);
        await _store.JoinAsync(Me, "test", Lease, default);

        Assert.Equal((true, 1), await _store.RenewAsync(Me, Lease, false, default, default));

        Assert.Equal((false, 1), await paused.RenewAsync(other, Lease, false, default, default));
        Assert.Single(LockFiles());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Lock_file_is_its_owners_only_and_goes_when_the_worker_leaves()
    {
        await _store.JoinAsync(Me, "test", Lease, default);
        string file = Assert.Single(LockFiles());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        await _store.LeaveAsync(Me, default);

        Assert.Empty(LockFiles());
    }

    [Fact]
    public async Task Worker_without_a_lock_is_alive_as_long_as_its_lease()
    {
        Guid other = Guid.NewGuid();
        await Open().JoinAsync(other, "other", Lease, default);
        await _store.JoinAsync(Me, "test", Lease, default);
        await _database.ExecuteAsync($"UPDATE {Tables.Worker} SET has_lock = 0");

        Assert.Equal((true, 2), await _store.RenewAsync(Me, Lease, false, default, default));
        File.Delete(LockFiles().Single(path => path.EndsWith(other.ToString("N"), StringComparison.Ordinal)));
        await _database.ExecuteAsync($"UPDATE {Tables.Worker} SET has_lock = 1");

        Assert.Equal((true, 2), await _store.RenewAsync(Me, Lease, false, default, default));
    }

    [Fact]
    public async Task Lock_file_that_nobody_holds_and_knows_is_removed_by_the_next_worker()
    {
        string stale = $"{_file}-worker-{Guid.NewGuid():N}";
        string foreign = $"{_file}-worker-readme";
        await File.WriteAllTextAsync(stale, "");
        await File.WriteAllTextAsync(foreign, "");

        await _store.JoinAsync(Me, "test", Lease, default);

        Assert.False(File.Exists(stale));
        Assert.True(File.Exists(foreign));
        File.Delete(foreign);
    }

    [Fact]
    public async Task Idle_reader_asks_for_the_version_only_and_sees_what_another_process_commits()
    {
        List<string> statements = [];
        FaultyDataSource recorded = new(_database.Source);
        recorded.Plan = (sql, _) =>
        {
            statements.Add(sql);
            return null;
        };
        await using OutboxReader reader = Open(recorded).OpenReader();
        reader.Join([0]);
        List<OutboxRow> rows = [];
        while (await reader.ReadAsync(rows, 10, long.MaxValue, false, default))
        {
        }

        statements.Clear();
        for (int i = 0; i < 5; i++)
        {
            Assert.False(await reader.ReadAsync(rows, 10, long.MaxValue, false, default));
        }

        Assert.All(statements, static sql => Assert.Equal("PRAGMA data_version", sql));
        await _store.AppendAsync(null, [Entry("a")], default);
        Assert.False(await reader.ReadAsync(rows, 10, long.MaxValue, false, default));
        Assert.Single(rows);
    }

    [Fact]
    public async Task Old_library_is_refused_by_name()
    {
        SqliteOutboxStore store = new(new StoreDatabase(_database.Source, SqlDialect.Sqlite), Tables, minimum: new Version(99, 0));
        _stores.Add(store);

        foreach (Func<Task> call in new Func<Task>[]
        {
            async () => await store.CreateIfAbsentAsync(default),
            async () => await store.CheckAsync(default),
            async () => await store.AppendAsync(null, [Entry("a")], default),
        })
        {
            InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(call);
            Assert.Contains("99.0", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Database_without_a_write_ahead_log_is_refused()
    {
        await _database.ExecuteAsync("PRAGMA journal_mode = DELETE");
        SqliteOutboxStore store = Open();

        InvalidOperationException fault =
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await store.AppendAsync(null, [Entry("a")], default));

        Assert.Contains("write-ahead log", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PRAGMA synchronous = NORMAL", 1)]
    [InlineData("PRAGMA synchronous = OFF", 1)]
    [InlineData("PRAGMA synchronous = FULL", 0)]
    [InlineData("PRAGMA synchronous = EXTRA", 0)]
    public async Task Callers_connection_whose_commits_may_be_lost_is_reported_once(string pragma, int expected)
    {
        List<string> warnings = [];
        SqliteOutboxStore store = new(new StoreDatabase(_database.Source, SqlDialect.Sqlite), Tables, warnings.Add);
        _stores.Add(store);
        await using DbConnection connection = await _database.Source.OpenConnectionAsync();
        await using (DbCommand command = connection.CreateCommand())
        {
#pragma warning disable CA2100 // A test's own statements.
            command.CommandText = pragma;
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }

        for (int i = 0; i < 3; i++)
        {
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            await store.AppendAsync(transaction, [Entry("a")], default);
            await transaction.CommitAsync();
        }

        Assert.Equal(expected, warnings.Count);
        Assert.All(warnings, static warning => Assert.Contains("synchronous", warning, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Each_unsafe_setting_of_callers_connections_is_reported_once_and_each_connection_asked_once()
    {
        List<string> warnings = [];
        FaultyDataSource recorded = new(_database.Source);
        int asked = 0;
        recorded.Plan = (sql, _) =>
        {
            asked += sql == "PRAGMA synchronous" ? 1 : 0;
            return null;
        };
        SqliteOutboxStore store = new(new StoreDatabase(_database.Source, SqlDialect.Sqlite), Tables, warnings.Add);
        _stores.Add(store);

        foreach (string setting in new[] { "FULL", "NORMAL", "FULL", "NORMAL", "OFF", "EXTRA", "OFF" })
        {
            await using DbConnection connection = await recorded.OpenConnectionAsync();
            await using (DbCommand command = connection.CreateCommand())
            {
#pragma warning disable CA2100 // A test's own statements.
                command.CommandText = "PRAGMA synchronous = " + setting;
#pragma warning restore CA2100
                await command.ExecuteNonQueryAsync();
            }

            for (int i = 0; i < 2; i++)
            {
                await using DbTransaction transaction = await connection.BeginTransactionAsync();
                await store.AppendAsync(transaction, [Entry("a")], default);
                await transaction.CommitAsync();
            }
        }

        Assert.Equal(7, asked);
        Assert.Equal(2, warnings.Count);
        Assert.Contains("synchronous = 1", warnings[0], StringComparison.Ordinal);
        Assert.Contains("synchronous = 0", warnings[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_statement_of_the_worker_scans_a_table()
    {
        SqliteOutboxStatements sql = new(Tables);
        foreach (string statement in new[]
        {
            sql.ReadLog, sql.LastOfLog, sql.ReadParked, sql.NextParked, sql.NextParkedEndpoint, sql.FirstParked, sql.LastParked,
            sql.DeleteFromLog, sql.DeleteFromParked, sql.Park, sql.ParkAgain, sql.EndFromLog, sql.EndFromParked, sql.EndBinding,
            sql.Find, sql.LetBindingWait, sql.IsAlive, sql.Purges[0], sql.Purges[1], sql.Purges[2], sql.ReadHeadOfLog,
            sql.ReadHeadOfParked, sql.TrialLog, sql.TrialParked, sql.CountParked,
        })
        {
            foreach (string step in await PlanAsync(statement))
            {
                bool isList = Array.Exists(["SCAN k", "SCAN json_each", "SCAN CONSTANT"], step.StartsWith);
                Assert.True(isList || !step.StartsWith("SCAN", StringComparison.Ordinal), $"{step}: {statement}");
                Assert.DoesNotContain("TEMP B-TREE", step, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Dead_letters_are_found_by_one_index_and_listed_without_a_sort()
    {
        SqliteOutboxStatements sql = new(Tables);
        foreach (OutboxDeadFilter filter in
            from type in new long?[] { null, 1 }
            from tenant in new long?[] { null, 1 }
            from endpoint in new long?[] { null, 1 }
            from reason in new[] { null, "expired" }
            select new OutboxDeadFilter(tenant, endpoint, reason, null, type))
        {
            string list = Assert.Single(await PlanAsync(sql.ListDead(filter)));
            string ids = Assert.Single(await PlanAsync(sql.ListDeadIds(filter)));
            string count = Assert.Single(await PlanAsync(sql.CountDead(filter)));

            Assert.StartsWith("SEARCH", list, StringComparison.Ordinal);
            Assert.StartsWith("SEARCH", ids, StringComparison.Ordinal);
            if (filter.NotificationType is not null)
            {
                Assert.Contains("dead_type (notification_type=? AND id<?)", list, StringComparison.Ordinal);
                Assert.Contains("COVERING INDEX", count, StringComparison.Ordinal);
                Assert.Contains("COVERING INDEX", ids, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Rows_are_found_by_the_hash_of_their_key_and_without_one_by_the_index()
    {
        SqliteOutboxStatements sql = new(Tables);

        Assert.Contains("dead_key (key_hash=?)", Assert.Single(await PlanAsync(sql.ListDeadByKey)), StringComparison.Ordinal);
        Assert.Contains("parked_key (key_hash=?)", Assert.Single(await PlanAsync(sql.ListParkedByKey)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Counts_of_reasons_scan_no_table_of_dead_letters()
    {
        SqliteOutboxStatements sql = new(Tables);

        string[] steps = [.. await PlanAsync(sql.CountReasons), .. await PlanAsync(sql.SampleReasons)];

        // All dead letters are counted by an index, which is small.
        Assert.DoesNotContain(steps, step => step == $"SCAN {Tables.Dead}" || step == "SCAN d");
        Assert.All(
            steps.Where(step => step.StartsWith($"SCAN {Tables.Dead}", StringComparison.Ordinal)),
            static step => Assert.Contains("COVERING INDEX", step, StringComparison.Ordinal));
        Assert.Contains(steps, static step => step.Contains("dead_reason (reason=? AND rowid>?)", StringComparison.Ordinal));
    }

    private async Task<List<string>> PlanAsync(string statement)
    {
        await using DbConnection connection = await _database.Source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // The store's statements.
        command.CommandText = "EXPLAIN QUERY PLAN " + statement;
#pragma warning restore CA2100
        for (int i = 1; i <= 8; i++)
        {
            DbParameter parameter = command.CreateParameter();
            parameter.ParameterName = $"@p{i}";
            parameter.Value = i;
            command.Parameters.Add(parameter);
        }

        List<string> steps = [];
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            steps.Add(reader.GetString(3));
        }

        return steps;
    }

    private static OutboxEntry Entry(string text) =>
        new() { Lane = 0, Endpoint = 7, Tenant = 9, KeyId = "key-1", Sealed = Encoding.UTF8.GetBytes(text) };

    private string[] LockFiles() => Directory.GetFiles(Path.GetDirectoryName(_file)!, Path.GetFileName(_file) + "-worker-*");

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

    private SqliteOutboxStore Open(DbDataSource? source = null)
    {
        SqliteOutboxStore store = new(new StoreDatabase(source ?? _database.Source, SqlDialect.Sqlite), Tables);
        _stores.Add(store);
        return store;
    }
}
