using System.Data.Common;
using Adcp.Aot;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// Delivers from memory, for databases on which the outbox does not run. A notification that is left at a stop is logged.
/// </summary>
internal sealed partial class MemoryNotifier(PushConfigStore configs, IWebhookSender sender, WebhookSupervisorOptions options,
    ILogger<MemoryNotifier> log) : PushNotifier(configs)
{
    private readonly InMemoryWebhookDeliverySupervisor _webhooks = new(sender, options);

    public override Func<DbTransaction, CancellationToken, ValueTask>? BeforeCommit(StoreScope scope, AgentTask ended) => null;

    public override async Task NotifyAsync(StoreScope scope, AgentTask ended)
    {
        await Task.WhenAll((await SubscribersAsync(scope, ended)).Select(async config =>
        {
            (WebhookDestination destination, WebhookPayload payload) = Webhook(ended, config);

            // If one client's receiver is dead, it must not open another client's circuit, even if both name one host.
            DeliveryOptions delivery = new() { Tenant = scope.IsAnonymous ? null : scope.Key };
            DeliveryOutcome outcome = await _webhooks.SendAsync(destination, payload, delivery);
            Notified(ended.Id, config.Id!, outcome.Status, outcome.Attempts);
        }));
    }

    public override Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override async Task StopAsync(TimeSpan patience)
    {
        using CancellationTokenSource ends = new(patience);
        await _webhooks.DrainAsync(ends.Token);
    }

    public override ValueTask DisposeAsync() => _webhooks.DisposeAsync();

    [LoggerMessage(1, LogLevel.Information, "Task {TaskId}, configuration {ConfigId}: {Status} after {Attempts} attempts")]
    private partial void Notified(string taskId, string configId, DeliveryStatus status, int attempts);
}
