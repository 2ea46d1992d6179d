using System.CommandLine;
using Adcp.Aot.Benchmarks.Http;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>The durable outbox beside its floors and a queue with row leases, and its load tests.</summary>
internal static class OutboxCommand
{
    private static readonly string[] Scenarios =
        ["throughput", "parts", "enqueue", "latency", "takeover", "idle", "dead", "backlog", "memory", "pin", "wal"];

    internal static Command Create()
    {
        Option<string> store = new("--store")
        {
            Description = "sqlite, or the server of ADCP_TEST_POSTGRES.",
            DefaultValueFactory = _ => "sqlite",
        };
        store.AcceptOnlyFromAmong("sqlite", "postgres");
        Option<string[]> only = new("--only")
        {
            Description = "The scenarios: " + string.Join(", ", Scenarios) + ". Default: all.",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => Scenarios,
        };
        only.AcceptOnlyFromAmong(Scenarios);
        Option<int> rows = Options.Number("--rows", "Rows of a round.", byDefault: 20_000, low: 100, high: 10_000_000);
        Option<int> rounds = Options.Number("--rounds", "Rounds whose median counts.", byDefault: 3, low: 1, high: 100);
        Option<int> backlog = Options.Number(
            "--backlog", "Rows that wait, or that a dead endpoint has.", byDefault: 100_000, low: 100, high: 10_000_000);
        Option<int> seconds = Options.Number("--seconds", "How long load is offered.", byDefault: 30, low: 1, high: 3_600);
        Option<int> rate = Options.Number("--rate", "Rows offered a second.", byDefault: 1_000, low: 1, high: 100_000);
        Command command = new("outbox", "The durable outbox beside its floors and row leases, and under load.")
        {
            store, only, rows, rounds, backlog, seconds, rate,
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
            foreach (string scenario in arguments.GetValue(only)!)
            {
                await using OutboxBench bench = await OutboxBench.OpenAsync(dialect, receiver.Http1);
                await RunAsync(
                    scenario, bench, arguments.GetValue(rows), arguments.GetValue(rounds), arguments.GetValue(backlog),
                    TimeSpan.FromSeconds(arguments.GetValue(seconds)), arguments.GetValue(rate));
            }

            return 0;
        });
        return command;
    }

    internal static Command CreateWorker()
    {
        Command command = new(OutboxTimes.WorkerCommand) { Hidden = true };
        command.SetAction(_ => OutboxTimes.RunWorkerAsync());
        return command;
    }

    private static async Task RunAsync(
        string scenario, OutboxBench bench, int rows, int rounds, int backlog, TimeSpan time, int rate)
    {
        bool isPostgreSql = bench.Dialect == SqlDialect.PostgreSql;
        switch (scenario)
        {
            case "throughput":
                await OutboxThroughput.MeasureAsync(bench, rows, rounds);
                break;
            case "parts":
                await OutboxThroughput.PartsAsync(bench, rows, rounds);
                break;
            case "enqueue":
                await OutboxCosts.EnqueueAsync(bench, Math.Min(rows / 10, 2_000));
                break;
            case "latency":
                foreach (OutboxHint hint in Enum.GetValues<OutboxHint>().Where(hint => isPostgreSql || hint != OutboxHint.Listen))
                {
                    await OutboxTimes.LatencyAsync(bench, Math.Min(rows / 20, 200), hint);
                }

                break;
            case "takeover":
                await OutboxTimes.TakeoverAsync(bench, rounds);
                break;
            case "idle":
                foreach (IdleProcess kind in Enum.GetValues<IdleProcess>().Where(kind => isPostgreSql || kind == IdleProcess.Polling))
                {
                    await OutboxTimes.IdleAsync(bench, time, kind);
                }

                break;
            case "dead":
                await OutboxLoad.DeadEndpointAsync(bench, backlog, rows, rounds);
                break;
            case "backlog":
                await OutboxLoad.BacklogAsync(bench, backlog);
                break;
            case "memory":
                await OutboxCosts.MemoryAsync(bench, backlog);
                break;
            case "pin" when isPostgreSql:
                await OutboxLoad.PinnedAsync(bench, rate, time, rows);
                break;
            case "wal" when isPostgreSql:
                await OutboxLoad.LogBytesAsync(bench, rows);
                break;
            default:
                Console.WriteLine($"{scenario}: for PostgreSQL only");
                break;
        }
    }
}
