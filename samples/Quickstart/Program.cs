using System.CommandLine;
using Adcp.Aot;
using Quickstart;

// A seller (Seller.cs) delivers completions to a buyer (Buyer.cs) in the same process. The buyer misbehaves on purpose (Faults.cs), and
// an intruder tries to deliver too (Intruder.cs). At the end the run is summed up (Report.cs): nothing may be lost or corrupt.
Option<int> deliveries = Positive("--deliveries", "How many completions to deliver.", 2000, 1_000_000);
Option<int> endpoints = Positive("--endpoints", "How many buyers' endpoints.", 50, 10_000);
Option<int> concurrency = Positive("--concurrency", "Deliveries under way at a time.", 64, 4096);
Option<string> faults = new("--faults")
{
    Description = "none, or mixed: 503 bursts, hangs, resets, 409, 429, slow drips, a forged and a stale signature.",
    DefaultValueFactory = _ => "mixed",
};
faults.AcceptOnlyFromAmong("none", "mixed");
Option<int> seed = new("--seed") { Description = "Makes the faults repeatable.", DefaultValueFactory = _ => 1 };
Option<string> audit = new("--audit")
{
    Description = "The file of the JSON Lines audit log.",
    DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), $"adcp-quickstart-{Environment.ProcessId}.jsonl"),
};
Option<bool> json = new("--json") { Description = "Print one JSON object and nothing else." };

RootCommand root = new("A seller delivers signed AdCP webhooks to a buyer that misbehaves.")
{
    deliveries, endpoints, concurrency, faults, seed, audit, json,
};
root.SetAction(async (arguments, cancellationToken) =>
{
    bool quiet = arguments.GetValue(json);
    int total = arguments.GetValue(deliveries);
    string path = arguments.GetValue(audit)!;
    bool mixed = arguments.GetValue(faults) == "mixed";
    using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "quickstart-2026");
    await using Buyer buyer = await Buyer.StartAsync(SigningKey.ExportJwks([key]), new Faults(mixed, arguments.GetValue(seed)));
    Seller seller;
    try
    {
        seller = new Seller(key, buyer.BaseUrl, arguments.GetValue(endpoints), path);
    }
    catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
    {
        await Console.Error.WriteLineAsync($"The audit log cannot be written: {fault.Message}");
        return 2;
    }

    if (!quiet)
    {
        Console.WriteLine(
            $"Delivering {total:N0} signed webhooks to {arguments.GetValue(endpoints):N0} endpoints at {buyer.BaseUrl}, "
            + $"faults {arguments.GetValue(faults)}.");
    }

    Delivered[] results = new Delivered[total];
    int done = 0;
    long started = TimeProvider.System.GetTimestamp();
    using PeriodicTimer ticks = new(TimeSpan.FromMilliseconds(Console.IsOutputRedirected ? 2000 : 250));
    Task progress = quiet ? Task.CompletedTask : ShowAsync();
    ParallelOptions parallel = new() { MaxDegreeOfParallelism = arguments.GetValue(concurrency), CancellationToken = cancellationToken };
    await Parallel.ForAsync(0, total, parallel, async (i, token) =>
    {
        results[i] = await seller.DeliverAsync(i, token);
        Interlocked.Increment(ref done);
    });
    TimeSpan elapsed = TimeProvider.System.GetElapsedTime(started);
    if (mixed)
    {
        await Intruder.IntrudeAsync(key, buyer.BaseUrl, cancellationToken);
    }

    ticks.Dispose();
    await progress;
    await seller.DisposeAsync();

    Report report = Report.Of(results, buyer, seller, intrusions: mixed ? 1 : 0, elapsed, path);
    if (quiet)
    {
        Console.WriteLine(report.ToJson());
    }
    else
    {
        report.Print(Console.Out);
    }

    return report.IsSound ? 0 : 1;

    async Task ShowAsync()
    {
        while (await ticks.WaitForNextTickAsync(CancellationToken.None))
        {
            string line =
                $"  {Volatile.Read(ref done):N0} of {total:N0} done, {buyer.Requests:N0} requests, {seller.Openings:N0} breaker openings";
            Console.Write(Console.IsOutputRedirected ? line + Environment.NewLine : "\r" + line.PadRight(78));
        }

        Console.Write(Console.IsOutputRedirected ? "" : "\r".PadRight(79) + "\r");
    }
});

ParseResult parsed = root.Parse(args);
if (parsed.Errors.Count == 0)
{
    return await parsed.InvokeAsync();
}

foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
{
    await Console.Error.WriteLineAsync(error.Message);
}

return 2;

static Option<int> Positive(string name, string description, int value, int max)
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
