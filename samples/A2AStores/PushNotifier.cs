using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.Payloads;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// Notifies the subscribers of a task that it has ended: A2A's own envelope, signed, through the supervisor. It gets
/// the scope with the task, because it could not find it.
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

            // If one client's receiver is dead, it must not open another client's circuit, even if both name one host.
            DeliveryOptions options = new() { Tenant = scope.IsAnonymous ? null : scope.Key };
            DeliveryOutcome outcome = await webhooks.SendAsync(destination, webhook, options);
            Notified(task.Id, config.Id!, outcome.Status, outcome.Attempts);
        }));
    }

    [LoggerMessage(1, LogLevel.Information, "Task {TaskId}, configuration {ConfigId}: {Status} after {Attempts} attempts")]
    private partial void Notified(string taskId, string configId, DeliveryStatus status, int attempts);
}
