using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.Payloads;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// Tells whoever asked that a task has ended: A2A's own envelope, signed, through the supervisor. It is told the scope
/// with the task; it could not find one.
/// </summary>
internal sealed partial class PushNotifier(PushConfigStore configs, IWebhookDeliverySupervisor webhooks, ILogger<PushNotifier> log)
{
    public async Task NotifyAsync(StoreScope scope, AgentTask task)
    {
        IReadOnlyList<PushConfig> active = await configs.ListAsync(scope, task.Id, activeOnly: true);
        if (active.Count == 0)
        {
            return;
        }

        byte[] body = JsonSerializer.SerializeToUtf8Bytes(task, A2AJson.Default.AgentTask);
        await Task.WhenAll(active.Select(async config =>
        {
            WebhookDestination destination = new(config.Url);
            A2ATaskWebhook webhook = new(A2AEnvelopeMember.Task, task.Id, body, config.Token);

            // One client's dead receiver must not open another client's circuit, though both name one host.
            DeliveryOptions options = new() { Tenant = scope.IsAnonymous ? null : scope.Key };
            DeliveryOutcome outcome = await webhooks.SendAsync(destination, webhook, options);
            Notified(task.Id, config.Id!, outcome.Status, outcome.Attempts);
        }));
    }

    [LoggerMessage(1, LogLevel.Information, "Task {TaskId}, configuration {ConfigId}: {Status} after {Attempts} attempts")]
    private partial void Notified(string taskId, string configId, DeliveryStatus status, int attempts);
}
