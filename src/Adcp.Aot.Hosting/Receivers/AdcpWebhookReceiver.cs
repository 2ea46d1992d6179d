using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Adcp.Aot.Hosting;

/// <summary>A registered receiver, for the endpoint that serves it. Thread-safe.</summary>
public sealed class AdcpWebhookReceiver : IAsyncDisposable
{
    private readonly IServiceProvider _services;
    private readonly Func<IServiceProvider, ReceivedWebhook, CancellationToken, ValueTask> _handle;
    private readonly ReceiverParts _parts;

    internal AdcpWebhookReceiver(
        IServiceProvider services, ReceiverParts parts, Func<IServiceProvider, ReceivedWebhook, CancellationToken, ValueTask> handle)
    {
        _services = services;
        _parts = parts;
        _handle = handle;
    }

    /// <summary>Gets the options of the endpoint.</summary>
    public WebhookReceiverOptions Options => _parts.Options;

    internal IReadOnlyList<IStoreTables> Tables => _parts.Tables;

    internal IReadOnlyList<IExpiringStore> Expiring => _parts.Expiring;

    internal bool CreatesTables => _parts.CreatesTables;

    internal StoreSource? Database => _parts.Database;

    /// <summary>Processes a webhook in a scope of its own.</summary>
    /// <param name="webhook">The verified webhook.</param>
    /// <param name="cancellationToken">Ends the handler.</param>
    public async ValueTask HandleAsync(ReceivedWebhook webhook, CancellationToken cancellationToken)
    {
        AsyncServiceScope scope = _services.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            await _handle(scope.ServiceProvider, webhook, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Disposes the receiver's own key source and database.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (object owned in _parts.Owned)
        {
            if (owned is IAsyncDisposable disposable)
            {
                await disposable.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                (owned as IDisposable)?.Dispose();
            }
        }
    }
}
