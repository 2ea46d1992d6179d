using System.Buffers.Binary;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Http;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>An operator's queries among many dead letters, and fresh deliveries beside a redrive.</summary>
internal static class DeadLettersCommand
{
    /// <summary>The rows that are enqueued. The others are copies of them: a seal is not bound to the id of its row.</summary>
    private const int Originals = 10_000;

    private const int FreshRows = 2_000;

    /// <summary>The webhooks that no worker has read, of a search that opens them.</summary>
    private const int Unread = 100_000;

    /// <summary>The rounds of a turn with the redrive, and of the turn without it.</summary>
    private const int RoundsOfTurn = 15;

    internal static Command Create()
    {
        Option<string> store = new("--store")
        {
            Description = "sqlite, or the server of ADCP_TEST_POSTGRES.",
            DefaultValueFactory = _ => "sqlite",
        };
        store.AcceptOnlyFromAmong("sqlite", "postgres");
        Option<int> rows = Options.Number("--rows", "Dead letters.", byDefault: 1_000_000, low: Originals, high: 10_000_000);
        Option<int> redrive = Options.Number("--redrive", "Dead letters that are redriven; 0 for none.", 100_000, 0, 10_000_000);
        Option<int> rate = Options.Number("--rate", "The most of a redrive a second; 0: no bound.", byDefault: 0, low: 0, high: 100_000);
        Option<int> rounds = Options.Number("--rounds", "Rounds whose median counts.", byDefault: 21, low: 1, high: 1_000);
        Command command = new("dead-letters", "Lists, filters and counts of many dead letters, and fresh deliveries beside a redrive.")
        {
            store, rows, redrive, rate, rounds,
        };
        command.SetAction(async arguments =>
        {
            SqlDialect dialect = arguments.GetValue(store) == "sqlite" ? SqlDialect.Sqlite : SqlDialect.PostgreSql;
            if (dialect == SqlDialect.PostgreSql && Environment.GetEnvironmentVariable("ADCP_TEST_POSTGRES") is not { Length: > 0 })
            {
                await Console.Error.WriteLineAsync("--store postgres needs the server's connection string in ADCP_TEST_POSTGRES.");
                return 2;
            }

            using ReceiverProcess receiver = new();
            await using OutboxBench bench = await OutboxBench.OpenAsync(dialect, receiver.Http1);
            await FillAsync(bench, arguments.GetValue(rows));
            await QueryAsync(bench, arguments.GetValue(rounds));
            await FindAsync(bench, arguments.GetValue(rounds));
            if (arguments.GetValue(redrive) is > 0 and int redriven)
            {
                await RedriveAsync(bench, redriven, arguments.GetValue(rate));
            }

            return 0;
        });
        return command;
    }

    /// <summary>
    /// Makes dead letters of 16 endpoints and 4 tenants: 90 % rejected, 9 % expired, 1 % poison; half of them of one notification type,
    /// 1 % of another.
    /// </summary>
    private static async Task FillAsync(OutboxBench bench, int rows)
    {
        await bench.EnqueueAsync(Originals, i => bench.Item(i));
        for (int copy = 0; copy < rows / Originals; copy++)
        {
            await bench.NumberAsync(
                $"""
                INSERT INTO adcp_outbox_dead (id, lane, endpoint, tenant, attempts, unclean, enqueued_at, ended_at, kept_until, status_code,
                    reason, key_id, notification_type, key_hash, sealed)
                SELECT {copy * (long)Originals} + id, lane, endpoint, tenant, 1, 0, enqueued_at, enqueued_at, enqueued_at + 2592000000, 410,
                    CASE WHEN id % 100 = 0 THEN 'poison' WHEN id % 100 < 10 THEN 'expired' ELSE 'rejected' END, key_id,
                    CASE WHEN id % 2 = 0 THEN {HashOf("final")} WHEN id % 100 = 1 THEN {HashOf("scheduled")} END,
                    {copy * (long)Originals} + id, sealed
                FROM adcp_outbox_log
                """);
        }

        await bench.NumberAsync("DELETE FROM adcp_outbox_log");
        await bench.NumberAsync(bench.Dialect == SqlDialect.Sqlite
            ? "UPDATE sqlite_sequence SET seq = 100000000 WHERE name = 'adcp_outbox_log'"
            : "ALTER TABLE adcp_outbox_log ALTER COLUMN id RESTART WITH 100000000");
        if (bench.Dialect == SqlDialect.PostgreSql)
        {
            // Autovacuum does it within a minute, but no measurement should depend on when.
            await bench.NumberAsync("ANALYZE adcp_outbox_dead");
        }

        Console.WriteLine($"{await bench.NumberAsync("SELECT count(*) FROM adcp_outbox_dead"):N0} dead letters");
    }

    private static async Task QueryAsync(OutboxBench bench, int rounds)
    {
        DeadLetters dead = bench.Outbox.DeadLetters;
        DeadLetter some = (await dead.ListAsync(new DeadLetterQuery { Tenant = "t1", Limit = 1 }))[0];
        Console.WriteLine("| filter | list of 100, median ms | count, median ms | count | rows |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach ((string name, DeadLetterQuery query) in new (string, DeadLetterQuery)[]
        {
            ("none", new()),
            ("none, half way", new() { Before = some.Id / 2 }),
            ("tenant", new() { Tenant = "t1" }),
            ("tenant that has none", new() { Tenant = "none" }),
            ("endpoint", new() { EndpointId = some.EndpointId }),
            ("reason of 90 %", new() { Reason = "rejected" }),
            ("reason of 1 %", new() { Reason = "poison" }),
            ("reason that none has", new() { Reason = "conflict" }),
            ("tenant and reason", new() { Tenant = "t1", Reason = "expired" }),
            ("tenant and reason that none has", new() { Tenant = "t1", Reason = "poison" }),
            ("endpoint and reason", new() { EndpointId = some.EndpointId, Reason = "expired" }),
            ("type of 50 %", new() { NotificationType = "final" }),
            ("type of 1 %", new() { NotificationType = "scheduled" }),
            ("type of 50 % and reason that it has not", new() { NotificationType = "final", Reason = "conflict" }),
            ("type of 50 %, tenant and reason", new() { NotificationType = "final", Tenant = "t1", Reason = "expired" }),
            ("endpoint of another tenant", new() { EndpointId = some.EndpointId, Tenant = "t2" }),
        })
        {
            DeadLetterCount count = await dead.CountAsync(query);
            double lists = await MedianAsync(rounds, async () => await dead.ListAsync(query));
            double counts = await MedianAsync(rounds, async () => await dead.CountAsync(query));
            string number = string.Create(CultureInfo.InvariantCulture, $"{(count.IsEstimate ? "about " : "")}{count.Count:N0}");
            long rows = await RowsAsync(bench, query);
            OutboxLoad.Print($"| {name} | {lists:0.0} | {counts:0.0} | {number} | {rows:N0} |");
        }

        double reasons = await MedianAsync(rounds, async () => await dead.CountReasonsAsync());
        double status = await MedianAsync(rounds, async () => await bench.Outbox.GetStatusAsync());
        OutboxLoad.Print($"| counts of all reasons | - | {reasons:0.0} | - | - |");
        OutboxLoad.Print($"| status of the outbox | - | {status:0.0} | - | - |");
    }

    /// <summary>Finds a delivery by its key among all dead letters, and looks for one that is nowhere.</summary>
    private static async Task FindAsync(OutboxBench bench, int rounds)
    {
        await using OutboxOperations operations = new(bench.Outbox);
        long oldest = await bench.NumberAsync("SELECT min(id) FROM adcp_outbox_dead");
        string key = (await bench.Outbox.DeadLetters.FindAsync(oldest))!.IdempotencyKey!;
        await bench.NumberAsync($"UPDATE adcp_outbox_dead SET key_hash = {HashOf(key)} WHERE id = {oldest}");
        await PrintAsync("the oldest dead letter by its key", key, isKnown: true);
        await bench.EnqueueAsync(Unread, i => bench.Item(i));
        await PrintAsync($"a key that is nowhere, {Unread:N0} webhooks not read yet", "another-key", isKnown: false);
        await bench.NumberAsync("DELETE FROM adcp_outbox_log");

        async Task PrintAsync(string name, string searched, bool isKnown)
        {
            double time = await MedianAsync(rounds, async () =>
            {
                DeliveryStory? story = await operations.FindDeliveryAsync(new DeliveryQuery { IdempotencyKey = searched });
                if (story is not null != isKnown)
                {
                    throw new InvalidOperationException($"The search of {name} found {story?.ToString() ?? "nothing"}.");
                }
            });
            OutboxLoad.Print($"| {name} | {time:0.0} | - | - | - |");
        }
    }

    private static async Task<long> RowsAsync(OutboxBench bench, DeadLetterQuery query)
    {
        if (query.Tenant is null && query.EndpointId is null && query.NotificationType is null)
        {
            return await bench.NumberAsync(
                "SELECT count(*) FROM adcp_outbox_dead" + (query.Reason is { } reason ? $" WHERE reason = '{reason}'" : ""));
        }

        // Tenant and endpoint are stored as hashes: the exact number comes from pages.
        DeadLetterReport report = await bench.Outbox.DeadLetters.RedriveAsync(
            query with { Before = null, Limit = 1000 }, new RedriveOptions { IsDryRun = true });
        return report.Redriven + report.OutsideHorizon + report.NotRepeatable + report.Missing;
    }

    /// <summary>Returns the hash by which the tables know a notification type.</summary>
    private static long HashOf(string type) => BinaryPrimitives.ReadInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(type)));

    private static async Task<double> MedianAsync(int rounds, Func<Task> call)
    {
        await call();
        List<double> times = [];
        for (int round = 0; round < rounds; round++)
        {
            long began = Stopwatch.GetTimestamp();
            await call();
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        return Measurement.Median(times);
    }

    /// <summary>
    /// Delivers fresh webhooks in turns, with a redrive and without it, until it has redriven a number of dead letters or all of them. The
    /// turns change their order each time. So a machine whose speed changes during the run does not change the ratio.
    /// </summary>
    private static async Task RedriveAsync(OutboxBench bench, int rows, int rate)
    {
        await using OutboxWorker worker = await OutboxLoad.StartAsync(bench);
        for (int warmUp = 0; warmUp < 3; warmUp++)
        {
            await FreshAsync(bench);
        }

        List<double> without = [], during = [], ratios = [];
        RedriveOptions options = rate > 0 ? new RedriveOptions { RatePerSecond = rate } : new RedriveOptions();
        int redriven = 0;
        TimeSpan took = TimeSpan.Zero;
        long? before = long.MaxValue;
        while (redriven < rows && before is not null)
        {
            bool isFirst = ratios.Count % 2 == 0;
            List<double> other = isFirst ? [] : await TurnAsync(bench);
            using CancellationTokenSource end = new();
            DeadLetterQuery rest = new() { Before = before };
            long began = Stopwatch.GetTimestamp();
            Task<DeadLetterReport> redrive =
                Task.Run(async () => await bench.Outbox.DeadLetters.RedriveAsync(rest, options, end.Token));
            List<double> with = await TurnAsync(bench);
            await end.CancelAsync();
            DeadLetterReport report = await redrive;
            took += Stopwatch.GetElapsedTime(began);
            redriven += report.Redriven;
            before = report.ContinueBefore;
            await bench.EmptyAsync();
            other = isFirst ? await TurnAsync(bench) : other;
            during.AddRange(with);
            without.AddRange(other);
            ratios.Add(Measurement.Median(with) / Measurement.Median(other));
        }

        OutboxLoad.Print(
            $"redrive of {redriven:N0} at {redriven / took.TotalSeconds:N0}/s: fresh {Measurement.Median(during):N0}/s, "
            + $"{Measurement.Median(without):N0}/s without, in {during.Count} rounds of each");
        OutboxLoad.Print(
            $"ratio of the medians {Measurement.Median(during) / Measurement.Median(without):0.00}, median ratio of "
            + $"{ratios.Count} turns {Measurement.Median(ratios):0.00}, ratio of the means {Mean(during) / Mean(without):0.00}");

        static double Mean(List<double> rates) => rates.Count / rates.Sum(static rate => 1 / rate);
    }

    private static async Task<List<double>> TurnAsync(OutboxBench bench)
    {
        List<double> rates = [];
        for (int round = 0; round < RoundsOfTurn; round++)
        {
            rates.Add(await FreshAsync(bench));
        }

        return rates;
    }

    /// <summary>Enqueues fresh webhooks and returns how many were answered a second.</summary>
    private static async Task<double> FreshAsync(OutboxBench bench)
    {
        bench.Sender.Notes = true;
        long began = Stopwatch.GetTimestamp();
        List<string> keys = [];
        for (int done = 0; done < FreshRows; done += OutboxBench.RowsOfTransaction)
        {
            IReadOnlyList<OutboxReceipt> receipts = await bench.Outbox.EnqueueAsync(
                null, [.. Enumerable.Range(done, OutboxBench.RowsOfTransaction).Select(i => bench.Item(i))]);
            keys.AddRange(receipts.Select(static receipt => receipt.IdempotencyKey));
        }

        long last = began;
        foreach (string key in keys)
        {
            long at;
            while (!bench.Sender.Answered.TryGetValue(key, out at))
            {
                await Task.Delay(1);
            }

            last = Math.Max(last, at);
        }

        bench.Sender.Notes = false;
        bench.Sender.Answered.Clear();
        bench.Sender.Begun.Clear();
        return FreshRows / Stopwatch.GetElapsedTime(began, last).TotalSeconds;
    }
}
