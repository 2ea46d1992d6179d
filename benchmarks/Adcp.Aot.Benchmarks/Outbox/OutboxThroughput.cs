using System.Diagnostics;
using System.Globalization;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Storage;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>
/// Deliveries a second of the outbox beside its floors and a queue with row leases. All enqueue in transactions of 100 while they
/// deliver, and sign each webhook. The composed floor is the time of the bare queue and the time of the bare requests, one after the other.
/// </summary>
internal static class OutboxThroughput
{
    internal static async Task MeasureAsync(OutboxBench bench, int rows, int rounds)
    {
        List<double> queue = [], post = [], leases = [], equal = [], outbox = [], full = [];
        for (int round = 0; round < rounds + 1; round++)
        {
            // The first round only warms up.
            int count = round == 0 ? Math.Min(rows, 20_000) : rows;
            double[] rates =
            [
                await QueueAsync(bench, count), await PostAsync(bench, count), await LeasesAsync(bench, count),
                await EqualLeasesAsync(bench, count),
                await OutboxAsync(bench, count, isFull: false), await OutboxAsync(bench, count, isFull: true),
            ];
            if (round > 0)
            {
                queue.Add(rates[0]);
                post.Add(rates[1]);
                leases.Add(rates[2]);
                equal.Add(rates[3]);
                outbox.Add(rates[4]);
                full.Add(rates[5]);
            }
        }

        List<double> composed = [.. queue.Zip(post, static (q, p) => 1 / ((1 / q) + (1 / p)))];
        OutboxLoad.Print($"rows a second, medians of {rounds} rounds of {rows} rows");
        OutboxLoad.Print($"| bare queue | bare signed requests | composed floor | row leases | row leases with encryption, circuits "
            + $"| outbox | outbox with delivery ids, sink, activity |");
        OutboxLoad.Print($"|---|---|---|---|---|---|---|");
        OutboxLoad.Print($"| {Median(queue):N0} | {Median(post):N0} | {Median(composed):N0} | {Median(leases):N0} | {Median(equal):N0} | "
            + $"{Median(outbox):N0} | {Median(full):N0} |");
        OutboxLoad.Print($"outbox / composed floor {Ratio(outbox, composed):0.00}, outbox / row leases {Ratio(outbox, leases):0.00}, "
            + $"outbox / row leases with encryption, circuits {Ratio(outbox, equal):0.00}, "
            + $"full / outbox {Ratio(full, outbox):0.00}");
    }

    /// <summary>Enqueueing alone, then delivering alone, so that it shows which of them is slow.</summary>
    internal static async Task PartsAsync(OutboxBench bench, int rows, int rounds)
    {
        List<double> append = [], enqueue = [], drainPeer = [], drain = [];
        for (int round = 0; round < rounds + 1; round++)
        {
            int count = round == 0 ? Math.Min(rows, 20_000) : rows;
            await using RowQueue queue = new(bench.Source, bench.Dialect);
            await queue.CreateAsync();
            double[] rates =
            [
                await RateAsync(count, () => AppendAsync(bench, queue, count)),
                await RateAsync(count, () => new RowLeases(queue, bench.Source, webhook => SendAsync(bench, webhook)).RunAsync(count)),
                await RateAsync(count, () => bench.EnqueueAsync(count, i => bench.Item(i))),
                await DrainAsync(bench, count),
            ];
            if (round > 0)
            {
                append.Add(rates[0]);
                drainPeer.Add(rates[1]);
                enqueue.Add(rates[2]);
                drain.Add(rates[3]);
            }
        }

        OutboxLoad.Print($"enqueue alone, 100 in a transaction: {Median(enqueue):N0} rows a second, "
            + $"{Ratio(enqueue, append):0.00} of row leases");
        OutboxLoad.Print($"deliver alone: {Median(drain):N0} rows a second, {Ratio(drain, drainPeer):0.00} of row leases");
    }

    internal static double Median(IEnumerable<double> values) => Measurement.Median(values);

    private static double Ratio(List<double> above, List<double> below) => Median(above.Zip(below, static (a, b) => a / b));

    /// <summary>Insert, lease and delete without a request.</summary>
    private static async Task<double> QueueAsync(OutboxBench bench, int rows)
    {
        await using RowQueue queue = new(bench.Source, bench.Dialect);
        await queue.CreateAsync();
        RowLeases consumer = new(queue, bench.Source, static _ => Task.CompletedTask);
        return await RateAsync(rows, () => Task.WhenAll(AppendAsync(bench, queue, rows), consumer.RunAsync(rows)));
    }

    /// <summary>Freeze, sign and send, with nothing kept.</summary>
    private static async Task<double> PostAsync(OutboxBench bench, int rows)
    {
        int next = 0;
        return await RateAsync(rows, () => Task.WhenAll(Enumerable.Range(0, OutboxBench.Callers).Select(async _ =>
        {
            await Task.Yield();
            while (Interlocked.Increment(ref next) is var i && i <= rows)
            {
                await SendAsync(bench, bench.Sender.Prepare(bench.Destinations[i % OutboxBench.Endpoints], OutboxBench.Webhook));
            }
        })));
    }

    private static async Task<double> LeasesAsync(OutboxBench bench, int rows)
    {
        await using RowQueue queue = new(bench.Source, bench.Dialect);
        await queue.CreateAsync();
        RowLeases consumer = new(queue, bench.Source, webhook => SendAsync(bench, webhook));
        return await RateAsync(rows, () => Task.WhenAll(AppendAsync(bench, queue, rows), consumer.RunAsync(rows)));
    }

    /// <summary>Row leases with the outbox's other duties: encrypted bodies, and attempts with circuits and permits.</summary>
    private static async Task<double> EqualLeasesAsync(OutboxBench bench, int rows)
    {
        using RowCipher cipher = new(bench.EncryptionKey);
        await using RowQueue queue = new(bench.Source, bench.Dialect, cipher);
        await queue.CreateAsync();
        await using AttemptRunner runner = new(bench.Sender, bench.Attempts);
        Dictionary<string, DeliveryOptions> options = Enumerable.Range(0, OutboxBench.Endpoints).ToDictionary(
            i => bench.Destinations[i].Url,
            static i => new DeliveryOptions { Tenant = OutboxBench.Tenant(i), Retry = OutboxWorkerOptions.DefaultRetry });
        RowLeases consumer = new(
            queue, bench.Source,
            async webhook =>
            {
                AttemptResult result = await runner.RunAsync(new AttemptRequest(webhook) { Options = options[webhook.Destination.Url] });
                if (result.Status != DeliveryStatus.Delivered)
                {
                    throw new InvalidOperationException($"The attempt ended with {result}.");
                }
            },
            cipher);
        return await RateAsync(rows, () => Task.WhenAll(AppendAsync(bench, queue, rows), consumer.RunAsync(rows)));
    }

    private static async Task<double> OutboxAsync(OutboxBench bench, int rows, bool isFull)
    {
        await using BenchLog activity = new(bench.Source, bench.Dialect);
        await activity.CreateIfAbsentAsync();
        await using OutboxWorker worker = bench.OpenWorker(sink: isFull ? activity : null);
        await worker.StartAsync();
        while ((await worker.GetStatusAsync()).Lanes < 64)
        {
            await Task.Delay(5);
        }

        int before = bench.Sender.Delivered;
        string run = Guid.NewGuid().ToString("N");
        return await RateAsync(rows, async () =>
        {
            await bench.EnqueueAsync(
                rows, i => bench.Item(i, deliveryId: isFull ? string.Create(CultureInfo.InvariantCulture, $"{run}/{i}") : null));

            // Counting rows all the time would be a load of its own.
            while (bench.Sender.Delivered - before < rows)
            {
                await Task.Delay(1);
            }

            await bench.EmptyAsync();
        });
    }

    private static async Task<double> DrainAsync(OutboxBench bench, int rows)
    {
        int before = bench.Sender.Delivered;
        await using OutboxWorker worker = bench.OpenWorker();
        return await RateAsync(rows, async () =>
        {
            await worker.StartAsync();
            while (bench.Sender.Delivered - before < rows)
            {
                await Task.Delay(1);
            }

            await bench.EmptyAsync();
        });
    }

    private static async Task<double> RateAsync(int rows, Func<Task> run)
    {
        GC.Collect();
        long started = Stopwatch.GetTimestamp();
        await run();
        return rows / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task AppendAsync(OutboxBench bench, RowQueue queue, int rows)
    {
        await Task.Yield();
        for (int done = 0; done < rows; done += OutboxBench.RowsOfTransaction)
        {
            int from = done;
            await queue.AppendAsync([.. Enumerable.Range(0, Math.Min(OutboxBench.RowsOfTransaction, rows - done)).Select(i =>
                bench.Sender.Prepare(bench.Destinations[(from + i) % OutboxBench.Endpoints], OutboxBench.Webhook))]);
        }
    }

    private static async Task SendAsync(OutboxBench bench, PreparedWebhook webhook)
    {
        WebhookSendResult result = await bench.Sender.SendAsync(webhook);
        if (result.StatusCode != 200)
        {
            throw new InvalidOperationException($"The receiver answered {result.StatusCode}, {result.Error}.");
        }
    }
}
