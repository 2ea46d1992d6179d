using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Adcp.Aot.Storage.Tests.Samples;

/// <summary>samples/A2AStores as a process of its own, on a free port and a SQLite file.</summary>
internal sealed partial class A2AStoresProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder;
    private readonly Process _process;
    private readonly SemaphoreSlim _written;

    private A2AStoresProcess(DirectoryInfo folder, Process process, Uri url, ConcurrentQueue<string> lines, SemaphoreSlim written)
    {
        _folder = folder;
        _process = process;
        _written = written;
        Url = url;
        Lines = lines;
    }

    public Uri Url { get; }

    /// <summary>Its output, line by line.</summary>
    public ConcurrentQueue<string> Lines { get; }

    public static Task<A2AStoresProcess> StartAsync(int workMilliseconds = 1, params string[] more) =>
        StartAsync(Directory.CreateTempSubdirectory("a2a"), workMilliseconds, more);

    /// <summary>Starts the agent again on its database, after this process has ended.</summary>
    public Task<A2AStoresProcess> RestartAsync(params string[] more) => StartAsync(_folder, 1, more);

    public static string Message(string member = "\"text\":\"x\"", string configuration = "{}") =>
        $$$"""{"message":{"messageId":"1","role":"ROLE_USER","parts":[{{{{member}}}}]},"configuration":{{{configuration}}} }""";

    public static string Rpc(string method, string parameters) =>
        $$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{parameters}}}""";

    public async Task<(HttpStatusCode Status, string Body)> SendAsync(
        HttpMethod method, string path, string? body = null, Action<HttpRequestMessage>? with = null)
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(method, new Uri(Url, path));
        request.Headers.Add("A2A-Version", "1.0");
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        with?.Invoke(request);
        using HttpResponseMessage response = await http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Calls a method and returns its result.</summary>
    public async Task<JsonElement> CallAsync(string method, string parameters)
    {
        (HttpStatusCode _, string body) = await SendAsync(HttpMethod.Post, "a2a", Rpc(method, parameters));
        return JsonElement.Parse(body).GetProperty("result");
    }

    /// <summary>Waits until a line of the output has the text.</summary>
    public async Task WaitForLineAsync(string text)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!Lines.Any(line => line.Contains(text, StringComparison.Ordinal)))
        {
            await _written.WaitAsync(patience.Token);
        }
    }

    /// <summary>Asks the agent to stop as a service manager does, and waits until it has.</summary>
    public async Task StopAsync()
    {
        using Process signal = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await signal.WaitForExitAsync();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    /// <summary>Ends the agent by SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
        _folder.Refresh();
        if (_folder.Exists)
        {
            _folder.Delete(recursive: true);
        }
    }

    private static async Task<A2AStoresProcess> StartAsync(DirectoryInfo folder, int workMilliseconds, string[] more)
    {
        ProcessStartInfo start = new(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "A2AStores.dll"), "--store", "sqlite:" + Path.Combine(folder.FullName, "a2a.db"),
                "--key-file", Path.Combine(folder.FullName, "a2a.key"), "--port", "0", "--allow-private", "--work-ms",
                $"{workMilliseconds}",
                .. more,
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process = Process.Start(start)!;
        ConcurrentQueue<string> lines = new();
        SemaphoreSlim written = new(0);
        TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        process.OutputDataReceived += (_, line) =>
        {
            Keep(line.Data);
            if (Address().Match(line.Data ?? "") is { Success: true } address)
            {
                ready.TrySetResult(new Uri(address.Value));
            }
        };
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException(string.Join('\n', lines)));
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new A2AStoresProcess(folder, process, await ready.Task.WaitAsync(Patience), lines, written);

        void Keep(string? line)
        {
            lines.Enqueue(line ?? "");
            written.Release();
        }
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();
}
