using System.Diagnostics;
using System.Globalization;

namespace DurableSeller;

/// <summary>
/// The worker processes of a run, and what happens to them: killed, paused past their lease, or told to stop, and
/// started again.
/// </summary>
internal sealed class Chaos(Settings settings, int workers, string? restartCommand, int seed) : IAsyncDisposable
{
    /// <summary>Longer than a worker's lease.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(7);

    private readonly List<Process> _workers = [];
    private readonly List<DateTimeOffset> _disturbances = [];
#pragma warning disable CA5394 // A seeded run is repeatable; no secret is drawn.
    private readonly Random _random = new(seed);
#pragma warning restore CA5394

    /// <summary>Gets the number of processes that were killed.</summary>
    public int Kills { get; private set; }

    /// <summary>Gets when a process was killed or paused, or the server restarted.</summary>
    public IReadOnlyList<DateTimeOffset> Disturbances => _disturbances;

    public static Process Start(Settings settings, string role)
    {
        string program = Environment.ProcessPath!;
        ProcessStartInfo start = new(program) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "DurableSeller.dll"));
        }

        start.ArgumentList.Add(role);
        settings.AddTo(start.Environment);
        return Process.Start(start)!;
    }

    public void StartWorkers()
    {
        for (int i = 0; i < workers; i++)
        {
            _workers.Add(Start(settings, "work"));
        }
    }

    /// <summary>Disturbs a worker every second or two until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        for (int turn = 1; !cancellationToken.IsCancellationRequested; turn++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(700 + Next(1500)), cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            int victim = Next(_workers.Count);
            if (restartCommand is not null && turn % 8 == 0)
            {
                Disturb();
                await RunShellAsync(restartCommand);
                Disturb();
            }
            else if (turn % 5 == 0)
            {
                Disturb();
                await SignalAsync(_workers[victim], "STOP");
                await Task.Delay(Pause, CancellationToken.None);
                Disturb();
                await SignalAsync(_workers[victim], "CONT");
            }
            else if (turn % 4 == 0)
            {
                await SignalAsync(_workers[victim], "TERM");
                await _workers[victim].WaitForExitAsync(CancellationToken.None);
                Restart(victim);
            }
            else
            {
                Disturb();
                _workers[victim].Kill();
                await _workers[victim].WaitForExitAsync(CancellationToken.None);
                Kills++;
                Restart(victim);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Process worker in _workers)
        {
            if (!worker.HasExited)
            {
                await SignalAsync(worker, "TERM");
                await worker.WaitForExitAsync();
            }

            worker.Dispose();
        }

        _workers.Clear();
    }

    private void Restart(int victim)
    {
        _workers[victim].Dispose();
        _workers[victim] = Start(settings, "work");
    }

    private void Disturb() => _disturbances.Add(TimeProvider.System.GetUtcNow());

#pragma warning disable CA5394 // As above.
    private int Next(int below) => _random.Next(below);
#pragma warning restore CA5394

    private static Task SignalAsync(Process process, string signal) =>
        RunShellAsync(string.Create(CultureInfo.InvariantCulture, $"kill -{signal} {process.Id}"));

    private static async Task RunShellAsync(string command)
    {
        using Process shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { UseShellExecute = false })!;
        await shell.WaitForExitAsync();
    }
}
