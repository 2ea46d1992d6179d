using System.Diagnostics;
using System.Globalization;
using System.Net;
using Adcp.Aot.Benchmarks.Peers;

// Usage: dotnet run -c Release -- [--rows N] [--rounds N] [PEER...], with ADCP_TEST_POSTGRES. Each peer enqueues one webhook in a
// transaction, with 8 producers, and delivers it by the same signed POST with up to 64 at a time. Peers take turns; each has a process and
// a schema of its own.
if (args is ["receiver"])
{
    await ReceiveAsync();
    return 0;
}

if (args is ["run", var name, var url, var count])
{
    double rate = await Peers.RunAsync(name, url, int.Parse(count, CultureInfo.InvariantCulture));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rate {rate:0.0}"));
    Environment.Exit(0); // Some peers take a minute to stop.
}

int rows = 5_000, rounds = 3;
List<string> chosen = [];
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--rows":
            rows = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--rounds":
            rounds = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        default:
            chosen.Add(args[i]);
            break;
    }
}

string[] all = [.. Peers.Names.Where(peer => chosen.Count == 0 || chosen.Contains(peer))];
Dictionary<string, List<double>> rates = all.ToDictionary(static peer => peer, static _ => new List<double>());
using Process receiver = Self("receiver");
string origin = receiver.StandardOutput.ReadLine()!;
for (int round = 0; round < rounds; round++)
{
    foreach (string peer in all)
    {
        using Process run = Self("run", peer, origin + "/hook", rows.ToString(CultureInfo.InvariantCulture));
        string? line = null;
        while (await run.StandardOutput.ReadLineAsync() is { } next)
        {
            line = next.StartsWith("rate ", StringComparison.Ordinal) ? next[5..] : line;
        }

        await run.WaitForExitAsync();
        double rate = line is null ? double.NaN : double.Parse(line, CultureInfo.InvariantCulture);
        rates[peer].Add(rate);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round + 1}, {peer}: {rate:N0} deliveries a second"));
    }
}

foreach ((string peer, List<double> values) in rates)
{
    values.Sort();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{peer}: median {values[values.Count / 2]:N0} deliveries a second"));
}

receiver.StandardInput.Close();
await receiver.WaitForExitAsync();
return 0;

static Process Self(params string[] arguments)
{
    ProcessStartInfo start = new(Environment.ProcessPath!, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
    return Process.Start(start)!;
}

static async Task ReceiveAsync()
{
    WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
    builder.Logging.ClearProviders();
    builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
    await using WebApplication app = builder.Build();
    app.Run(static async context =>
    {
        await context.Request.Body.CopyToAsync(Stream.Null);
        context.Response.ContentLength = 0;
    });
    await app.StartAsync();
    Console.WriteLine(app.Urls.First());
    while (await Console.In.ReadLineAsync() is not null)
    {
    }
}
