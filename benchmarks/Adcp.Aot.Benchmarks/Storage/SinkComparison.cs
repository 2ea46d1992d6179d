using System.CommandLine;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using Adcp.Aot.Auditing;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Storage;
using Adcp.Aot.Threading;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>
/// Compares audit rows a second of the generated sink, of hand-written code on the same driver, and of Dapper. They take
/// short turns on one table. Other work on the machine slows a turn and never speeds one up, so each figure is a ninth
/// decile; a ratio is the median of the rounds' own. PostgreSQL and MySQL are measured if <c>ADCP_TEST_POSTGRES</c> and
/// <c>ADCP_TEST_MYSQL</c> are set.
/// </summary>
/// <remarks>
/// All of them use one connection. Some server processes of PostgreSQL, such as one that has run DDL, take half the page
/// faults of others for the same COPY and are faster by half for the rest of their lives: a candidate with such a process
/// would win by chance. Nothing times out: a machine that stands still costs a turn, not the run.
/// </remarks>
internal static class SinkComparison
{
    /// <summary>Generated code costs next to nothing.</summary>
    internal const double Bound = 0.95;

    private const int RowsOfTurn = 1_000;

    internal static Command Create()
    {
        Option<int> rounds = Options.Number("--rounds", "Turns of each contestant.", byDefault: 40, low: 1, high: 10_000);
        Command command = new("sinks",
            "Audit rows a second: the generated sink, hand-written code and Dapper; exit code 1 if the bound is missed.") { rounds };
        command.SetAction(arguments => RunAsync(arguments.GetValue(rounds)));
        return command;
    }

    private static async Task<int> RunAsync(int rounds)
    {
        bool met = true;
        Console.WriteLine("| dialect | batch | generated | hand-written | Dapper | generated / hand-written | generated / Dapper |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        await foreach (SinkFigures of in MeasureAsync(_ => rounds, withDapper: true))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {of.Dialect} | {of.Batch} | {of.Generated:N0} | {of.HandWritten:N0} | {of.Dapper:N0} "
                + $"| {of.ByHand:0.00}x{(of.ByHand < Bound ? " **missed**" : "")} | {of.ByDapper:0.0}x |"));
            met &= of.ByHand >= Bound;
        }

        return met ? 0 : 1;
    }

    /// <summary>The figures of each dialect whose database is there, batches of 256 and of 1000.</summary>
    internal static async IAsyncEnumerable<SinkFigures> MeasureAsync(Func<SqlDialect, int> rounds, bool withDapper)
    {
        int[] batches = [256, 1_000];
        string file = Path.Combine(Path.GetTempPath(), $"adcp-sinks-{Environment.ProcessId}.db");
        try
        {
            DbDataSource sqlite = SqliteFactory.Instance.CreateDataSource($"Data Source={file}");
            await ExecuteAsync(sqlite, "PRAGMA journal_mode = WAL");
            foreach (int batch in batches)
            {
                yield return await CompareAsync(SqlDialect.Sqlite, sqlite, batch, rounds(SqlDialect.Sqlite), withDapper);
            }
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            foreach (string left in new[] { file, file + "-wal", file + "-shm" })
            {
                File.Delete(left);
            }
        }

        if (Environment.GetEnvironmentVariable("ADCP_TEST_POSTGRES") is { Length: > 0 } postgres)
        {
            await using DbDataSource source =
                NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres) { Timeout = 0, CommandTimeout = 0 });
            foreach (int batch in batches)
            {
                yield return await CompareAsync(SqlDialect.PostgreSql, source, batch, rounds(SqlDialect.PostgreSql), withDapper);
            }
        }

        if (Environment.GetEnvironmentVariable("ADCP_TEST_MYSQL") is { Length: > 0 } mysql)
        {
            await using (DbDataSource server = new MySqlDataSource(mysql))
            {
                await ExecuteAsync(server, "CREATE DATABASE IF NOT EXISTS adcp_sinks");
            }

            await using DbDataSource source = new MySqlDataSource(
                new MySqlConnectionStringBuilder(mysql) { Database = "adcp_sinks", ConnectionTimeout = 0, DefaultCommandTimeout = 0 }
                    .ConnectionString);
            foreach (int batch in batches)
            {
                yield return await CompareAsync(SqlDialect.MySql, source, batch, rounds(SqlDialect.MySql), withDapper);
            }
        }
    }

    private static async Task<SinkFigures> CompareAsync(SqlDialect dialect, DbDataSource source, int batch, int rounds, bool withDapper)
    {
        await ExecuteAsync(source, "DROP TABLE IF EXISTS webhook_delivery_log");
        await ExecuteAsync(source, "DROP TABLE IF EXISTS adcp_schema_versions");
        await using (BenchLog first = new(source, dialect))
        {
            await first.CreateIfAbsentAsync();
        }

        await using DbConnection shared = await source.OpenConnectionAsync();
        await using BenchLog log = new(new OneConnection(shared), dialect);
        HandWrittenWriter written = new(shared, dialect);
        DapperWriter dapper = new(shared);
        DeliveryAttempt[] attempts = Attempts(batch);
        List<Func<Task>> contestants =
        [
            async () => await log.RecordAsync(attempts, CancellationToken.None),
            () => written.WriteAsync(attempts),
        ];
        if (withDapper)
        {
            contestants.Add(() => dapper.WriteAsync(attempts));
        }

        double[][] rates = [.. contestants.Select(_ => new double[rounds])];
        int[] order = [.. Enumerable.Range(0, contestants.Count)];
        for (int round = -2; round < rounds; round++)
        {
            Random.Shared.Shuffle(order);
            foreach (int who in order)
            {
                double rate = await RateAsync(contestants[who], batch);
                if (round >= 0)
                {
                    rates[who][round] = rate;
                }
            }
        }

        if (log.Counts is not { Rejected: 0, Failed: 0, InDoubt: 0 })
        {
            throw new InvalidOperationException($"The generated sink lost rows: {log.Counts}");
        }

        double[] best = [.. rates.Select(static turns => Measurement.Quantile(turns, 0.9))];
        return new SinkFigures(
            dialect, batch, best[0], best[1], withDapper ? best[2] : null, RatioOf(0, 1), withDapper ? RatioOf(0, 2) : null);

        double RatioOf(int who, int beside) => Measurement.Median(rates[who].Zip(rates[beside], static (a, b) => a / b));
    }

    private static async Task<double> RateAsync(Func<Task> write, int batch)
    {
        int batches = Math.Max(1, RowsOfTurn / batch);

        // Untimed: what the one before left behind, in the server as in the caches, is not this one's.
        await write();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < batches; i++)
        {
            await write();
        }

        return batches * batch / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static DeliveryAttempt[] Attempts(int count)
    {
        WallClock wall = new(TimeProvider.System);
        WebhookDestination destination = new("https://buyer.example/adcp/webhooks", "op_456");
        DeliveryOptions context = new() { SequenceKey = "media_buy_17", NotificationType = "scheduled" };
        return [.. Enumerable.Range(0, count).Select(n =>
        {
            DeliveryAttempt attempt = new(wall);
            attempt.Fill(new AttemptEntry
            {
                Webhook = new PreparedWebhook(destination, new byte[900], $"0f8fad5b-d9cb-469f-a165-{n:D12}")
                {
                    TaskId = $"task_{n:D8}",
                    TaskType = "create_media_buy",
                },
                Context = context,
                SequenceNumber = n + 1,
                AttemptNumber = 1,
                MaxAttempts = 3,
                IsAttempt = true,
                StatusCode = 200,
                StartedAt = TimeProvider.System.GetTimestamp(),
                EndedAt = TimeProvider.System.GetTimestamp() + (TimeProvider.System.TimestampFrequency / 50),
            });
            return attempt;
        })];
    }

    private static async Task ExecuteAsync(DbDataSource source, string sql)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
