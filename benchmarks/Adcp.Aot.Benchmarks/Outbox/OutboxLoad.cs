using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Adcp.Aot.Auditing;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Storage;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>The outbox under conditions that slow down queues: a dead endpoint, a backlog, an open snapshot.</summary>
internal static class OutboxLoad
{
    /// <summary>Those that enqueue beside the measured one: as many as keep a worker busy.</summary>
    private const int Producers = 2;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest time without an open snapshot: vacuum removes the deleted rows of such a time.</summary>
    private static readonly TimeSpan LongestFree = TimeSpan.FromMinutes(3);

    /// <summary>
    /// The rate of healthy endpoints beside many rows of one that refuses connections: while these are read and parked, and after. The
    /// rounds with and without them take turns, because the rate grows while the compiler optimizes.
    /// </summary>
    internal static async Task DeadEndpointAsync(OutboxBench bench, int dead, int rows, int rounds)
    {
        List<double> without = [], parking = [], with = [];
        await HealthyAsync(bench, rows); // The compiler is busy at first.
        for (int round = 0; round < rounds; round++)
        {
            without.Add(await HealthyAsync(bench, rows));
            await bench.EnqueueAsync(dead, i => bench.Item(i, "http://127.0.0.1:1/dead"));
            parking.Add(await HealthyAsync(bench, rows));
            with.Add(await HealthyAsync(bench, rows));
            await bench.NumberAsync("DELETE FROM adcp_outbox_parked RETURNING 1");
            await bench.NumberAsync(bench.Dialect == SqlDialect.PostgreSql ? "VACUUM" : "PRAGMA wal_checkpoint");
        }

        Print($"{dead:N0} rows of a dead endpoint, medians of {rounds} turns: healthy rate {Measurement.Median(without):N0} a second "
            + $"without them, {Share(parking):0.00} of it while they are read and parked, {Share(with):0.00} after");

        double Share(List<double> rates) => Measurement.Median(rates.Zip(without, static (one, other) => one / other));
    }

    /// <summary>Webhooks of another endpoint that arrive while many wait, beside those that arrive while few wait.</summary>
    internal static async Task BacklogAsync(OutboxBench bench, int rows)
    {
        int few = Math.Min(2_000, rows);
        await HealthyAsync(bench, 2_000);
        Fresh small = await FreshAsync(bench, few, upTo: rows);
        Fresh large = await FreshAsync(bench, rows, upTo: rows);
        Print($"fresh webhooks among {few:N0} that wait: p50 {small.P50:0} ms, p99 {small.P99:0} ms, {small.Rate:N0} a second delivered");
        Print($"fresh webhooks beside a backlog of {rows:N0}: p50 {large.P50:0} ms, p99 {large.P99:0} ms, "
            + $"{large.P99 / small.P99:0.00} of that; {large.Rate:N0} a second delivered, {large.Rate / small.Rate:0.00} of the other");
    }

    /// <summary>
    /// A snapshot that is held open, as by a report or a dump. PostgreSQL only: SQLite's readers hold up checkpoints alone.
    /// </summary>
    internal static async Task PinnedAsync(OutboxBench bench, int perSecond, TimeSpan time, int burst)
    {
        await HealthyAsync(bench, burst);
        (double freeRate, double freeP99) = await OfferedAsync(bench, perSecond, time < LongestFree ? time : LongestFree);
        double freeBurst = await HealthyAsync(bench, burst);
        await using DbConnection reader = await bench.Source.OpenConnectionAsync();
        await using DbTransaction snapshot = await reader.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        await using (DbCommand command = reader.CreateCommand())
        {
            command.Transaction = snapshot;
            command.CommandText = "SELECT 1";
            await command.ExecuteScalarAsync();
        }

        (double rate, double p99) = await OfferedAsync(bench, perSecond, time);
        double burstRate = await HealthyAsync(bench, burst);
        Print($"snapshot held for {time.TotalSeconds:0} s at {perSecond:N0}/s: rate {rate / freeRate:0.00}, p99 {p99:0} ms, "
            + $"{p99 / freeP99:0.00} of the time without; then {burst:N0} rows at {burstRate:N0}/s, "
            + $"{burstRate / freeBurst:0.00} of the burst without");
    }

    /// <summary>
    /// Bytes of write-ahead log above the payload: of enqueue and result, with delivery ids, and with the records of a table too.
    /// </summary>
    internal static async Task LogBytesAsync(OutboxBench bench, int rows)
    {
        await using BenchLog activity = new(bench.Source, bench.Dialect);
        await activity.CreateIfAbsentAsync();
        int body = bench.Sender.Prepare(bench.Destinations[0], OutboxBench.Webhook).Body.Length;
        foreach ((string kind, bool hasIds, BenchLog? sink) in new[]
        {
            ("enqueue and result", false, null), ("with delivery ids", true, null), ("with delivery ids and activity", true, activity),
        })
        {
            await HealthyAsync(bench, 1_000, hasIds, sink);
            await bench.NumberAsync("SELECT 1 FROM pg_switch_wal()");
            long before = await bench.NumberAsync("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint");
            await HealthyAsync(bench, rows, hasIds, sink);
            long after = await bench.NumberAsync("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint");
            long all = (after - before) / rows;
            Print($"write-ahead log, {kind}: {all:N0} B a delivery, {all - body:N0} B above the body of {body:N0} B");
        }
    }

    private static async Task<double> HealthyAsync(OutboxBench bench, int rows, bool hasIds = false, IDeliveryLogSink? sink = null)
    {
        int before = bench.Sender.Delivered;
        Guid run = Guid.NewGuid();
        await using OutboxWorker worker = await StartAsync(bench, sink: sink);
        long started = Stopwatch.GetTimestamp();
        await bench.EnqueueAsync(
            rows, i => bench.Item(i, deliveryId: hasIds ? string.Create(CultureInfo.InvariantCulture, $"{run}/{i}") : null));
        while (bench.Sender.Delivered - before < rows)
        {
            await Task.Delay(1);
        }

        double rate = rows / Stopwatch.GetElapsedTime(started).TotalSeconds;
        while ((await bench.Outbox.GetStatusAsync()).Waiting > 0)
        {
            await Task.Delay(5);
        }

        return rate;
    }

    /// <summary>Enqueues one webhook every 10 ms while others are delivered at full speed, of which as many wait as at the start.</summary>
    private static async Task<Fresh> FreshAsync(OutboxBench bench, int waiting, int upTo)
    {
        int before = bench.Sender.Delivered;
        int enqueued = waiting;
        await bench.EnqueueAsync(waiting, i => bench.Item(i));
        await using OutboxWorker worker = await StartAsync(bench);
        long started = Stopwatch.GetTimestamp();
        while (bench.Sender.Delivered == before)
        {
            await Task.Delay(1);
        }

        bench.Sender.Notes = true;
        List<(string Key, long At)> fresh = [];
        Task refilling = Task.WhenAll(Enumerable.Range(0, Producers).Select(_ => Task.Run(RefillAsync)));
        while (bench.Sender.Delivered - before < upTo + fresh.Count)
        {
            OutboxReceipt receipt = (await bench.Outbox.EnqueueAsync(
                null, [bench.Item(0, bench.Destinations[0].Url + "/fresh")]))[0];
            fresh.Add((receipt.IdempotencyKey, Stopwatch.GetTimestamp()));
            await Task.Delay(Step);
        }

        double rate = upTo / Stopwatch.GetElapsedTime(started).TotalSeconds;
        await refilling;
        await bench.EmptyAsync();
        double[] times = Times(bench, fresh);
        return new Fresh(Percentile(times, 0.5), Percentile(times, 0.99), rate);

        async Task RefillAsync()
        {
            while (Volatile.Read(ref enqueued) < upTo)
            {
                if (Volatile.Read(ref enqueued) - (bench.Sender.Delivered - before) >= waiting)
                {
                    await Task.Delay(1);
                    continue;
                }

                Interlocked.Add(ref enqueued, OutboxBench.RowsOfTransaction);
                await bench.EnqueueAsync(OutboxBench.RowsOfTransaction, i => bench.Item(i));
            }
        }
    }

    private static async Task<(double Rate, double P99)> OfferedAsync(OutboxBench bench, int perSecond, TimeSpan time)
    {
        await using OutboxWorker worker = await StartAsync(bench);
        bench.Sender.Notes = true;
        List<(string Key, long At)> sent = [];
        int before = bench.Sender.Delivered;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) is var passed && passed < time)
        {
            int due = (int)(passed.TotalSeconds * perSecond) - sent.Count;
            if (due > 0)
            {
                int from = sent.Count;
                IReadOnlyList<OutboxReceipt> receipts = await bench.Outbox.EnqueueAsync(
                    null, [.. Enumerable.Range(from, Math.Min(due, 1_000)).Select(i => bench.Item(i))]);
                long at = Stopwatch.GetTimestamp();
                sent.AddRange(receipts.Select(receipt => (receipt.IdempotencyKey, at)));
            }

            await Task.Delay(Step);
        }

        double rate = (bench.Sender.Delivered - before) / Stopwatch.GetElapsedTime(started).TotalSeconds;
        await bench.EmptyAsync();
        return (rate, Percentile(bench, sent, 0.99));
    }

    internal static double Percentile(OutboxBench bench, List<(string Key, long At)> sent, double share) =>
        Percentile(Times(bench, sent), share);

    private static double Percentile(double[] times, double share) =>
        times.Length == 0 ? double.NaN : times[(int)((times.Length - 1) * share)];

    /// <summary>Returns the times until the answers in milliseconds, ascending, and forgets them.</summary>
    private static double[] Times(OutboxBench bench, List<(string Key, long At)> sent)
    {
        double[] times = [.. sent.Where(one => bench.Sender.Answered.ContainsKey(one.Key))
            .Select(one => Math.Max(0, Stopwatch.GetElapsedTime(one.At, bench.Sender.Answered[one.Key]).TotalMilliseconds)).Order()];
        bench.Sender.Answered.Clear();
        bench.Sender.Begun.Clear();
        bench.Sender.Notes = false;
        return times;
    }

    internal static async Task<OutboxWorker> StartAsync(OutboxBench bench, SqlWebhookOutbox? outbox = null, IDeliveryLogSink? sink = null)
    {
        OutboxWorker worker = bench.OpenWorker(outbox, sink);
        await worker.StartAsync();
        while ((await worker.GetStatusAsync()).Lanes < 64)
        {
            await Task.Delay(5);
        }

        return worker;
    }

    private readonly record struct Fresh(double P50, double P99, double Rate);

    internal static void Print(ref DefaultInterpolatedStringHandler text) => Console.WriteLine(text.ToStringAndClear());
}
