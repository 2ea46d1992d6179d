using System.Data.Common;
using System.Threading.Channels;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>The peer: leases rows, sends them with 64 callers, and deletes those that were delivered during the last deletion.</summary>
internal sealed class RowLeases(RowQueue queue, DbDataSource source, Func<PreparedWebhook, Task> send, RowCipher? cipher = null)
{
    private const int Callers = 64;
    private const int Page = 500;
    private const int MostInMemory = 2048;
    private const int MostDeleted = 2000;

    private readonly Channel<(long Id, string Url, string Key, byte[] Body)> _ready =
        Channel.CreateUnbounded<(long, string, string, byte[])>();

    private readonly Channel<long> _delivered = Channel.CreateUnbounded<long>();
    private readonly Dictionary<string, WebhookDestination> _destinations = new(StringComparer.Ordinal);
    private int _inMemory;

    /// <summary>Delivers until a number of rows was deleted.</summary>
    internal async Task RunAsync(int count)
    {
        using CancellationTokenSource done = new();
        Task claiming = ClaimAsync(done.Token);
        Task[] sending = [.. Enumerable.Range(0, Callers).Select(_ => SendAsync())];
        await DeleteAsync(count);
        await done.CancelAsync();
        await claiming;
        _ready.Writer.Complete();
        await Task.WhenAll(sending);
    }

    private async Task ClaimAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        await using DbConnection connection = await source.OpenConnectionAsync(CancellationToken.None);
        while (!cancellationToken.IsCancellationRequested)
        {
            int room = MostInMemory - Volatile.Read(ref _inMemory);
            List<(long Id, string Url, string Key, byte[] Body)> rows =
                room < Page / 4 ? [] : await queue.ClaimAsync(connection, Math.Min(room, Page));
            Interlocked.Add(ref _inMemory, rows.Count);
            foreach ((long Id, string Url, string Key, byte[] Body) row in rows)
            {
                _ready.Writer.TryWrite(row);
            }

            if (rows.Count == 0)
            {
                await Task.Delay(2, CancellationToken.None);
            }
        }
    }

    private async Task SendAsync()
    {
        await Task.Yield();
        await foreach ((long id, string url, string key, byte[] body) in _ready.Reader.ReadAllAsync())
        {
            await send(new PreparedWebhook(Destination(url), cipher?.Decrypt(body, key) ?? body, key));
            _delivered.Writer.TryWrite(id);
        }
    }

    private async Task DeleteAsync(int count)
    {
        await Task.Yield();
        await using DbConnection connection = await source.OpenConnectionAsync();
        List<long> ids = [];
        for (int deleted = 0; deleted < count && await _delivered.Reader.WaitToReadAsync();)
        {
            ids.Clear();
            while (ids.Count < MostDeleted && _delivered.Reader.TryRead(out long id))
            {
                ids.Add(id);
            }

            await queue.DeleteAsync(connection, [.. ids]);
            deleted += ids.Count;
            Interlocked.Add(ref _inMemory, -ids.Count);
        }
    }

    private WebhookDestination Destination(string url)
    {
        lock (_destinations)
        {
            return _destinations.TryGetValue(url, out WebhookDestination? known)
                ? known
                : _destinations[url] = new WebhookDestination(url, Http.Webhooks.OperationId);
        }
    }
}
