using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ModelContextProtocol.Client;

namespace Adcp.Aot.Seller.Tests;

/// <summary>samples/Seller as a process of its own, on a free port.</summary>
internal sealed class SellerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;

    private SellerProcess(Process process, Uri url)
    {
        _process = process;
        Url = url;
    }

    public Uri Url { get; }

    public static async Task<SellerProcess> StartAsync(string version, int completeAfter)
    {
        int port = FreePort();
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[Program(), "--adcp", version, "--port", $"{port}", "--allow-private", "--complete-after", $"{completeAfter}"])
        {
            start.ArgumentList.Add(argument);
        }

        Process process = Process.Start(start)!;
        TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) =>
        {
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
        return new SellerProcess(process, new Uri($"http://127.0.0.1:{port}/"));
    }

    public Task<McpClient> ConnectAsync() => McpClient.CreateAsync(new HttpClientTransport(new HttpClientTransportOptions
    {
        Endpoint = new Uri(Url, "mcp"),
        TransportMode = HttpTransportMode.StreamableHttp,
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

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }

    private static string Program()
    {
        string configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
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
