using System.CommandLine;
using Adcp.Aot.Benchmarks.Attacks;
using Adcp.Aot.Benchmarks.Engine;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Hostile;
using Adcp.Aot.Benchmarks.Http;
using Adcp.Aot.Benchmarks.Outbox;
using Adcp.Aot.Benchmarks.Storage;
using BenchmarkDotNet.Running;

// Options without a command are BenchmarkDotNet's.
if (args is [['-', ..], ..] and not ["-h" or "-?" or "--help"])
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
    return 0;
}

RootCommand root =
    new("What Adcp.Aot costs beside its peers and floors. Without a command, BenchmarkDotNet's options: --filter '*' -i runs its suites.")
{
    GatesCommand.Create(),
    GatesCommand.CreateMeasure(),
    SinkComparison.Create(),
    StoreComparison.Create(),
    OutboxCommand.Create(),
    OutboxCommand.CreateWorker(),
    DeadLettersCommand.Create(),
    Scale.Create(),
    Profile.Create(),
    Spin.Create(),
    HostileCommand.Create(),
    HostileCommand.CreateReceiver(),
    AttacksCommand.Create(),
    AttackedSeller.Create(),
    AttackedReceiver.Create(),
    Idle.Create(),
    Receiver.Create(),
};
ParseResult parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (string error in parsed.Errors.Select(static error => error.Message).Distinct())
    {
        Console.Error.WriteLine(error);
    }

    return 2;
}

return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
