using System.Collections.Concurrent;

namespace DurableSeller;

/// <summary>Keeps requests without an answer until it is disposed, and counts them by the process that sent them.</summary>
internal sealed class Hold(IEnumerable<int> ports) : IDisposable
{
    private readonly HashSet<int> _ports = [.. ports];
    private readonly ConcurrentDictionary<string, int> _waiting = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Returns the number of requests of a worker that wait.</summary>
    public int Of(string worker) => _waiting.GetValueOrDefault(worker);

    public async Task WaitAsync(int port, string worker, CancellationToken cancellationToken)
    {
        if (!_ports.Contains(port) || _released.Task.IsCompleted)
        {
            return;
        }

        _waiting.AddOrUpdate(worker, 1, static (_, count) => count + 1);
        try
        {
            await _released.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            _waiting.AddOrUpdate(worker, 0, static (_, count) => count - 1);
        }
    }

    public void Dispose() => _released.TrySetResult();
}
