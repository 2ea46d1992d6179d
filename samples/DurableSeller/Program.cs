using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using Adcp.Aot;
using Adcp.Aot.Storage;
using DurableSeller;

// A seller commits orders and their webhooks together (Producer.cs). Worker processes deliver them (Worker.cs) to buyers on loopback
// (Receiver.cs), while they are killed, paused and restarted (Chaos.cs). At the end the run is summed up (Report.cs).
Option<string> storeOption = new("--store")
{
    Description = "sqlite:FILE or postgres:CONNECTION-STRING. Default: a new SQLite file in the temporary folder.",
};
Option<int> deliveriesOption = Number("--deliveries", "How many webhooks to commit.", 20_000, 10_000_000);
Option<int> workersOption = Number("--workers", "How many worker processes.", 2, 16);
Option<bool> chaosOption = new("--chaos") { Description = "Kill, pause and stop workers while they deliver." };
Option<string?> restartOption = new("--restart-command")
{ Description = "With --chaos: a shell command that restarts the database's server now and then." };
Option<string?> acceptedOption = new("--accepted") { Description = "Where the producer writes a line of JSON for each committed webhook." };
Option<string?> receivedOption = new("--received")
{ Description = "Where the receiver writes a line of JSON for each webhook that it took." };
Option<int> seedOption = new("--seed") { Description = "Makes the chaos repeatable.", DefaultValueFactory = _ => 1 };
Option<bool> jsonOption = new("--json") { Description = "Print one JSON object in the last line." };

RootCommand root = new("A seller whose webhooks survive kill -9.")
{
    storeOption, deliveriesOption, workersOption, chaosOption, restartOption, acceptedOption, receivedOption, seedOption, jsonOption,
};
Command work = new("work", "A worker process. Started by the seller itself.") { Hidden = true };
work.SetAction((_, cancellationToken) => Worker.RunAsync(cancellationToken));
Command produce = new("produce", "The producer process. Started by the seller itself.") { Hidden = true };
produce.SetAction((_, cancellationToken) => Producer.RunAsync(cancellationToken));
root.Subcommands.Add(work);
root.Subcommands.Add(produce);
root.SetAction(RunAsync);

ParseResult parsed = root.Parse(args);
if (parsed.Errors.Count == 0)
{
    // Workers finish their attempts on SIGTERM.
    return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
}

foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
{
    await Console.Error.WriteLineAsync(error.Message);
}

return 2;

async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
{
    using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "durable-2026");
    await using Receiver receiver = await Receiver.StartAsync(arguments.GetValue(receivedOption));
    string name = $"adcp-durable-{Environment.ProcessId}";
    string accepted = arguments.GetValue(acceptedOption) ?? Path.Combine(Path.GetTempPath(), name + ".jsonl");
    Settings settings = new(
        Guid.NewGuid().ToString("N")[..12],
        arguments.GetValue(storeOption) ?? "sqlite:" + Path.Combine(Path.GetTempPath(), name + ".db"),
        key.ExportPrivateJwk(), RandomNumberGenerator.GetBytes(EncryptionKey.SizeInBytes), receiver.Urls,
        arguments.GetValue(deliveriesOption), accepted);
    Store store;
    try
    {
        store = Store.Open(settings);
    }
    catch (Exception fault) when (fault is ArgumentException or IOException or UnauthorizedAccessException)
    {
        await Console.Error.WriteLineAsync(fault.Message);
        return 2;
    }

    await using (store)
    {
        await store.CreateAsync();
        await using Chaos chaos = new(settings, arguments.GetValue(workersOption), arguments.GetValue(restartOption),
            arguments.GetValue(seedOption));
        long started = Stopwatch.GetTimestamp();
        using Process producer = Chaos.Start(settings, "produce");
        chaos.StartWorkers();
        using CancellationTokenSource calm = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task disturbing = arguments.GetValue(chaosOption) ? chaos.RunAsync(calm.Token) : Task.CompletedTask;
        await producer.WaitForExitAsync(cancellationToken);
        await calm.CancelAsync();
        await disturbing;
        OutboxStatus status = await Completion.WaitAsync(store.Outbox, () => receiver.Arrived.Count, cancellationToken);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        await chaos.DisposeAsync();
        Report report = Report.Of(Report.ReadAccepted(accepted), receiver.Arrived, status.Dead, chaos, elapsed);
        if (arguments.GetValue(jsonOption))
        {
            Console.WriteLine(report.ToJson());
        }
        else
        {
            report.Print(Console.Out);
        }

        return report.IsSound && report.Accepted == settings.Deliveries && producer.ExitCode == 0 ? 0 : 1;
    }
}

static Option<int> Number(string name, string description, int value, int max)
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
