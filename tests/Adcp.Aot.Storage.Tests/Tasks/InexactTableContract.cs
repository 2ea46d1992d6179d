using System.Data.Common;
using Adcp.Aot.Storage.Tests.Databases;
using static Adcp.Aot.Storage.Tests.Tasks.StoreBench;

namespace Adcp.Aot.Storage.Tests.Tasks;

public sealed class SqliteInexactTableTests() : InexactTableContract(SqlDialect.Sqlite)
{
    protected override string IgnoresCase => "TEXT COLLATE NOCASE";

    [Theory]
    [InlineData("TEXT COLLATE NOCASE")]
    [InlineData("TEXT COLLATE RTRIM")]
    [InlineData("STRING")]
    [InlineData("INTEGER")]
    [InlineData("NUMERIC")]
    [InlineData("REAL")]
    [InlineData("POINT")]
    public Task Key_that_takes_one_tenant_for_another_is_refused_at_start(string type) => RefusedAsync(type);

    [Theory]
    [InlineData("TEXT")]
    [InlineData("VARCHAR(255)")]
    [InlineData("BLOB")]
    [InlineData("")]
    public Task Key_that_compares_bytes_is_accepted(string type) => AcceptedAsync(type);

    [Fact]
    public async Task Tenant_whose_name_is_a_number_in_another_form_reads_nothing_of_another_one()
    {
        await CreateTablesAsync("STRING");
        await Tasks.SaveAsync(StoreScope.Of("1000"), Task1("t1"), 0);

        foreach (string other in (string[])["1e3", "1000.0", "01000", " 1000"])
        {
            Assert.Null(await Tasks.GetAsync(StoreScope.Of(other), "t1"));
        }
    }

    protected override async Task<string> PlanAsync(string sql, string parameter)
    {
        List<object?[]> rows = await Database.RowsAsync(
            "EXPLAIN QUERY PLAN " + sql.Replace(parameter, "'alice'", StringComparison.Ordinal));
        return string.Join('\n', rows.Select(static row => row[3]));
    }

    protected override bool UsesIndex(string plan) => plan.Contains("USING INDEX", StringComparison.Ordinal);
}

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlInexactTableTests() : InexactTableContract(SqlDialect.PostgreSql)
{
    protected override string IgnoresCase => "text COLLATE ci";

    [Theory]
    [InlineData("text COLLATE ci")]
    [InlineData("varchar(100) COLLATE ci")]
    [InlineData("char(100)")]
    [InlineData("name")]
    [InlineData("tenant_name")]
    public Task Key_that_takes_one_tenant_for_another_is_refused_at_start(string type) => RefusedAsync(type);

    [Theory]
    [InlineData("text")]
    [InlineData("text COLLATE \"C\"")]
    [InlineData("varchar(300)")]
    [InlineData("plain_name")]
    public Task Key_that_compares_bytes_is_accepted(string type) => AcceptedAsync(type);

    protected override async Task PrepareAsync()
    {
        await Database.ExecuteAsync("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        await Database.ExecuteAsync("CREATE DOMAIN tenant_name AS text COLLATE ci");
        await Database.ExecuteAsync("CREATE DOMAIN plain_name AS varchar(300)");
    }

    protected override async Task<string> PlanAsync(string sql, string parameter)
    {
        await Database.ExecuteAsync("ANALYZE a2a_tasks");
        List<object?[]> rows = await Database.RowsAsync(
            "SET enable_seqscan = off; EXPLAIN " + sql.Replace(parameter, "'alice'", StringComparison.Ordinal));
        return string.Join('\n', rows.Select(static row => row[0]));
    }

    protected override bool UsesIndex(string plan) =>
        plan.Contains("Index Cond: (", StringComparison.Ordinal) && plan.Contains("scope", StringComparison.Ordinal);
}

[Needs(Resource.MySql)]
public sealed class MySqlInexactTableTests() : InexactTableContract(SqlDialect.MySql)
{
    protected override string IgnoresCase => "VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";

    [Theory]
    [InlineData("VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")]
    [InlineData("VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")]
    [InlineData("VARCHAR(100) CHARACTER SET latin1 COLLATE latin1_bin")]
    [InlineData("CHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")]
    [InlineData("BINARY(100)")]
    public Task Key_that_takes_one_tenant_for_another_is_refused_at_start(string type) => RefusedAsync(type);

    [Theory]
    [InlineData("VARBINARY(255)")]
    [InlineData("VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")]
    public Task Key_that_compares_bytes_is_accepted(string type) => AcceptedAsync(type);

    [Fact]
    public async Task Index_on_a_prefix_of_a_key_is_refused_at_start()
    {
        await CreateTablesAsync("VARBINARY(255)");
        await Database.ExecuteAsync("ALTER TABLE a2a_tasks DROP PRIMARY KEY, ADD UNIQUE by_part (scope(6), task_id(6))");

        await ThrowsAsync(() => Tasks.CreateIfAbsentAsync());
    }

    protected override async Task<string> PlanAsync(string sql, string parameter)
    {
        List<object?[]> rows = await Database.RowsAsync("EXPLAIN " + sql.Replace(parameter, "'alice'", StringComparison.Ordinal));
        return string.Join('\n', rows.Select(static row => string.Join(' ', row)));
    }

    protected override bool UsesIndex(string plan) =>
        plan.Contains(" ref ", StringComparison.Ordinal) || plan.Contains(" const ", StringComparison.Ordinal)
        || plan.Contains(" range ", StringComparison.Ordinal);
}

/// <summary>Tables of an adopter, with types and collations that take unequal texts for equal ones.</summary>
public abstract class InexactTableContract(SqlDialect dialect) : DatabaseTests(dialect)
{
    protected abstract string IgnoresCase { get; }

    protected TestTasks Tasks => new(Database.Source, Dialect);

    private TestPushConfigs Configs => new(Database.Source, Dialect, PushOptions);

    private static PushConfig Config(string id, string url) => new() { TaskId = "t1", Id = id, Url = url };

    private string Flag => Dialect == SqlDialect.PostgreSql ? "boolean" : "SMALLINT";

    [Fact]
    public async Task Tenant_whose_name_differs_in_case_reads_and_changes_nothing_without_the_check_at_start()
    {
        await CreateTablesAsync(IgnoresCase);
        StoreScope shouting = StoreScope.Of("ALICE");
        await Tasks.SaveAsync(Alice, Task1("t1"), 0);

        if (Dialect == SqlDialect.MySql)
        {
            await Assert.ThrowsAnyAsync<DbException>(async () => await Tasks.SaveAsync(shouting, Task1("t1", note: "ALICE's"), 0));
        }
        else
        {
            Assert.NotEqual(TaskSaveStatus.Saved, (await Tasks.SaveAsync(shouting, Task1("t1", note: "ALICE's"), 0)).Status);
        }

        Assert.Null(await Tasks.GetAsync(shouting, "t1"));
        Assert.Null(await Tasks.GetAsync(Alice, "T1"));
        Assert.Equal(TaskSaveStatus.Missing, (await Tasks.SaveAsync(shouting, Task1("t1"), 1)).Status);
        Assert.False(await Tasks.DeleteAsync(shouting, "t1"));
        Assert.Empty((await Tasks.ListAsync(shouting, new TaskQuery())).Tasks);
        Assert.Equal(0, await Tasks.CountAsync(shouting, new TaskQuery(), 10));
        Assert.Empty((await Tasks.ListAsync(Alice, new TaskQuery { ContextId = "C1" })).Tasks);
        Assert.Equal("", (await Tasks.GetAsync(Alice, "t1"))!.Task.Note);
    }

    [Fact]
    public async Task Configuration_of_a_tenant_is_not_replaced_by_one_whose_name_differs_in_case()
    {
        await CreateTablesAsync(IgnoresCase, exactTasks: true);
        StoreScope shouting = StoreScope.Of("ALICE");
        await Tasks.SaveAsync(Alice, Task1("t1"), 0);
        await Tasks.SaveAsync(shouting, Task1("t1"), 0);
        await Configs.SaveAsync(Alice, Config("c1", "https://alice.example/"));

        try
        {
            await Configs.SaveAsync(shouting, Config("c1", "https://shouting.example/"));
            await Configs.SaveAsync(Alice, Config("C1", "https://other.example/"));
        }
        catch (DbException)
        {
            // The database may refuse the row.
        }

        Assert.Equal("https://alice.example/", (await Configs.GetAsync(Alice, "t1", "c1"))!.Url);
        Assert.Null(await Configs.GetAsync(shouting, "t1", "c1"));
        Assert.False(await Configs.DeleteAsync(shouting, "t1", "c1"));
        Assert.Empty(await Configs.ListAsync(shouting, "t1"));
        Assert.Single(await Database.RowsAsync("SELECT url FROM a2a_push_configs"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Exact_comparison_is_made_on_the_index(bool exact)
    {
        await CreateTablesAsync(exact ? ExactType : IgnoresCase);
        for (int i = 0; i < 200; i++)
        {
            await Tasks.SaveAsync(StoreScope.Of($"tenant-{i}"), Task1($"t{i}"), 0);
        }

        string statement = "";
        FaultyDataSource source = new(Database.Source)
        {
            Plan = (sql, _) =>
            {
                statement = sql.Contains("SELECT", StringComparison.Ordinal) ? sql : statement;
                return null;
            },
        };
        await new TestTasks(source, Dialect).GetAsync(Alice, "t1");

        string plan = await PlanAsync(statement.Replace("@task_id", "'t1'", StringComparison.Ordinal), "@scope");
        Assert.True(UsesIndex(plan), plan);
    }

    protected abstract Task<string> PlanAsync(string sql, string parameter);

    protected abstract bool UsesIndex(string plan);

    protected async Task RefusedAsync(string type)
    {
        await CreateTablesAsync(type);

        await ThrowsAsync(() => Tasks.CreateIfAbsentAsync());
        await ThrowsAsync(() => Configs.CreateIfAbsentAsync());
    }

    protected async Task AcceptedAsync(string type)
    {
        await CreateTablesAsync(type);

        await Tasks.CreateIfAbsentAsync();
        await Configs.CreateIfAbsentAsync();
        await Tasks.SaveAsync(Alice, Task1("t1"), 0);
        await Configs.SaveAsync(Alice, Config("c1", "https://alice.example/"));
        Assert.NotNull(await Configs.GetAsync(Alice, "t1", "c1"));
    }

    protected static async Task ThrowsAsync(Func<ValueTask> create)
    {
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => create().AsTask());
        Assert.Contains("takes one tenant's key for another's", refused.Message, StringComparison.Ordinal);
    }

    protected async Task CreateTablesAsync(string type, bool exactTasks = false)
    {
        string key = exactTasks ? ExactType : type;
        string other = Dialect == SqlDialect.MySql ? "VARBINARY(64)" : "text";
        await Database.ExecuteAsync(
            $"""
            CREATE TABLE a2a_tasks (
                scope {key} NOT NULL, task_id {key} NOT NULL, context_id {key} NULL, state {other} NOT NULL,
                is_terminal {Flag} NOT NULL, version BIGINT NOT NULL, updated_at BIGINT NOT NULL, task_json TEXT NOT NULL,
                budget BIGINT, owner VARCHAR(300), PRIMARY KEY (scope, task_id))
            """);
        await Database.ExecuteAsync(
            $"""
            CREATE TABLE a2a_push_configs (
                scope {type} NOT NULL, task_id {type} NOT NULL, config_id {type} NOT NULL, url TEXT NOT NULL, token TEXT,
                auth_scheme TEXT, auth_credentials TEXT, is_active {Flag} NOT NULL, updated_at BIGINT NOT NULL,
                added_on {(Dialect == SqlDialect.PostgreSql ? "timestamptz" : "VARCHAR(40)")},
                PRIMARY KEY (scope, task_id, config_id))
            """);
    }

    private string ExactType => Dialect switch
    {
        SqlDialect.Sqlite => "TEXT",
        SqlDialect.PostgreSql => "text COLLATE \"C\"",
        _ => "VARBINARY(255)",
    };
}
