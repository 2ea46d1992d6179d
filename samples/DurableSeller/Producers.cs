namespace DurableSeller;

/// <summary>The producer processes of a run. They commit as many orders as they may.</summary>
internal sealed class Producers : IAsyncDisposable
{
    private readonly Settings _settings;
    private readonly List<ChildProcess> _producers;

    public Producers(Settings settings)
    {
        _settings = settings;
        Settings[] all = [.. Enumerable.Range(0, settings.Producers).Select(i => settings with { Producer = i })];
        foreach (Settings one in all)
        {
            Empty(one.AcceptedPart);
        }

        _producers = [.. all.Select(static one => ChildProcess.Start(one, "produce", $"producer {one.Producer}"))];
    }

    /// <summary>Returns the origins that the webhooks of a part go to, in the order of all origins.</summary>
    public string[] OriginsOf(int part, int parts)
    {
        HashSet<int> numbers = [];
        for (int producer = 0; producer < _settings.Producers; producer++)
        {
            for (int i = Allowed(part - 1, parts); i < Allowed(part, parts) && numbers.Count < _settings.Origins.Length; i++)
            {
                numbers.Add(((i * _settings.Producers) + producer) % _settings.Origins.Length);
            }
        }

        return [.. numbers.Order().Select(number => _settings.Origins[number])];
    }

    /// <summary>Allows a part of all orders.</summary>
    public async Task AllowAsync(int part, int parts)
    {
        foreach (ChildProcess producer in _producers)
        {
            await producer.TellAsync(Allowed(part, parts));
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

    /// <summary>
    /// Kills the producers that still run, and makes one file of the files that they wrote. If one of these cannot be read, the others are
    /// in the file.
    /// </summary>
    /// <exception cref="RunFault">A producer's file cannot be read, or the one file cannot be written.</exception>
    public async Task MergeAcceptedAsync()
    {
        await DisposeAsync();
        RunFault? unreadable = null;
        try
        {
            await using FileStream all = new(_settings.Accepted, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = 0, // so that a part is deleted after all of it was written
            });
            for (int i = 0; i < _settings.Producers; i++)
            {
                string part = (_settings with { Producer = i }).AcceptedPart;
                try
                {
                    await AppendAsync(part, all);
                    File.Delete(part);
                }
                catch (RunFault fault)
                {
                    unreadable ??= fault;
                }
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw RunFault.Unwritable(_settings.Accepted, fault);
        }

        if (unreadable is not null)
        {
            throw unreadable;
        }
    }

    /// <summary>Kills the producers that still run.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (ChildProcess producer in _producers)
        {
            await producer.DisposeAsync();
        }

        _producers.Clear();
    }

    /// <summary>Creates or empties a producer's file. A run that was killed may have left its lines in it.</summary>
    /// <exception cref="RunFault">The file cannot be written.</exception>
    private static void Empty(string part)
    {
        try
        {
            File.WriteAllBytes(part, []);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw RunFault.Unwritable(part, fault, isUsage: true);
        }
    }

    /// <exception cref="RunFault">The part cannot be read.</exception>
    private static async Task AppendAsync(string part, FileStream all)
    {
        await using FileStream one = Open(part);
        byte[] buffer = new byte[64 * 1024];
        while (await ReadAsync(one, buffer) is > 0 and int count)
        {
            await all.WriteAsync(buffer.AsMemory(0, count));
        }
    }

    private static FileStream Open(string part)
    {
        try
        {
            return File.OpenRead(part);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw RunFault.Unreadable(part, fault);
        }
    }

    private static async Task<int> ReadAsync(FileStream part, byte[] buffer)
    {
        try
        {
            return await part.ReadAsync(buffer);
        }
        catch (IOException fault)
        {
            throw RunFault.Unreadable(part.Name, fault);
        }
    }

    /// <summary>Returns how many orders each producer may have committed after a part.</summary>
    private int Allowed(int part, int parts) => (int)((long)_settings.Deliveries * part / parts / _settings.Producers);
}
