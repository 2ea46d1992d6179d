namespace DurableSeller;

/// <summary>The producer processes of a run. They commit as many orders as they may.</summary>
internal sealed class Producers : IAsyncDisposable
{
    private readonly Settings _settings;
    private readonly ChildProcess[] _producers;

    public Producers(Settings settings)
    {
        _settings = settings;
        _producers = [.. Enumerable.Range(0, settings.Producers)
            .Select(i => ChildProcess.Start(settings with { Producer = i }, "produce", $"producer {i}"))];
    }

    /// <summary>Allows a part of all orders.</summary>
    public async Task AllowAsync(int part, int parts)
    {
        foreach (ChildProcess producer in _producers)
        {
            await producer.TellAsync((int)((long)_settings.Deliveries * part / parts / _settings.Producers));
        }
    }

    /// <summary>Allows everything and waits until it is committed.</summary>
    /// <exception cref="RunFault">A producer failed.</exception>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        foreach (ChildProcess producer in _producers)
        {
            await producer.TellAsync(_settings.Deliveries);
        }

        foreach (ChildProcess producer in _producers)
        {
            await producer.ExitAsync(cancellationToken);
            if (producer.ExitCode != 0)
            {
                throw new RunFault($"{producer.Name} ended with exit code {producer.ExitCode}.");
            }
        }
    }

    /// <summary>Makes one file of the files that the producers wrote.</summary>
    /// <exception cref="RunFault">The file cannot be written.</exception>
    public async Task MergeAcceptedAsync()
    {
        try
        {
            await using FileStream all = new(_settings.Accepted, FileMode.Create);
            for (int i = 0; i < _producers.Length; i++)
            {
                string part = (_settings with { Producer = i }).AcceptedPart;
                await using (FileStream one = File.OpenRead(part))
                {
                    await one.CopyToAsync(all);
                }

                File.Delete(part);
            }
        }
        catch (IOException fault)
        {
            throw RunFault.Unwritable(_settings.Accepted, fault);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ChildProcess producer in _producers)
        {
            await producer.DisposeAsync();
        }
    }
}
