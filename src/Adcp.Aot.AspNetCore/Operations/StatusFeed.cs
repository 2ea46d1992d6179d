using System.Text.Json;
using System.Threading.Channels;
using Adcp.Aot.Operations;
using Adcp.Aot.Operations.Api;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Operations;

/// <summary>
/// Sends the status to open pages once a second if it changed. All pages share one reading, and without a page there is none.
/// Thread-safe.
/// </summary>
internal sealed class StatusFeed(IWebhookOperations operations, TimeProvider time, ILogger logger, CancellationToken stopping)
{
    /// <summary>The most open pages.</summary>
    internal const int MaxPages = 100;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<ChannelWriter<byte[]>> _pages = [];
    private byte[] _last = [];
    private bool _isRunning;

    /// <summary>Gets the token that ends when the application stops.</summary>
    internal CancellationToken Stopping => stopping;

    /// <summary>Adds a page; null if too many are open. The caller gives the reader back with <see cref="Leave"/>.</summary>
    internal Channel<byte[]>? Join()
    {
        // A page that is slower than the feed misses a status and gets a newer one.
        Channel<byte[]> page = Channel.CreateBounded<byte[]>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        lock (_lock)
        {
            if (_pages.Count == MaxPages)
            {
                return null;
            }

            _pages.Add(page.Writer);
            if (_last.Length > 0)
            {
                page.Writer.TryWrite(_last);
            }

            if (!_isRunning)
            {
                _isRunning = true;
                _ = RunAsync();
            }
        }

        return page;
    }

    /// <summary>Removes a page.</summary>
    internal void Leave(Channel<byte[]> page)
    {
        lock (_lock)
        {
            _pages.Remove(page.Writer);
        }
    }

    private async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            await PublishAsync().ConfigureAwait(false);
            await Task.Delay(Interval, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            lock (_lock)
            {
                if (_pages.Count == 0 || stopping.IsCancellationRequested)
                {
                    // The next page must not begin with a status of long ago.
                    _last = [];
                    _isRunning = false;
                    return;
                }
            }
        }
    }

    private async Task PublishAsync()
    {
        try
        {
            OperationsStatus status = await operations.GetStatusAsync(stopping).ConfigureAwait(false);
            byte[] text = JsonSerializer.SerializeToUtf8Bytes(status, OperationsJson.Default.OperationsStatus);
            lock (_lock)
            {
                if (!text.AsSpan().SequenceEqual(_last))
                {
                    _last = text;
                    foreach (ChannelWriter<byte[]> page in _pages)
                    {
                        page.TryWrite(text);
                    }
                }
            }
        }
        catch (Exception fault) when (!stopping.IsCancellationRequested)
        {
            OperationsLog.Failed(logger, fault, "api/events");
        }
        catch (OperationCanceledException)
        {
            // The loop ends.
        }
    }
}
