using System.CommandLine;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Adcp.Aot.Benchmarks.Gates;
using Adcp.Aot.Benchmarks.Hostile;
using Adcp.Aot.Benchmarks.Http;
using static System.FormattableString;

namespace Adcp.Aot.Benchmarks.Attacks;

/// <summary>
/// <c>attacks</c>: floods a seller and a receiver in other processes, as callers and unauthenticated clients could, and
/// measures the service for the other callers. Exit code 1 if a figure is over its bound.
/// </summary>
internal static class AttacksCommand
{
    private const int Calls = 100;
    private const int Webhooks = 400;
    private const int Connections = 500;
    private const double Megabyte = 1e6;

    internal static Command Create()
    {
        Option<string> only = new("--only") { Description = "names, webhooks or drip; all if it is not set." };
        Command command = new("attacks", "Floods a seller and a receiver; exit code 1 if memory or latency is over its bound.") { only };
        command.SetAction(parsed => RunAsync(parsed.GetValue(only)));
        return command;
    }

    private static async Task<int> RunAsync(string? only)
    {
        List<HostileCheck> checks = [];
        if (only is null or "names")
        {
            checks.AddRange(await SilentNamesAsync("one tenant", static _ => "t0"));
            checks.AddRange(await SilentNamesAsync("a tenant each", static i => $"t{i}"));
        }

        if (only is null or "webhooks")
        {
            checks.AddRange(await UndeliverableAsync("one tenant", static _ => "t0"));
            checks.AddRange(await UndeliverableAsync("40 tenants", static i => $"t{i % 40}"));
        }

        if (only is null or "drip")
        {
            checks.AddRange(await DripAsync());
        }

        Console.WriteLine("| attack | bound | found | |");
        Console.WriteLine("|---|---|---|---|");
        foreach (HostileCheck check in checks)
        {
            Console.WriteLine(Invariant($"| {check.What} | {check.Expected} | {check.Found} | {(check.Holds ? "ok" : "FAILED")} |"));
        }

        return checks.TrueForAll(static check => check.Holds) ? 0 : 1;
    }

    /// <summary>Calls whose webhooks go to hosts with a silent name server, while the keys are read.</summary>
    private static async Task<HostileCheck[]> SilentNamesAsync(string who, Func<int, string> tenant)
    {
        using ReceiverProcess seller = new("attacks-seller", addresses: 1);
        using HttpClient http = new() { BaseAddress = new Uri(seller.Addresses[0]), Timeout = TimeSpan.FromMinutes(2) };

        // Compiles the measured code.
        await http.GetStringAsync("/.well-known/jwks.json");
        await CallAsync(http, "t0", "create_media_buy", Buy("http://127.0.0.1:1/"));
        Task attack = Task.WhenAll(Enumerable.Range(0, Calls).Select(i =>
            CallAsync(http, tenant(i), "create_media_buy", Buy($"https://h{i}{AttackedSeller.SilentZone}/"))));
        List<double> took = [];
        long began = Stopwatch.GetTimestamp();
        while (!attack.IsCompleted || Stopwatch.GetElapsedTime(began) < AttackedSeller.SilentFor)
        {
            long started = Stopwatch.GetTimestamp();
            await http.GetStringAsync("/.well-known/jwks.json");
            took.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            await Task.Delay(20);
        }

        await attack;
        string what = $"{Calls} calls with hosts whose DNS answers after 10 s ({who}): GET jwks.json, ";
        return
        [
            HostileCheck.AtMost(what + "median, ms", 100, Math.Round(Measurement.Median(took), 1)),
            HostileCheck.AtMost(what + "longest, ms", 1000, Math.Round(took.Max(), 1)),
        ];
    }

    /// <summary>Webhooks of 0.9 MB to a closed port, and then lists of their tasks.</summary>
    private static async Task<HostileCheck[]> UndeliverableAsync(string who, Func<int, string> tenant)
    {
        using ReceiverProcess seller = new("attacks-seller", addresses: 1);
        using HttpClient http = new() { BaseAddress = new Uri(seller.Addresses[0]), Timeout = TimeSpan.FromMinutes(5) };
        for (int i = 0; i < Webhooks; i++)
        {
            await CallAsync(http, tenant(i), "create_media_buy", Buy("http://127.0.0.1:1/"));
        }

        string ended = await CallAsync(http, "t0", "get_products", "{}");
        if (!ended.Contains($"\"ended\":{Webhooks}", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("Not all tasks were handed off and ended: " + ended);
        }

        long during = seller.ResidentBytes.Most;
        await Task.Delay(TimeSpan.FromSeconds(20));
        long now = seller.ResidentBytes.Now;
        const string ListAll = """{"pageSize":100,"includeArtifacts":true}""";
        int list = (await RpcAsync(http, "t0", "ListTasks", ListAll)).Length;
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => RpcAsync(http, "t0", "ListTasks", ListAll)));
        string what = $"{Webhooks} undeliverable webhooks of 0.9 MB ({who}): ";
        return
        [
            HostileCheck.AtMost(what + "most resident while they began, MB", 250, Math.Round(during / Megabyte, 1)),
            HostileCheck.AtMost(what + "resident after 20 s, MB", 250, Math.Round(now / Megabyte, 1)),
            HostileCheck.AtMost(what + "answer of ListTasks, MB", 4, Math.Round(list / Megabyte, 2)),
            HostileCheck.AtMost(
                what + "most resident ever, six ListTasks at once included, MB", 600,
                Math.Round(seller.ResidentBytes.Most / Megabyte, 1)),
        ];
    }

    /// <summary>Requests without a signature that announce a mebibyte, send most of it and drip the rest.</summary>
    private static async Task<HostileCheck[]> DripAsync()
    {
        using ReceiverProcess receiver = new("attacks-receiver", addresses: 1);
        Uri url = new(receiver.Addresses[0]);
        byte[] head = Encoding.ASCII.GetBytes(
            "POST /hook HTTP/1.1\r\nHost: buyer.example\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n");
        byte[] body = new byte[900_000];
        long most = 0;
        using CancellationTokenSource over = new(TimeSpan.FromSeconds(15));
        Task[] senders = [.. Enumerable.Range(0, Connections).Select(_ => SendAsync())];
        while (!over.IsCancellationRequested)
        {
            most = Math.Max(most, receiver.ResidentBytes.Now);
            await Task.Delay(50, CancellationToken.None);
        }

        await Task.WhenAll(senders);
        return
        [
            HostileCheck.AtMost(
                $"{Connections} unsigned connections that drip bodies: most resident of the receiver, MB", 150,
                Math.Round(Math.Max(most, receiver.ResidentBytes.Most) / Megabyte, 1)),
        ];

        async Task SendAsync()
        {
            try
            {
                using TcpClient client = new();
                await client.ConnectAsync(url.Host, url.Port, over.Token);
                NetworkStream stream = client.GetStream();
                await stream.WriteAsync(head, over.Token);
                await stream.WriteAsync(body, over.Token);
                while (true)
                {
                    await stream.WriteAsync(body.AsMemory(0, 1), over.Token);
                    await Task.Delay(100, over.Token);
                }
            }
            catch (Exception fault) when (fault is IOException or SocketException or OperationCanceledException)
            {
                // Refused, which is the aim, or the time is over.
            }
        }
    }

    private static string Buy(string url) =>
        $$"""{"idempotency_key":"{{Guid.NewGuid()}}","push_notification_config":{"url":"{{url}}","operation_id":"op_1"} }""";

    private static Task<string> CallAsync(HttpClient http, string tenant, string tool, string arguments) => RpcAsync(
        http, tenant, "SendMessage",
        $$"""{"message":{"messageId":"m1","role":"ROLE_USER","parts":[{"data":{"skill":"{{tool}}","input":{{arguments}} } }]} }""");

    private static async Task<string> RpcAsync(HttpClient http, string tenant, string method, string parameters)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/a2a")
        {
            Content = new StringContent(
                $$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tenant);
        request.Headers.Add("A2A-Version", "1.0");
        request.Headers.Add("A2A-Extensions", "https://adcontextprotocol.org/extensions/adcp/v3");
        using HttpResponseMessage response = await http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync();
    }
}
