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

    private static async Task<int> Main(string[] args)
    {
        RootCommand root = new("A seller whose webhooks survive kill -9.");
        foreach (Option option in Options.All)
        {
            root.Options.Add(option);
        }

        Command work = new("work", "A worker process. Started by the seller itself.") { Hidden = true };
        work.SetAction((_, cancellationToken) => GuardedAsync(() => Worker.RunAsync(cancellationToken)));
        Command produce = new("produce", "A producer process. Started by the seller itself.") { Hidden = true };
        produce.SetAction((_, cancellationToken) => GuardedAsync(() => Producer.RunAsync(cancellationToken)));
        root.Subcommands.Add(work);
        root.Subcommands.Add(produce);
        root.SetAction((arguments, cancellationToken) => GuardedAsync(() => StartAsync(arguments, cancellationToken)));

        ParseResult parsed = root.Parse(args);
        string[] faults = [.. parsed.Errors.Select(static error => error.Message)];
        if (faults.Length == 0 && parsed.CommandResult.Command == root && Options.Contradiction(parsed) is { } fault)
        {
            faults = [fault];
        }

        if (faults.Length == 0)
        {
            // Workers finish their attempts on SIGTERM.
            return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });
        }

        foreach (string one in faults)
        {
            await Console.Error.WriteLineAsync(one);
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
        await using Receiver receiver = await Receiver.StartAsync(new LineWriter(arguments.GetValue(Options.Received)));
        string name = $"adcp-durable-{Environment.ProcessId}";
        Settings settings = new(
            Guid.NewGuid().ToString("N")[..12],
            arguments.GetValue(Options.Store) ?? "sqlite:" + Path.Combine(Path.GetTempPath(), name + ".db"),
            key.ExportPrivateJwk(), RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes), receiver.Urls,
            arguments.GetValue(Options.Deliveries),
            arguments.GetValue(Options.Accepted) ?? Path.Combine(Path.GetTempPath(), name + ".jsonl"),
            arguments.GetValue(Options.Producers));

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
            throw new RunFault($"--store cannot be opened: {fault.Message}") { IsUsage = true };
        }
    }

    private static async Task<int> RunAsync(
        ParseResult arguments, Settings settings, Store store, Receiver receiver, CancellationToken cancellationToken)
    {
        using CancellationTokenSource ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        TimeSpan limit = TimeSpan.FromSeconds(arguments.GetValue(Options.TimeLimit));
        ends.CancelAfter(limit);
        await using Crew crew = new(settings, arguments.GetValue(Options.Workers));
        await using Producers producers = new(settings);
        Chaos chaos = new(settings, crew, producers, receiver, arguments.GetValue(Options.Seed) ?? 1);
        long started = Stopwatch.GetTimestamp();
        OutboxStatus status;
        TimeSpan elapsed;
        int merged;
        try
        {
            crew.Start();
            if (arguments.GetValue(Options.Chaos))
            {
                await chaos.RunAsync(Options.CyclesOf(arguments), arguments.GetValue(Options.RestartCommand), ends.Token);
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

        if (arguments.GetValue(Options.Json))
        {
            Console.WriteLine(report.ToJson());
        }
        else
        {
            report.Print(Console.Out);
        }

        if (report.Accepted != settings.Deliveries)
        {
            await Console.Error.WriteLineAsync(
                $"{settings.Accepted} has {report.Accepted:N0} of {settings.Deliveries:N0} webhooks. A producer did not write the others.");
        }

        return report.IsSound && report.Accepted == settings.Deliveries ? 0 : Unsound;

        void Check()
        {
            crew.Check();
            receiver.Check();
        }
    }
}
