using Adcp.Aot.Hosting;
using Adcp.Aot.Receiving;

namespace ReceiverApp;

/// <summary>Processes webhooks. Each is verified and given once; throw if that fails, and the seller sends it again.</summary>
public sealed class Inbox(ILogger<Inbox> logger) : IAdcpWebhookHandler
{
    public ValueTask HandleAsync(ReceivedWebhook webhook, CancellationToken cancellationToken)
    {
        logger.LogInformation("Task {TaskId} is {Status}", webhook.Envelope?.TaskId, webhook.Envelope?.Status);
        return ValueTask.CompletedTask;
    }
}
