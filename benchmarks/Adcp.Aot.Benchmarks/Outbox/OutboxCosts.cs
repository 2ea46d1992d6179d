using System.Data.Common;
using System.Diagnostics;
using System.Globalization;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>The costs of an outbox for its callers and its host: the time of an enqueue, and the memory of a worker.</summary>
internal static class OutboxCosts
{
    private const int WarmUp = 500;
    private const int ManyEndpoints = 10_000;

    /// <summary>The time that one webhook adds to a caller's transaction with one row of its own.</summary>
    internal static async Task EnqueueAsync(OutboxBench bench, int transactions)
    {
        await ExecuteAsync(bench, "CREATE TABLE bench_caller (id INTEGER PRIMARY KEY, status TEXT NOT NULL)");
        List<double> without = [], with = [], withId = [];
        int id = 0;
        for (int i = -WarmUp; i < transactions; i++)
        {
            // They take turns, so that a slow moment of the disk meets all of them.
            double[] times =
            [
                await CommitAsync(bench, ++id, enqueues: false, deliveryId: null),
                await CommitAsync(bench, ++id, enqueues: true, deliveryId: null),
                await CommitAsync(bench, ++id, enqueues: true, string.Create(CultureInfo.InvariantCulture, $"{id}")),
            ];
            if (i >= 0)
            {
                without.Add(times[0]);
                with.Add(times[1]);
                withId.Add(times[2]);
            }
        }

        await ExecuteAsync(bench, "DROP TABLE bench_caller");
        double median = OutboxThroughput.Median(without);
        OutboxLoad.Print($"a caller's transaction: {median:N0} us, with a webhook {OutboxThroughput.Median(with) - median:N0} us more, "
            + $"with one and its delivery id {OutboxThroughput.Median(withId) - median:N0} us more (medians of {transactions:N0})");
    }

    /// <summary>The most memory of a worker in a process of its own while rows of many endpoints wait that refuse connections.</summary>
    internal static async Task MemoryAsync(OutboxBench bench, int rows)
    {
        await bench.EnqueueAsync(
            rows, i => bench.Item(i, string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:1/buyers/{i % ManyEndpoints}")));
        using Process worker = OutboxTimes.StartProcess(bench);
        await worker.StandardOutput.ReadLineAsync();
        while ((await bench.Outbox.GetStatusAsync()).Waiting > 0)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        worker.Refresh();
        OutboxLoad.Print($"{rows:N0} rows of {Math.Min(rows, ManyEndpoints):N0} endpoints wait: a worker has "
            + $"{worker.PeakWorkingSet64 / 1048576.0:0} MiB at most");
        worker.StandardInput.Close();
        await worker.WaitForExitAsync();
    }

    private static async Task<double> CommitAsync(OutboxBench bench, int id, bool enqueues, string? deliveryId)
    {
        long started = Stopwatch.GetTimestamp();
        await using (DbConnection connection = await bench.Source.OpenConnectionAsync())
        {
            await using DbTransaction transaction = await connection.BeginTransactionAsync();
            await using (DbCommand command = connection.CreateCommand())
            {
                command.Transaction = transaction;
#pragma warning disable CA2100 // A number.
                command.CommandText = string.Create(CultureInfo.InvariantCulture, $"INSERT INTO bench_caller VALUES ({id}, 'completed')");
#pragma warning restore CA2100
                await command.ExecuteNonQueryAsync();
            }

            if (enqueues)
            {
                await bench.Outbox.EnqueueAsync(transaction, [bench.Item(id, deliveryId: deliveryId)]);
            }

            await transaction.CommitAsync();
        }

        return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
    }

    private static async Task ExecuteAsync(OutboxBench bench, string sql)
    {
#pragma warning disable CA2100 // No text of a user is in it.
        await using DbCommand command = bench.Source.CreateCommand(sql);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
