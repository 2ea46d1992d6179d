using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Benchmarks;

/// <summary>
/// Audit rows a second: the generated sink, hand-written code on the same driver, Dapper. The contestants take short turns on one table. What else the machine does slows
/// a turn and never speeds one up, so each is judged by its ninth decile. PostgreSQL and MySQL are measured where <c>ADCP_TEST_POSTGRES</c> and <c>ADCP_TEST_MYSQL</c> are set.
/// </summary>
internal static class SinkComparison
{
    /// <summary>What the issue asks: generated code costs next to nothing.</summary>
    private const double Bound = 0.95;

    private const int RowsOfTurn = 2_000;

    internal static async Task<int> RunAsync(int rounds)
    {
        bool met = true;
        Console.WriteLine("| dialect | batch | generated | hand-written | Dapper | generated / hand-written | generated / Dapper |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        string file = Path.Combine(Path.GetTempPath(), $"adcp-sinks-{Environment.ProcessId}.db");
        try
        {
            DbDataSource sqlite = SqliteFactory.Instance.CreateDataSource($"Data Source={file}");
            await ExecuteAsync(sqlite, "PRAGMA journal_mode = WAL");
            met &= await CompareAsync(SqlDialect.Sqlite, sqlite, rounds);
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
            await using DbDataSource source = NpgsqlDataSource.Create(postgres);
            met &= await CompareAsync(SqlDialect.PostgreSql, source, rounds);
        }

        if (Environment.GetEnvironmentVariable("ADCP_TEST_MYSQL") is { Length: > 0 } mysql)
        {
            await using (DbDataSource server = new MySqlDataSource(mysql))
            {
                await ExecuteAsync(server, "CREATE DATABASE IF NOT EXISTS adcp_sinks");
            }

            await using DbDataSource source = new MySqlDataSource(new MySqlConnectionStringBuilder(mysql) { Database = "adcp_sinks" }.ConnectionString);
            met &= await CompareAsync(SqlDialect.MySql, source, rounds);
        }

        return met ? 0 : 1;
    }

    private static async Task<bool> CompareAsync(SqlDialect dialect, DbDataSource source, int rounds)
    {
        bool met = true;
        foreach (int batch in new[] { 256, 1_000 })
        {
            await ExecuteAsync(source, "DROP TABLE IF EXISTS webhook_delivery_log");
            await ExecuteAsync(source, "DROP TABLE IF EXISTS adcp_schema_versions");
            await using BenchLog log = new(source, dialect);
            await log.CreateIfAbsentAsync();
            await using DbConnection one = await source.OpenConnectionAsync();
            await using DbConnection other = await source.OpenConnectionAsync();
            HandWritten written = new(one, dialect);
            DapperWriter dapper = new(other);
            DeliveryAttempt[] attempts = Attempts(batch);
            Func<Task>[] contestants =
            [
                async () => await log.RecordAsync(attempts, CancellationToken.None),
                () => written.WriteAsync(attempts),
                () => dapper.WriteAsync(attempts),
            ];
            double[][] rates = [new double[rounds], new double[rounds], new double[rounds]];
            for (int round = -2; round < rounds; round++)
            {
                int[] order = [0, 1, 2];
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
            double byHand = best[0] / best[1];
            double byDapper = best[0] / best[2];
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {dialect} | {batch} | {best[0]:N0} | {best[1]:N0} | {best[2]:N0} | {byHand:0.00}x{(byHand < Bound ? " **missed**" : "")} | {byDapper:0.0}x |"));
            met &= byHand >= Bound;
        }

        return met;
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
