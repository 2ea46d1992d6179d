using System.CommandLine;
using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Storage;
using Dapper;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>
/// The generated task store beside code written by hand on the same driver, and Dapper. Servers are those that
/// ADCP_TEST_POSTGRES and ADCP_TEST_MYSQL name. The ways take turns within one process; figures are medians of single
/// calls.
/// </summary>
internal sealed class StoreComparison(DbDataSource source, SqlDialect dialect, int tasks)
{
    private const string Select = "SELECT version, updated_at, task_json FROM bench_tasks WHERE scope = @scope";
    private const string GetSql = Select + " AND task_id = @task_id";
    private const string PageSql = Select + " ORDER BY updated_at DESC, task_id DESC LIMIT 101";
    private const int Rounds = 400;
    private const long Epoch = 1_790_000_000_000;

    private readonly StoreScope _scope = StoreScope.Of("bench");
    private readonly BenchTasks _store = new(source, dialect);

    internal static Command Create()
    {
        Option<string> store = new("--store")
        {
            Description = "sqlite, or the server of ADCP_TEST_POSTGRES or ADCP_TEST_MYSQL.",
            DefaultValueFactory = _ => "sqlite",
        };
        store.AcceptOnlyFromAmong("sqlite", "postgres", "mysql");
        Option<int> tasks = Options.Number("--tasks", "How many tasks the store holds.", byDefault: 100_000, low: 1_000, high: 100_000_000);
        Command command = new("stores", "The generated task store beside hand-written code and Dapper.") { store, tasks };
        command.SetAction(arguments => RunAsync(arguments.GetValue(store)!, arguments.GetValue(tasks)));
        return command;
    }

    private static async Task<int> RunAsync(string store, int tasks)
    {
        string path = Path.Combine(Path.GetTempPath(), $"bench-{Guid.NewGuid():N}.db");
        (DbDataSource Source, SqlDialect Dialect)? chosen = store switch
        {
            "sqlite" => (SqliteFactory.Instance.CreateDataSource($"Data Source={path}"), SqlDialect.Sqlite),
            "postgres" when Environment.GetEnvironmentVariable("ADCP_TEST_POSTGRES") is { Length: > 0 } server =>
                (NpgsqlDataSource.Create(server), SqlDialect.PostgreSql),
            "mysql" when Environment.GetEnvironmentVariable("ADCP_TEST_MYSQL") is { Length: > 0 } server =>
                (new MySqlDataSource(server), SqlDialect.MySql),
            _ => null,
        };
        if (chosen is not { } database)
        {
            await Console.Error.WriteLineAsync(
                $"--store {store} needs the server's connection string in ADCP_TEST_{store.ToUpperInvariant()}.");
            return 2;
        }

        await using DbDataSource opened = database.Source;
        StoreComparison comparison = new(opened, database.Dialect, tasks);
        try
        {
            await comparison.FillAsync();
            await comparison.MeasureAsync();
        }
        finally
        {
            await comparison.RunAsync("DROP TABLE bench_tasks");
            SqliteConnection.ClearAllPools();
            File.Delete(path);
        }

        return 0;
    }

    private async Task FillAsync()
    {
        if (dialect == SqlDialect.Sqlite)
        {
            await RunAsync("PRAGMA journal_mode = WAL");
        }

        await RunAsync("DROP TABLE IF EXISTS bench_tasks");
        await _store.CreateIfAbsentAsync();
        long started = TimeProvider.System.GetTimestamp();
        const int Batch = 500;
        for (int first = 0; first < tasks;)
        {
            await using DbConnection connection = await source.OpenConnectionAsync();
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            for (int n = 0; n < 20 && first < tasks; n++)
            {
                int count = Math.Min(Batch, tasks - first);
                await using DbCommand command = connection.CreateCommand();
                command.Transaction = transaction;
                StringBuilder sql =
                    new("INSERT INTO bench_tasks (scope, task_id, context_id, state, is_terminal, version, updated_at, task_json) VALUES ");
                for (int i = 0; i < count; i++)
                {
                    BenchTask task = BenchTask.Number(first + i);
                    string terminal = task.State == "completed" ? "TRUE" : "FALSE";
                    string json = JsonSerializer.Serialize(task, BenchTaskJson.Default.BenchTask);
                    sql.Append(i == 0 ? "" : ",").Append(
                        CultureInfo.InvariantCulture,
                        $"('bench','{task.Id}','{task.ContextId}','{task.State}',{terminal},1,{Epoch + first + i},'{json}')");
                }

                command.CommandText = sql.ToString();
                await command.ExecuteNonQueryAsync();
                first += count;
            }

            await transaction.CommitAsync();
        }

        await RunAsync("ANALYZE" + (dialect == SqlDialect.MySql ? " TABLE" : "") + " bench_tasks");
        Console.WriteLine(
            $"{dialect}: {tasks:N0} tasks of one scope, loaded in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:N1} s");
    }

    private async Task MeasureAsync()
    {
        // The token that the page before would have given: the place of row n in the order.
        string Token(int page, TaskQuery query)
        {
            int row = tasks - ((page - 1) * 100);
            return new PageToken(Epoch + row, BenchTask.Number(row).Id).Encode(_scope, query);
        }

        int deep = Math.Min(10_000, tasks / 100);
        TaskQuery query = new() { PageSize = 100 };
        TaskQuery context = query with { ContextId = "context-7", PageSize = 50 };
        TaskQuery first = query;
        TaskQuery last = query with { PageToken = Token(deep, query) };
        int expected = Math.Min(100, tasks - ((deep - 1) * 100));
        int got = (await _store.ListAsync(_scope, last)).Tasks.Count;
        if (got != expected)
        {
            throw new InvalidOperationException($"Page {deep} has {got} tasks, not {expected}.");
        }

        Random random = new(1);
        int saved = 0;
        int hand = 0;
        await TakeTurnsAsync(
            "list 100, page",
            ("1", () => _store.ListAsync(_scope, first).AsTask()),
            ($"{deep:N0}", () => _store.ListAsync(_scope, last).AsTask()),
            ("1 by hand", PageByHandAsync),
            ("1 by Dapper", PageByDapperAsync));
        await TakeTurnsAsync("list 50 of a context", ("generated", () => _store.ListAsync(_scope, context).AsTask()));
        await TakeTurnsAsync(
            "get",
            ("generated", () => _store.GetAsync(_scope, BenchTask.Number(random.Next(tasks)).Id).AsTask()),
            ("by hand", () => GetByHandAsync(BenchTask.Number(random.Next(tasks)).Id)),
            ("Dapper", () => GetByDapperAsync(BenchTask.Number(random.Next(tasks)).Id)));
        await TakeTurnsAsync(
            "create",
            ("generated", () => _store.SaveAsync(_scope, BenchTask.Number(tasks + saved++), 0).AsTask()),
            ("by hand", () => InsertByHandAsync(BenchTask.Number(tasks + 1_000_000 + hand++))));
        await TakeTurnsAsync("count, at most 10,000", ("generated", () => _store.CountAsync(_scope, query, 10_000).AsTask()));
    }

    private static async Task TakeTurnsAsync(string what, params (string Name, Func<Task> Call)[] ways)
    {
        List<double>[] times = [.. ways.Select(static _ => new List<double>(Rounds))];
        for (int round = -20; round < Rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                long started = TimeProvider.System.GetTimestamp();
                await ways[i].Call();
                if (round >= 0)
                {
                    times[i].Add(TimeProvider.System.GetElapsedTime(started).TotalMicroseconds);
                }
            }
        }

        for (int i = 0; i < ways.Length; i++)
        {
            times[i].Sort();
            Console.WriteLine($"{what,-24} {ways[i].Name,-12} {times[i][Rounds / 2],10:N1} us");
        }
    }

    private async Task<StoredTask<BenchTask>?> GetByHandAsync(string id)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = GetSql;
        Add(command, "@scope", DbType.String, _scope.Key);
        Add(command, "@task_id", DbType.String, id);
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? Read(reader) : null;
    }

    private async Task<StoredTask<BenchTask>?> GetByDapperAsync(string id)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        (long version, long updatedAt, string json) =
            await connection.QuerySingleOrDefaultAsync<(long, long, string)>(GetSql, new { scope = _scope.Key, task_id = id });
        return Of(version, updatedAt, json);
    }

    private async Task<List<StoredTask<BenchTask>>> PageByHandAsync()
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = PageSql;
        Add(command, "@scope", DbType.String, _scope.Key);
        List<StoredTask<BenchTask>> page = new(101);
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            page.Add(Read(reader));
        }

        return page;
    }

    private async Task<List<StoredTask<BenchTask>>> PageByDapperAsync()
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        return [.. (await connection.QueryAsync<(long, long, string)>(PageSql, new { scope = _scope.Key })).Select(
            static row => Of(row.Item1, row.Item2, row.Item3))];
    }

    private async Task InsertByHandAsync(BenchTask task)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = "INSERT INTO bench_tasks (scope, task_id, context_id, state, is_terminal, version, updated_at, task_json) "
            + "VALUES (@scope, @task_id, @context_id, @state, @is_terminal, 1, @now, @task)";
        Add(command, "@scope", DbType.String, _scope.Key);
        Add(command, "@task_id", DbType.String, task.Id);
        Add(command, "@context_id", DbType.String, task.ContextId);
        Add(command, "@state", DbType.String, task.State);
        Add(command, "@is_terminal", DbType.Boolean, task.State == "completed");
        Add(command, "@now", DbType.Int64, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        Add(command, "@task", DbType.String, JsonSerializer.Serialize(task, BenchTaskJson.Default.BenchTask));
        await command.ExecuteNonQueryAsync();
    }

    private async Task RunAsync(string sql)
    {
        await using DbCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static StoredTask<BenchTask> Read(DbDataReader reader) => Of(reader.GetInt64(0), reader.GetInt64(1), reader.GetString(2));

    private static StoredTask<BenchTask> Of(long version, long updatedAt, string json) =>
        new(JsonSerializer.Deserialize(json, BenchTaskJson.Default.BenchTask)!, version,
            DateTimeOffset.FromUnixTimeMilliseconds(updatedAt));

    private static void Add(DbCommand command, string name, DbType type, object value)
    {
        DbParameter parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.DbType = type;
        parameter.Value = value;
        command.Parameters.Add(parameter);
    }
}
