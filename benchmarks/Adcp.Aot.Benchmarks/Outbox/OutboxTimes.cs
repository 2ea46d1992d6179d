using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using Adcp.Aot.Delivery;
using Adcp.Aot.PostgreSql;
using Adcp.Aot.Storage;
using Npgsql;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>Times of an outbox with little to do: from commit to answer, after a kill, and the processor time of an idle worker.</summary>
internal static class OutboxTimes
{
    internal const string WorkerCommand = "outbox-worker";

    private const string Prefix = "ADCP_BENCH_";

    /// <summary>
    /// From the commit to the attempt, which the first byte follows at once, and to the answer. The worker is told in its process, by
    /// LISTEN, or not at all.
    /// </summary>
    internal static async Task LatencyAsync(OutboxBench bench, int count, OutboxHint hint)
    {
        bool listens = hint == OutboxHint.Listen;
        PostgreSqlWakeUp? hears = listens ? new PostgreSqlWakeUp((NpgsqlDataSource)bench.Source) : null;
        PostgreSqlWakeUp? tells = listens ? new PostgreSqlWakeUp((NpgsqlDataSource)bench.Source) : null;
        await using SqlWebhookOutbox delivering = bench.OpenOutbox(wakeUp: hears);
        await using SqlWebhookOutbox other = bench.OpenOutbox(wakeUp: tells);
        SqlWebhookOutbox enqueueing = hint == OutboxHint.InProcess ? delivering : other;
        await using (OutboxWorker worker = await OutboxLoad.StartAsync(bench, delivering))
        {
            while (listens && !hears!.IsListening)
            {
                await Task.Delay(10);
            }

            List<(string Key, long At)> sent = [];
            for (int i = -20; i < count; i++)
            {
                bench.Sender.Notes = true;
                OutboxReceipt receipt = (await enqueueing.EnqueueAsync(null, [bench.Item(i + 20)]))[0];
                if (i >= 0)
                {
                    sent.Add((receipt.IdempotencyKey, Stopwatch.GetTimestamp()));
                }

                // Irregular, so that no phase of a poll is met again and again.
                await Task.Delay(50 + ((i + 20) * 7919 % 61));
            }

            await bench.EmptyAsync();
            OutboxLoad.Print($"commit to attempt and answer, {TextOf(hint)}: "
                + $"p50 {Of(sent, bench.Sender.Begun, 0.5):0.00} and {Of(sent, bench.Sender.Answered, 0.5):0.00} ms, "
                + $"p99 {Of(sent, bench.Sender.Begun, 0.99):0.00} and {Of(sent, bench.Sender.Answered, 0.99):0.00} ms");
            bench.Sender.Answered.Clear();
            bench.Sender.Begun.Clear();
            bench.Sender.Notes = false;
        }

        await (hears?.DisposeAsync() ?? default);
        await (tells?.DisposeAsync() ?? default);
    }

    /// <summary>From SIGKILL to the moment when another worker owns all lanes.</summary>
    internal static async Task TakeoverAsync(OutboxBench bench, int rounds)
    {
        List<double> times = [];
        for (int round = 0; round < rounds; round++)
        {
            await using OutboxWorker survivor = bench.OpenWorker();
            using Process victim = StartProcess(bench);
            await victim.StandardOutput.ReadLineAsync();
            await survivor.StartAsync();
            while ((await survivor.GetStatusAsync()).Lanes != 32)
            {
                await Task.Delay(20);
            }

            victim.Kill();
            long killed = Stopwatch.GetTimestamp();
            while ((await survivor.GetStatusAsync()).Lanes != 64)
            {
                await Task.Delay(5);
            }

            times.Add(Stopwatch.GetElapsedTime(killed).TotalMilliseconds);
        }

        OutboxLoad.Print($"SIGKILL to takeover of all lanes: median {OutboxThroughput.Median(times):N0} ms, longest {times.Max():N0} ms");
    }

    /// <summary>
    /// Processor time of a process whose worker owns all lanes and finds nothing, or of its floor, and the transactions on PostgreSQL.
    /// </summary>
    internal static async Task IdleAsync(OutboxBench bench, TimeSpan time, IdleProcess kind)
    {
        using Process worker = StartProcess(bench, kind);
        await worker.StandardOutput.ReadLineAsync();

        // Connections are opened and lanes are listed at first.
        await Task.Delay(time / 2);
        List<Process> sessions = await SessionsAsync(bench);
        TimeSpan before = TimeOf(worker);
        TimeSpan sessionsBefore = Sum(sessions);
        long transactionsBefore = await TransactionsAsync(bench);
        long started = Stopwatch.GetTimestamp();
        await Task.Delay(time);
        double share = (TimeOf(worker) - before) / time;
        double server = (Sum(sessions) - sessionsBefore) / time;
        double transactions = (await TransactionsAsync(bench) - transactionsBefore) / Stopwatch.GetElapsedTime(started).TotalSeconds;
        sessions.ForEach(static session => session.Dispose());
        worker.StandardInput.Close();
        await worker.WaitForExitAsync();
        string sessionsText = sessions.Count == 0
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $", its {sessions.Count} sessions of PostgreSQL {server * 100:0.00} %");
        string transactionsText = bench.Dialect == SqlDialect.PostgreSql && kind != IdleProcess.Bare
            ? string.Create(CultureInfo.InvariantCulture, $", {transactions:0.0} transactions a second")
            : "";
        OutboxLoad.Print(
            $"{TextOf(kind)}: {share * 100:0.00} % of a processor{sessionsText}{transactionsText}");
    }

    /// <summary>
    /// Returns the transactions that the database has ended so far, those of other clients too; 0 on SQLite. A statement outside of a
    /// transaction counts as one. An idle session reports its own after up to 10 s, so a run of less than 20 s counts some of the start.
    /// </summary>
    private static async Task<long> TransactionsAsync(OutboxBench bench) => bench.Dialect == SqlDialect.PostgreSql
        ? await bench.NumberAsync("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
        : 0;

    /// <summary>Returns the server's processes of the worker's sessions, if the server runs on this machine.</summary>
    private static async Task<List<Process>> SessionsAsync(OutboxBench bench)
    {
        List<Process> sessions = [];
        if (bench.Dialect != SqlDialect.PostgreSql)
        {
            return sessions;
        }

        await using DbCommand command = bench.Source.CreateCommand(
            $"SELECT pid FROM pg_stat_activity WHERE application_name = '{OutboxBench.WorkerApplication}'");
        await using DbDataReader reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            try
            {
                Process session = Process.GetProcessById(reader.GetInt32(0));
                if (session.ProcessName.StartsWith("postgres", StringComparison.Ordinal))
                {
                    sessions.Add(session);
                }
            }
            catch (ArgumentException)
            {
                // The server runs on another machine, or the session has ended.
            }
        }

        return sessions;
    }

    private static TimeSpan Sum(List<Process> processes) =>
        processes.Aggregate(TimeSpan.Zero, static (sum, process) => sum + TimeOf(process));

    private static TimeSpan TimeOf(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }

    /// <summary>The other process: owns lanes until it is killed or its input ends.</summary>
    internal static async Task<int> RunWorkerAsync()
    {
        SqlDialect dialect = Enum.Parse<SqlDialect>(Variable("DIALECT"));
        await using DbDataSource source = OutboxBench.OpenSource(dialect, Variable("FILE"), OutboxBench.WorkerApplication);
        IdleProcess kind = Enum.Parse<IdleProcess>(Variable("KIND"));
        if (kind == IdleProcess.Bare)
        {
            Console.WriteLine("polls");
            await Task.WhenAny(PollAsync(source), Console.In.ReadToEndAsync());
            return 0;
        }

        using WebhookSender sender = WebhookSender.FromBearerToken(
            new string('t', 40), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        await using PostgreSqlWakeUp? wakeUp = kind == IdleProcess.Listening ? new PostgreSqlWakeUp((NpgsqlDataSource)source) : null;
        await using SqlWebhookOutbox outbox = new(
            new StoreDatabase(source, dialect), sender,
            SecretsAtRest.EncryptedWith(new EncryptionKey("bench", Convert.FromHexString(Variable("KEY")))),
            new SqlWebhookOutboxOptions { WakeUp = wakeUp });
        await using OutboxWorker worker = new(outbox, sender);
        await worker.StartAsync();
        while ((await worker.GetStatusAsync()).Lanes != 64 || wakeUp is { IsListening: false })
        {
            await Task.Delay(10);
        }

        Console.WriteLine("64 lanes");
        while (await Console.In.ReadLineAsync() is not null)
        {
        }

        return 0;
    }

    /// <summary>The floor of a worker that polls: a query every 100 ms, and nothing else.</summary>
    private static async Task PollAsync(DbDataSource source)
    {
        await using DbConnection connection = await source.OpenConnectionAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = "SELECT 1";
        using PeriodicTimer timer = new(new OutboxWorkerOptions().PollInterval);
        while (await timer.WaitForNextTickAsync())
        {
            await command.ExecuteScalarAsync();
        }
    }

    private static string TextOf(IdleProcess kind) => kind switch
    {
        IdleProcess.Listening => "idle worker, LISTEN",
        IdleProcess.Polling => "idle worker, polling",
        _ => "a query every 100 ms",
    };

    private static string TextOf(OutboxHint hint) => hint switch
    {
        OutboxHint.InProcess => "in the worker's process",
        OutboxHint.Listen => "another process, LISTEN",
        _ => "another process, polling",
    };

    private static double Of(List<(string Key, long At)> sent, ConcurrentDictionary<string, long> noted, double share)
    {
        double[] times = [.. sent.Select(one => Math.Max(0, Stopwatch.GetElapsedTime(one.At, noted[one.Key]).TotalMilliseconds)).Order()];
        return times[(int)((times.Length - 1) * share)];
    }

    internal static Process StartProcess(OutboxBench bench, IdleProcess kind = IdleProcess.Polling)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, WorkerCommand)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment[Prefix + "DIALECT"] = bench.Dialect.ToString();
        start.Environment[Prefix + "FILE"] = bench.Dialect == SqlDialect.Sqlite ? bench.Store["sqlite:".Length..] : "-";
        start.Environment[Prefix + "KIND"] = kind.ToString();
        start.Environment[Prefix + "KEY"] = Convert.ToHexString(bench.EncryptionKey);

        // Methods that run once a second are compiled again after one minute and after two, which takes longer than they do.
        start.Environment["DOTNET_TieredCompilation"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("The worker does not start.");
    }

    private static string Variable(string name) => Environment.GetEnvironmentVariable(Prefix + name)
        ?? throw new InvalidOperationException($"{Prefix}{name} is missing: this command is started by the benchmark.");
}

/// <summary>The processes whose processor time is measured while there is nothing to do.</summary>
internal enum IdleProcess
{
    /// <summary>A worker that polls.</summary>
    Polling,

    /// <summary>A worker with LISTEN.</summary>
    Listening,

    /// <summary>No worker: a query as often as one polls.</summary>
    Bare,
}

/// <summary>The ways in which a worker hears of a commit.</summary>
internal enum OutboxHint
{
    /// <summary>Another process commits, and the worker polls.</summary>
    None,

    /// <summary>Another process commits and notifies.</summary>
    Listen,

    /// <summary>The process of the worker commits.</summary>
    InProcess,
}
