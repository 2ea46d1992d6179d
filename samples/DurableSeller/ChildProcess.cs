using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace DurableSeller;

/// <summary>A worker or producer of the run. It ends by itself if the coordinator dies, because its input then ends.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const string Loss = "lost ";

    private readonly Process _process;
    private readonly ConcurrentQueue<DateTimeOffset> _losses = [];
    private readonly Task _reading;

    private ChildProcess(Process process, string name)
    {
        _process = process;
        Name = name;
        _reading = ReadAsync();
    }

    /// <summary>Gets the name, which is also the key id of a worker's signatures.</summary>
    public string Name { get; }

    /// <summary>Gets when the worker lost its lease although nothing was done to it, as on a machine without free processors.</summary>
    public IReadOnlyCollection<DateTimeOffset> Losses => _losses;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Says to the coordinator that the lease of this worker was lost.</summary>
    public static void ReportLoss() =>
        Console.WriteLine(Loss + TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));

    public static ChildProcess Start(Settings settings, string role, string name)
    {
        string program = Environment.ProcessPath!;
        ProcessStartInfo start = new(program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "DurableSeller.dll"));
        }

        start.ArgumentList.Add(role);
        settings.AddTo(start.Environment);
        return new ChildProcess(Process.Start(start)!, name);
    }

    /// <summary>Writes a line to the process. It may have ended.</summary>
    public async Task TellAsync(int number)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(number.ToString(CultureInfo.InvariantCulture));
            await _process.StandardInput.FlushAsync();
        }
        catch (IOException)
        {
            // Whoever waits for the process reports its exit code.
        }
    }

    public Task SignalAsync(string signal, CancellationToken cancellationToken) =>
        Shell.RunAsync(string.Create(CultureInfo.InvariantCulture, $"kill -{signal} {_process.Id}"), cancellationToken);

    public async Task KillAsync(CancellationToken cancellationToken)
    {
        _process.Kill();
        await ExitAsync(cancellationToken);
    }

    public async Task ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        await _reading;
    }

    /// <summary>Kills the process if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(Loss, StringComparison.Ordinal))
            {
                _losses.Enqueue(DateTimeOffset.Parse(line[Loss.Length..], CultureInfo.InvariantCulture));
            }
            else
            {
                await Console.Error.WriteLineAsync($"{Name}: {line}");
            }
        }
    }
}
