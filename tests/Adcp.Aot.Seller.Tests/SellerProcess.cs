using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ModelContextProtocol.Client;

namespace Adcp.Aot.Seller.Tests;

/// <summary>samples/Seller as a process of its own, on a free port.</summary>
internal sealed class SellerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly string? _folder;

    private SellerProcess(Process process, Uri url, string store, string? folder, ConcurrentQueue<string> lines)
    {
        Lines = lines;
        _process = process;
        _folder = folder;
        Url = url;
        Store = store;
    }

    /// <summary>The file of its store, deleted with the process that created it.</summary>
    public string Store { get; }

    public Uri Url { get; }

    /// <summary>Its output, line by line.</summary>
    public ConcurrentQueue<string> Lines { get; }

    public static Task<SellerProcess> StartAsync(
        string version, int completeAfter, SellerProcess? after = null, params string[] principals) =>
        LaunchAsync(version, completeAfter, after, [.. principals.SelectMany(principal => new[] { "--principal", principal })]);

    public static async Task<SellerProcess> LaunchAsync(string version, int completeAfter, SellerProcess? after, params string[] more)
    {
        string? folder = after is null ? Directory.CreateTempSubdirectory("seller-").FullName : null;
        string store = after?.Store ?? Path.Combine(folder!, "seller.db");
        int port = FreePort();
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Program(), "--adcp", version, "--port", $"{port}", "--allow-private",
            "--complete-after", $"{completeAfter}", "--store", store,
            .. more])
        {
            start.ArgumentList.Add(argument);
        }

        Process process = Process.Start(start)!;
        TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ConcurrentQueue<string> lines = new();
        process.OutputDataReceived += (_, line) =>
        {
            lines.Enqueue(line.Data ?? "");
            if (line.Data?.Contains("MCP:", StringComparison.Ordinal) == true)
            {
                ready.TrySetResult();
            }
        };
        process.ErrorDataReceived += (_, _) => { };
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException("The seller ended before it served."));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await ready.Task.WaitAsync(Patience);
        return new SellerProcess(process, new Uri($"http://127.0.0.1:{port}/"), store, folder, lines);
    }

    /// <summary>Starts a seller that cannot serve, and waits until it has ended.</summary>
    public static async Task<(int ExitCode, string Errors)> FailAsync(string store)
    {
        ProcessStartInfo start = new("dotnet", [Program(), "--port", $"{FreePort()}", "--store", store])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, await errors);
    }

    public Task<McpClient> ConnectAsync(string? token = null) =>
        McpClient.CreateAsync(new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(Url, "mcp"),
            TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = token is null ? null : new Dictionary<string, string> { ["Authorization"] = "Bearer " + token },
        }));

    /// <summary>Asks the seller to stop, which drains its webhooks, and waits until it has.</summary>
    public async Task StopAsync()
    {
        if (!_process.HasExited)
        {
            // .NET ends a process only by force; the signal is the ordinary way of a service manager.
            using Process signal = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
            await signal.WaitForExitAsync();
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
    }

    /// <summary>Ends the seller as a crash of its machine would.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    /// <summary>Calls an A2A method.</summary>
    /// <returns>The whole answer.</returns>
    public async Task<JsonElement> A2AAsync(string method, string parameters, string? token = null)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(Url, "a2a"))
        {
            Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""",
                Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("A2A-Version", "1.0");
        request.Headers.Add("A2A-Extensions", "https://adcontextprotocol.org/extensions/adcp/v3");
        if (token is not null)
        {
            request.Headers.Add("Authorization", "Bearer " + token);
        }

        using HttpResponseMessage response = await http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static string Program()
    {
        // The sample is built in the configuration of the tests, which are in bin/CONFIGURATION/net10.0.
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "samples", "Seller", "bin", configuration, "net10.0", "Seller.dll");
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new FileNotFoundException("samples/Seller is not built.");
    }

    private static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
