using System.Globalization;

namespace DurableSeller;

/// <summary>The worker processes of a run.</summary>
internal sealed class Crew(Settings settings, int size) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<ChildProcess> _workers = [];
    private readonly List<(string Worker, DateTimeOffset At)> _losses = [];
    private int _started;

    public IReadOnlyList<ChildProcess> Workers => _workers;

    /// <summary>Gets when workers lost their lease, including those that have ended.</summary>
    public IEnumerable<(string Worker, DateTimeOffset At)> Losses =>
        _losses.Concat(_workers.SelectMany(static worker => worker.Losses.Select(at => (worker.Name, at))));

    public void Start()
    {
        for (int i = 0; i < size; i++)
        {
            _workers.Add(StartOne());
        }
    }

    /// <summary>Starts another worker in the place of one that has ended.</summary>
    public async Task ReplaceAsync(ChildProcess ended)
    {
        _losses.AddRange(ended.Losses.Select(at => (ended.Name, at)));
        _workers[_workers.IndexOf(ended)] = StartOne();
        await ended.DisposeAsync();
    }

    /// <exception cref="RunFault">A worker has ended by itself.</exception>
    public void Check()
    {
        if (_workers.Find(static worker => worker.HasExited) is { } ended)
        {
            throw new RunFault($"Worker {ended.Name} has ended by itself with exit code {ended.ExitCode}.");
        }
    }

    /// <summary>Stops the workers. Those that do not stop are killed.</summary>
    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource ends = new(Patience);
        foreach (ChildProcess worker in _workers.Where(static worker => !worker.HasExited))
        {
            await worker.SignalAsync("CONT", CancellationToken.None);
            await worker.SignalAsync("TERM", CancellationToken.None);
        }

        foreach (ChildProcess worker in _workers)
        {
            await worker.ExitAsync(ends.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _losses.AddRange(worker.Losses.Select(at => (worker.Name, at)));
            await worker.DisposeAsync();
        }

        _workers.Clear();
    }

    /// <summary>Each process signs under a name of its own, so that the receivers can tell the senders apart.</summary>
    private ChildProcess StartOne()
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{Program.KeyId}-w{++_started}");
        return ChildProcess.Start(
            settings with { SigningJwk = settings.SigningJwk.Replace(Program.KeyId, name, StringComparison.Ordinal) }, "work", name);
    }
}
