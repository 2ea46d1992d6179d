using System.Data.Common;
using System.Transactions;
using Adcp.Aot.Auditing;
using Adcp.Aot.Storage.Tests.Databases;
using Adcp.Aot.Storage.Tests.Sinks;
using Microsoft.Extensions.Time.Testing;
using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

public sealed class SqliteStoreFaultTests() : StoreFaultContract(SqlDialect.Sqlite)
{
    [Fact]
    public async Task Locked_database_is_tried_again_until_half_a_minute_has_passed()
    {
        FakeTimeProvider time = new();
        FaultyDataSource source = new(Database.Source);
        int tries = 0;
        source.Plan = (sql, _) =>
            sql.StartsWith("UPDATE", StringComparison.Ordinal) && ++tries <= 5
                ? new Fault(new FaultException("SQLite Error 5: 'database is locked'."))
                : null;

        int rows = await PassAsync(TouchAsync(source, time), time);

        Assert.Equal((0, 6), (rows, tries));
        source.Plan = (sql, _) =>
            sql.StartsWith("UPDATE", StringComparison.Ordinal)
                ? new Fault(new FaultException("SQLite Error 6: 'database table is locked'."))
                : null;
        DateTimeOffset start = time.GetUtcNow();
        await Assert.ThrowsAsync<FaultException>(() => PassAsync(TouchAsync(source, time), time));
        Assert.InRange(time.GetUtcNow() - start, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(40));
    }

    [Fact]
    public async Task Statement_that_cannot_join_an_ambient_transaction_is_refused()
    {
        await AddAsync("t1");
        using TransactionScope scope = new(TransactionScopeAsyncFlowOption.Enabled);

        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await Tasks().SaveAsync(Alice, Task1("t1", note: "2"), 1));

        Assert.Contains("TransactionScopeOption.Suppress", refused.Message, StringComparison.Ordinal);
        Assert.NotNull(await Tasks().GetAsync(Alice, "t1"));
    }

    private static async Task<int> TouchAsync(DbDataSource source, TimeProvider time)
    {
        await using StoreCommand command =
            await new StoreDatabase(source, SqlDialect.Sqlite, time).OpenAsync("UPDATE a2a_tasks SET note = 'x'", default);
        command.Next("UPDATE a2a_tasks SET version = version");
        return await command.ExecuteAsync(default);
    }

    private static async Task<int> PassAsync(Task<int> work, FakeTimeProvider time)
    {
        while (!work.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Yield();
        }

        return await work;
    }
}

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlStoreFaultTests() : ServerStoreFaultContract(SqlDialect.PostgreSql)
{
    [Fact]
    public async Task Comparison_is_to_the_byte_also_on_a_column_that_ignores_case()
    {
        await AddAsync("t1");
        await Database.ExecuteAsync("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        await Database.ExecuteAsync("ALTER TABLE a2a_push_configs DROP CONSTRAINT a2a_push_configs_scope_task_id_fkey");
        await Database.ExecuteAsync("ALTER TABLE a2a_tasks "
            + "ALTER COLUMN scope TYPE text COLLATE ci, ALTER COLUMN task_id TYPE text COLLATE ci, "
            + "ALTER COLUMN context_id TYPE text COLLATE ci");

        Assert.Null(await Tasks().GetAsync(StoreScope.Of("ALICE"), "t1"));
        Assert.Null(await Tasks().GetAsync(Alice, "T1"));
        Assert.False(await Tasks().DeleteAsync(StoreScope.Of("Alice"), "t1"));
        Assert.Equal(TaskSaveStatus.Missing, (await Tasks().SaveAsync(StoreScope.Of("ALICE"), Task1("t1"), 1)).Status);
        Assert.Empty((await Tasks().ListAsync(Alice, new TaskQuery { ContextId = "C1" })).Tasks);
        Assert.NotNull(await Tasks().GetAsync(Alice, "t1"));
    }

    [Fact]
    public async Task Server_that_began_to_read_only_loses_its_connections()
    {
        await using Npgsql.NpgsqlDataSource pool = Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Maximum Pool Size=1");
        object? before = await ScalarAsync(pool, "SELECT pg_backend_pid()");
        FaultyDataSource source = new(pool);
        source.Once("INSERT", new Fault(new FaultException("read-only", "25006")));

        Assert.Equal(TaskSaveStatus.Saved, (await Tasks(source).SaveAsync(Alice, Task1("t1"), 0)).Status);

        Assert.NotEqual(before, await ScalarAsync(pool, "SELECT pg_backend_pid()"));
    }

    [Fact]
    public async Task Times_without_a_zone_in_a_session_that_is_not_utc_are_refused_at_start()
    {
        await using AuditLog log = new(Database.Source, Dialect);
        await log.CreateIfAbsentAsync();
        await Database.ExecuteAsync("ALTER TABLE webhook_delivery_log ALTER COLUMN occurred_at TYPE timestamp");
        await using Npgsql.NpgsqlDataSource tokyo = Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Timezone=Asia/Tokyo");
        await using Npgsql.NpgsqlDataSource utc = Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Timezone=UTC");

        InvalidOperationException refused =
            await Assert.ThrowsAsync<InvalidOperationException>(() => new AuditLog(tokyo, Dialect).CreateIfAbsentAsync().AsTask());

        Assert.Contains("occurred_at", refused.Message, StringComparison.Ordinal);
        await new AuditLog(utc, Dialect).CreateIfAbsentAsync();
    }
}

[Needs(Resource.MySql)]
public sealed class MySqlStoreFaultTests() : ServerStoreFaultContract(SqlDialect.MySql)
{
    [Fact]
    public async Task Server_without_backslash_escapes_is_found_at_start()
    {
        await using DbDataSource wrong = WithoutEscapes("");
        await using DbDataSource right = WithoutEscapes(";No Backslash Escapes=true");
        await using DbDataSource other = new MySqlConnector.MySqlDataSource(Database.ConnectionString + ";No Backslash Escapes=true");
        Func<DbDataSource, Task>[] starts =
        [
            source => Tasks(source).CreateIfAbsentAsync().AsTask(),
            source => Tasks(source).GetAsync(Alice, "t1").AsTask(),
            source => new AuditLog(source, Dialect).CreateIfAbsentAsync().AsTask(),
            async source => await new AuditLog(source, Dialect).RecordAsync(Attempts.Many(1), default),
        ];

        foreach (Func<DbDataSource, Task> start in starts)
        {
            foreach (DbDataSource source in new[] { wrong, other })
            {
                InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => start(source));
                Assert.Contains("NO_BACKSLASH_ESCAPES", refused.Message, StringComparison.Ordinal);
            }
        }

        Assert.Equal(TaskSaveStatus.Saved, (await Tasks(right).SaveAsync(Alice, Task1("t1", note: "back\\slash \" '"), 0)).Status);
        Assert.Equal("back\\slash \" '", (await Tasks().GetAsync(Alice, "t1"))!.Task.Note);
    }

    [Fact]
    public async Task Schema_lock_whose_taking_was_cancelled_is_released()
    {
        List<string> statements = [];
        FaultyDataSource source = new(Database.Source)
        {
            Plan = (sql, _) =>
            {
                statements.Add(sql);
                return sql.Contains("GET_LOCK", StringComparison.Ordinal) ? new Fault(new OperationCanceledException(), Ran: true) : null;
            },
        };

        await Assert.ThrowsAsync<OperationCanceledException>(async () => await Tasks(source).CreateIfAbsentAsync());

        Assert.Contains(statements, static sql => sql.Contains("RELEASE_LOCK", StringComparison.Ordinal));
    }

    private MySqlConnector.MySqlDataSource WithoutEscapes(string settings) =>
        new MySqlConnector.MySqlDataSourceBuilder(Database.ConnectionString + settings)
            .UseConnectionOpenedCallback(static async (context, cancellationToken) =>
        {
            await using MySqlConnector.MySqlCommand command =
                new("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'", context.Connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }).Build();
}

/// <summary>Faults of a connection to a server, which an embedded database does not have.</summary>
public abstract class ServerStoreFaultContract(SqlDialect dialect) : StoreFaultContract(dialect)
{
    [Fact]
    public async Task First_use_of_connections_whose_server_ended_them_succeeds()
    {
        await AddAsync("t1");
        await using ITestAuditLog log = new AuditLog(Database.Source, Dialect);
        await log.CreateIfAbsentAsync();
        await log.RecordAsync(Attempts.Many(3), default);
        await EndConnectionsAsync();

        TaskSave save = await Tasks().SaveAsync(Alice, Task1("t1"), 1);
        await EndConnectionsAsync();
        TaskSave told = await Tasks().SaveAsync(Alice, Task1("t1"), 2, TellAsync, default);
        await EndConnectionsAsync();
        await log.RecordAsync(Attempts.Many(3, first: 10), default);
        await EndConnectionsAsync();
        IReadOnlyList<WebhookActivityRecord> recent = await log.ReadRecentAsync("acme");
        await EndConnectionsAsync();
        await log.CreateIfAbsentAsync();

        Assert.Equal((TaskSaveStatus.Saved, TaskSaveStatus.Saved), (save.Status, told.Status));
        Assert.Equal(6, recent.Count);
        Assert.Equal(new SqlBatchCounts(6, 0, 0, 0), log.Counts);
    }

    [Fact]
    public async Task Plain_save_joins_the_ambient_transaction_and_a_source_that_does_not_enlist_stays_outside()
    {
        await AddAsync("t1");
        await using DbDataSource outside = Dialect == SqlDialect.PostgreSql
            ? Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Enlist=false")
            : new MySqlConnector.MySqlDataSource(Database.ConnectionString + ";AutoEnlist=false");
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            Assert.Equal(TaskSaveStatus.Saved, (await Tasks().SaveAsync(Alice, Task1("t1", note: "rolled back"), 1)).Status);
        }

        Assert.Equal((1L, "working"), await StoredAsync());
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            TaskSave save = await Tasks(outside).SaveAsync(Alice, Task1("t1", "completed"), 1, TellAsync, default);
            Assert.Equal(TaskSaveStatus.Saved, save.Status);
        }

        Assert.Equal((2L, "completed"), await StoredAsync());
    }
}

/// <summary>Faults between a store and its database: each call is done once, or reports that it is not.</summary>
public abstract class StoreFaultContract(SqlDialect dialect) : DatabaseTests(dialect)
{
    public static TheoryData<string> LostStatements { get; } = ["INSERT", "UPDATE"];

    [Theory]
    [MemberData(nameof(LostStatements))]
    public async Task Save_whose_answer_was_lost_is_saved(string statement)
    {
        long version = await VersionBeforeAsync(statement);
        FaultyDataSource source = new(Database.Source);
        source.Once(statement, Fault.LostAnswer());

        TaskSave save = await Tasks(source).SaveAsync(Alice, Task1("t1", "completed"), version);

        Assert.Equal(new TaskSave(TaskSaveStatus.Saved, version + 1), save);
        Assert.Equal((version + 1, "completed"), await StoredAsync());
    }

    [Theory]
    [MemberData(nameof(LostStatements))]
    public async Task Save_on_a_connection_that_was_dead_is_saved_once(string statement)
    {
        long version = await VersionBeforeAsync(statement);
        FaultyDataSource source = new(Database.Source);
        int dead = 3;
        source.Plan = (sql, _) =>
            sql.StartsWith(statement, StringComparison.Ordinal) && Interlocked.Decrement(ref dead) >= 0 ? Fault.Stale() : null;

        TaskSave save = await Tasks(source).SaveAsync(Alice, Task1("t1"), version);

        Assert.Equal(new TaskSave(TaskSaveStatus.Saved, version + 1), save);
        Assert.Equal((version + 1, "working"), await StoredAsync());
    }

    [Theory]
    [InlineData("COMMIT", true)]
    [InlineData("COMMIT", false)]
    [InlineData("UPDATE", true)]
    [InlineData("UPDATE", false)]
    [InlineData("BEGIN", false)]
    public async Task Transaction_whose_connection_was_lost_is_committed_once(string statement, bool ran)
    {
        await AddAsync("t1");
        FaultyDataSource source = new(Database.Source);
        source.Once(statement, ran ? Fault.LostAnswer() : Fault.Stale());

        TaskSave save = await Tasks(source).SaveAsync(Alice, Task1("t1", "completed"), 1, TellAsync, default);

        Assert.Equal(new TaskSave(TaskSaveStatus.Saved, 2), save);
        Assert.Equal(1, await Database.CountAsync("SELECT COUNT(*) FROM told"));
    }

    [Fact]
    public async Task Commit_that_was_lost_is_settled_although_its_caller_has_gone()
    {
        await AddAsync("t1");
        using CancellationTokenSource gone = new();
        FaultyDataSource source = new(Database.Source);
        source.Plan = (sql, _) =>
        {
            if (sql != "COMMIT" || gone.IsCancellationRequested)
            {
                return null;
            }

            gone.Cancel();
            return Fault.LostAnswer();
        };

        TaskSave save = await Tasks(source).SaveAsync(Alice, Task1("t1", "completed"), 1, TellAsync, gone.Token);

        Assert.Equal(TaskSaveStatus.Saved, save.Status);
        Assert.Equal(1, await Database.CountAsync("SELECT COUNT(*) FROM told"));
    }

    [Fact]
    public async Task Save_whose_answer_was_lost_and_whose_row_is_anothers_is_a_conflict()
    {
        await AddAsync("t1");
        FaultyDataSource source = new(Database.Source);
        source.Once("UPDATE", Fault.Stale());
        Func<string, DbParameterCollection?, Fault?> once = source.Plan;
        source.Plan = (sql, parameters) =>
        {
            Fault? fault = once(sql, parameters);
            if (fault is not null)
            {
                TaskSave other = Tasks().SaveAsync(Alice, Task1("t1", note: "another's"), 1).AsTask().GetAwaiter().GetResult();
                Assert.Equal(TaskSaveStatus.Saved, other.Status);
            }

            return fault;
        };

        TaskSave save = await Tasks(source).SaveAsync(Alice, Task1("t1", note: "mine"), 1);

        Assert.Equal(new TaskSave(TaskSaveStatus.Conflict, 2), save);
    }

    [Fact]
    public async Task Database_that_stays_away_is_the_first_fault_and_leaves_no_connection_open()
    {
        await AddAsync("t1");
        FaultyDataSource source = new(Database.Source);
        Fault lost = Fault.Stale();
        source.Plan = (sql, _) => sql.StartsWith("UPDATE", StringComparison.Ordinal) ? lost : null;

        Exception fault = await Assert.ThrowsAsync<IOException>(async () => await Tasks(source).SaveAsync(Alice, Task1("t1"), 1));

        Assert.Same(lost.Exception, fault);
        Assert.Equal(4, source.Opened);
    }

    [Fact]
    public async Task Callers_own_fault_before_the_commit_is_thrown_on_and_nothing_runs_again()
    {
        await AddAsync("t1");
        int calls = 0;

        await Assert.ThrowsAsync<IOException>(async () => await Tasks().SaveAsync(
            Alice,
            Task1("t1", "completed"),
            1,
            (_, _) =>
            {
                calls++;
                throw new IOException("the caller's");
            },
            default));

        Assert.Equal(1, calls);
        Assert.Equal((1L, "working"), await StoredAsync());
    }

    [Fact]
    public async Task Reads_deletes_and_schema_calls_survive_a_connection_that_was_dead()
    {
        await AddAsync("t1");
        await AddAsync("t2");
        await using ITestAuditLog log = new AuditLog(Database.Source, Dialect);
        await log.CreateIfAbsentAsync();
        await log.RecordAsync(Attempts.Many(3), default);
        FaultyDataSource source = new(Database.Source);
        TestTasks tasks = Tasks(source);
        AuditLog reading = new(source, Dialect);
        Func<Task>[] calls =
        [
            async () => Assert.NotNull(await tasks.GetAsync(Alice, "t1")),
            async () => Assert.Equal(2, await tasks.CountAsync(Alice, new TaskQuery(), 9)),
            async () => Assert.Equal(2, (await tasks.ListAsync(Alice, new TaskQuery())).Tasks.Count),
            async () => Assert.True(await tasks.DeleteAsync(Alice, "t2")),
            async () => await tasks.CreateIfAbsentAsync(),
            async () => await tasks.PurgeAsync(),
            async () => await reading.CreateIfAbsentAsync(),
            async () => Assert.Equal(Dialect == SqlDialect.Sqlite ? 0 : 3, await ReadAsync()),
        ];
        async Task<int> ReadAsync() => Dialect == SqlDialect.Sqlite ? 0 : (await reading.ReadRecentAsync("acme")).Count;
        foreach (Func<Task> call in calls)
        {
            int dead = 1;
            source.Plan = (sql, _) =>
                !sql.StartsWith("PRAGMA", StringComparison.Ordinal) && Interlocked.Decrement(ref dead) >= 0 ? Fault.Stale() : null;

            await call();
        }
    }

    [Fact]
    public async Task Delete_whose_answer_was_lost_has_deleted()
    {
        await AddAsync("t1");
        FaultyDataSource source = new(Database.Source);
        source.Once("DELETE", Fault.LostAnswer());

        Assert.True(await Tasks(source).DeleteAsync(Alice, "t1"));

        Assert.Null(await Tasks().GetAsync(Alice, "t1"));
    }

    [Fact]
    public async Task Key_that_takes_one_tenant_for_another_is_refused_at_start()
    {
        if (Dialect == SqlDialect.PostgreSql)
        {
            await Database.ExecuteAsync("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        }

        (string type, string flag) = Dialect switch
        {
            SqlDialect.Sqlite => ("TEXT COLLATE NOCASE", "INTEGER"),
            SqlDialect.PostgreSql => ("text COLLATE ci", "boolean"),
            _ => ("VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "TINYINT(1)"),
        };
        await Database.ExecuteAsync("DROP TABLE a2a_push_configs");
        await Database.ExecuteAsync("DROP TABLE a2a_tasks");
        await Database.ExecuteAsync("DELETE FROM adcp_schema_versions");
        await Database.ExecuteAsync(
            $"""
            CREATE TABLE a2a_tasks (
                scope {type} NOT NULL, task_id {type} NOT NULL, context_id {type} NULL, state {type} NOT NULL,
                is_terminal {flag} NOT NULL, version BIGINT NOT NULL,
                updated_at BIGINT NOT NULL, task TEXT NOT NULL, budget BIGINT, owner VARCHAR(300), PRIMARY KEY (scope, task_id))
            """);

        InvalidOperationException refused =
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await Tasks().CreateIfAbsentAsync());

        Assert.Contains("takes one tenant's key for another's", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Transaction_of_a_stores_own_is_refused_inside_an_ambient_one()
    {
        await AddAsync("t1");
        AuditLog log = new(Database.Source, Dialect);
        InvalidOperationException save;
        InvalidOperationException create;
        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            save = await Assert.ThrowsAsync<InvalidOperationException>(
                async () => await Tasks().SaveAsync(Alice, Task1("t1"), 1, TellAsync, default));
            create = await Assert.ThrowsAsync<InvalidOperationException>(() => log.CreateIfAbsentAsync().AsTask());
            using TransactionScope outside = new(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);
            Assert.Equal(TaskSaveStatus.Saved, (await Tasks().SaveAsync(Alice, Task1("t1"), 1, TellAsync, default)).Status);
        }

        Assert.All([save, create], static fault =>
        {
            Assert.Contains("ambient TransactionScope", fault.Message, StringComparison.Ordinal);
            Assert.Contains("TransactionScopeOption.Suppress", fault.Message, StringComparison.Ordinal);
        });
    }

    protected override async Task PrepareAsync()
    {
        await Tasks().CreateIfAbsentAsync();
        await new TestPushConfigs(Database.Source, Dialect, PushOptions).CreateIfAbsentAsync();
        await Database.ExecuteAsync("CREATE TABLE told (task_id VARCHAR(64) NOT NULL)");
    }

    private protected TestTasks Tasks(DbDataSource? source = null) => new(source ?? Database.Source, Dialect);

    private protected async Task AddAsync(string id) =>
        Assert.Equal(TaskSaveStatus.Saved, (await Tasks().SaveAsync(Alice, Task1(id), 0)).Status);

    private protected static async Task<object?> ScalarAsync(DbDataSource source, string sql)
    {
        await using DbCommand command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }

    private protected static async ValueTask TellAsync(DbTransaction transaction, CancellationToken cancellationToken)
    {
        await using DbCommand command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "INSERT INTO told (task_id) VALUES ('t1')";
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private protected async Task<long> VersionBeforeAsync(string statement)
    {
        if (statement == "INSERT")
        {
            return 0;
        }

        await AddAsync("t1");
        return 1;
    }

    private protected async Task<(long, string)> StoredAsync()
    {
        StoredTask<TestTask> stored = (await Tasks().GetAsync(Alice, "t1"))!;
        return (stored.Version, stored.Task.State);
    }

    /// <summary>Ends all connections of the test's pool, as a restart of the server does.</summary>
    private protected async Task EndConnectionsAsync()
    {
        if (Dialect == SqlDialect.PostgreSql)
        {
            await using Npgsql.NpgsqlDataSource other =
                Npgsql.NpgsqlDataSource.Create(Database.ConnectionString + ";Application Name=ender");
            await ScalarAsync(
                other, $"SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = '{ApplicationName}'");
            return;
        }

        await using MySqlConnector.MySqlDataSource admin =
            new(new MySqlConnector.MySqlConnectionStringBuilder(Database.ConnectionString) { Database = "mysql" }.ConnectionString);
        string name = new MySqlConnector.MySqlConnectionStringBuilder(Database.ConnectionString).Database;
        List<string> kills = [];
        await using (DbCommand list = admin.CreateCommand($"SELECT id FROM information_schema.processlist WHERE db = '{name}'"))
        {
            await using DbDataReader reader = await list.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                kills.Add($"KILL {reader.GetInt64(0)}");
            }
        }

        foreach (string kill in kills)
        {
            await ScalarAsync(admin, kill);
        }
    }

    private protected string ApplicationName => new Npgsql.NpgsqlConnectionStringBuilder(Database.ConnectionString).ApplicationName!;
}
