using Adcp.Aot.Receiving;

namespace Adcp.Aot.Hosting;

/// <summary>Processes the webhooks of a receiver. It is taken from the container for each webhook, in a scope of its own.</summary>
public interface IAdcpWebhookHandler
{
    /// <summary>
    /// Processes a verified webhook. Each is given once. Throw if that fails: the sender is answered with 500, and its retry is given
    /// again.
    /// </summary>
    /// <param name="webhook">The webhook.</param>
    /// <param name="cancellationToken">Cancelled if the claim is lost, and after the handler's timeout.</param>
    ValueTask HandleAsync(ReceivedWebhook webhook, CancellationToken cancellationToken);
}
