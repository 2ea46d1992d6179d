using System.CommandLine;
using System.Data.Common;
using System.Diagnostics;
using System.Security.Cryptography;
using Adcp.Aot;
using Adcp.Aot.Storage;

namespace DurableSeller;

/// <summary>
/// A seller commits orders and their webhooks together (Producer.cs). Worker processes deliver them (Worker.cs) to buyers on loopback
/// (Receiver.cs), while they are killed, paused and stopped (Chaos.cs). At the end the run is summed up (Report.cs).
/// </summary>
internal static class Program
{
    /// <summary>The key id of the signatures. Each worker process has one of its own that begins with it.</summary>
    public const string KeyId = "durable-2026";

    private const int Unsound = 1;
    private const int Usage = 2;
    private const int NotFinished = 3;

    private static readonly Option<string> StoreOption = new("--store")
    {
        Description = "sqlite:FILE or postgres:CONNECTION-STRING. Default: a new SQLite file in the temporary folder.",
    };

    private static readonly Option<int> DeliveriesOption = Number("--deliveries", "How many webhooks to commit.", 20_000, 10_000_000);

    private static readonly Option<int> WorkersOption = Number("--workers", "How many worker processes.", 2, 16);

    private static readonly Option<int> ProducersOption = Number("--producers", "How many producer processes.", 3, 16);

    private static readonly Option<bool> ChaosOption = new("--chaos")
    {
        Description = "Kill, pause and stop workers while they deliver.",
    };

    private static readonly Option<int?> CyclesOption = new("--cycles")
    {
        Description = "With --chaos: how often each kind of event happens. Default: once for each 20,000 deliveries.",
    };

    private static readonly Option<string?> RestartOption = new("--restart-command")
    {
        Description = "With --chaos: a shell command that restarts the database's server. It must not fail.",
    };

    private static readonly Option<string?> AcceptedOption = new("--accepted")
    {
        Description = "Where the producers write a line of JSON for each committed webhook.",
    };

    private static readonly Option<string?> ReceivedOption = new("--received")
    {
        Description = "Where the receiver writes a line of JSON for each request.",
    };

    private static readonly Option<int> SeedOption = new("--seed")
    {
        Description = "Makes the chaos repeatable.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<int> LimitOption =
        Number("--time-limit", "After how many seconds a run that has not ended is given up.", 600, 86_400);

    private static readonly Option<bool> JsonOption = new("--json") { Description = "Print one JSON object in the last line." };

    private static async Task<int> Main(string[] args)
    {
        RootCommand root = new("A seller whose webhooks survive kill -9.")
        {
            StoreOption, DeliveriesOption, WorkersOption, ProducersOption, ChaosOption, CyclesOption, RestartOption, AcceptedOption,
            ReceivedOption, SeedOption, LimitOption, JsonOption,
        };
        Command work = new("work", "A worker process. Started by the seller itself.") { Hidden = true };
        work.SetAction((_, cancellationToken) => GuardedAsync(() => Worker.RunAsync(cancellationToken)));
        Command produce = new("produce", "A producer process. Started by the seller itself.") { Hidden = true };
        produce.SetAction((_, cancellationToken) => GuardedAsync(() => Producer.RunAsync(cancellationToken)));
        root.Subcommands.Add(work);
        root.Subcommands.Add(produce);
        root.SetAction((arguments, cancellationToken) => GuardedAsync(() => StartAsync(arguments, cancellationToken)));

        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count == 0)
        {
            // Workers finish their attempts on SIGTERM.
            return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });
        }

        foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync(error.Message);
        }

        return Usage;
    }

    /// <summary>Reports a fault in one line if its cause is known.</summary>
    private static async Task<int> GuardedAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception fault)
        {
            // Not the handler of System.CommandLine: its exit code, 1, means that a webhook was lost.
            await Console.Error.WriteLineAsync(fault is RunFault ? fault.Message : fault.ToString());
            return fault is RunFault { IsUsage: true } ? Usage : NotFinished;
        }
    }

    private static async Task<int> StartAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, KeyId);
        await using Receiver receiver = await Receiver.StartAsync(new LineWriter(arguments.GetValue(ReceivedOption)));
        string name = $"adcp-durable-{Environment.ProcessId}";
        Settings settings = new(
            Guid.NewGuid().ToString("N")[..12],
            arguments.GetValue(StoreOption) ?? "sqlite:" + Path.Combine(Path.GetTempPath(), name + ".db"),
            key.ExportPrivateJwk(), RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes), receiver.Urls,
            arguments.GetValue(DeliveriesOption),
            arguments.GetValue(AcceptedOption) ?? Path.Combine(Path.GetTempPath(), name + ".jsonl"),
            arguments.GetValue(ProducersOption));

        // Before the producers start, which write files beside it.
        await using (new LineWriter(settings.Accepted))
        {
        }

        await using Store store = Open(settings);
        await store.CreateAsync(cancellationToken);
        return await RunAsync(arguments, settings, store, receiver, cancellationToken);
    }

    /// <summary>Opens the store that an option names.</summary>
    /// <exception cref="RunFault">The option is wrong.</exception>
    private static Store Open(Settings settings)
    {
        try
        {
            return Store.Open(settings);
        }
        catch (Exception fault) when (fault is ArgumentException or DbException or IOException or UnauthorizedAccessException)
        {
            throw new RunFault(fault.Message) { IsUsage = true };
        }
    }

    private static async Task<int> RunAsync(
        ParseResult arguments, Settings settings, Store store, Receiver receiver, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        TimeSpan limit = TimeSpan.FromSeconds(arguments.GetValue(LimitOption));
        ends.CancelAfter(limit);
        await using Crew crew = new(settings, arguments.GetValue(WorkersOption));
        await using Producers producers = new(settings);
        Chaos chaos = new(settings, crew, producers, receiver, arguments.GetValue(SeedOption));
        long started = Stopwatch.GetTimestamp();
        OutboxStatus status;
        TimeSpan elapsed;
        int merged;
        try
        {
            crew.Start();
            if (arguments.GetValue(ChaosOption))
            {
                int cycles = arguments.GetValue(CyclesOption) ?? Math.Max(1, settings.Deliveries / 20_000);
                await chaos.RunAsync(cycles, arguments.GetValue(RestartOption), ends.Token);
            }

            await producers.FinishAsync(ends.Token);
            status = await Completion.WaitAsync(store.Outbox, () => receiver.Arrived.Count, Check, ends.Token);
            elapsed = Stopwatch.GetElapsedTime(started);

            // The last request may have come after the last check.
            receiver.Check();
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync(
                $"The run was given up after {Stopwatch.GetElapsedTime(started).TotalSeconds:N0} s, of {limit.TotalSeconds:N0} at most. "
                + $"It waited for {chaos.Phase}; {receiver.Arrived.Count:N0} of {settings.Deliveries:N0} webhooks had arrived.");
            return NotFinished;
        }
        finally
        {
            // A fault of the merge is printed, so that it does not replace the fault of the run.
            merged = await GuardedAsync(async () =>
            {
                await producers.MergeAcceptedAsync();
                return 0;
            });
        }

        if (merged != 0)
        {
            return merged;
        }

        await crew.DisposeAsync();
        Report report = Report.Of(settings.Accepted, receiver, status.Dead, chaos.Disturbances, crew.Losses, elapsed);
        if (report.Unexplained.Count > 0)
        {
            report.PrintUnexplained(Console.Error);
        }

        if (arguments.GetValue(JsonOption))
        {
            Console.WriteLine(report.ToJson());
        }
        else
        {
            report.Print(Console.Out);
        }

        return report.IsSound && report.Accepted == settings.Deliveries ? 0 : Unsound;

        void Check()
        {
            crew.Check();
            receiver.Check();
        }
    }

    private static Option<int> Number(string name, string description, int value, int max)
    {
        Option<int> option = new(name) { Description = $"{description} 1 to {max}.", DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Errors.Any() || result.GetValueOrDefault<int>() is var given && (given < 1 || given > max))
            {
                result.AddError($"{name} takes a whole number from 1 to {max}.");
            }
        });
        return option;
    }
}
