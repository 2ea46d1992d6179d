using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// Commits the notifications with the task's end, so that a stop or a kill loses none: both are stored, or neither. A worker delivers
/// them, also those of an earlier run.
/// </summary>
internal sealed partial class OutboxNotifier(PushConfigStore configs, SqlWebhookOutbox outbox, IWebhookSender sender,
    WebhookSupervisorOptions options, ILogger<OutboxNotifier> log) : PushNotifier(configs)
{
    private readonly OutboxWorker _worker =
        new(outbox, sender, new OutboxWorkerOptions { Attempts = options, Authorizer = new Subscriptions(configs) });

    public override Func<DbTransaction, CancellationToken, ValueTask> BeforeCommit(StoreScope scope, AgentTask ended) =>
        (transaction, cancellationToken) => EnqueueAsync(transaction, scope, ended, cancellationToken);

    public override Task NotifyAsync(StoreScope scope, AgentTask ended)
    {
        outbox.Wake();
        return Task.CompletedTask;
    }

    public override Task StartAsync(CancellationToken cancellationToken) => _worker.StartAsync(cancellationToken);

    /// <summary>Notifications that wait stay in the outbox. The worker logs them, and the next start delivers them.</summary>
    public override Task StopAsync(TimeSpan patience) => _worker.StopAsync(patience);

    public override async ValueTask DisposeAsync()
    {
        await _worker.DisposeAsync();
        await outbox.DisposeAsync();
    }

    private async ValueTask EnqueueAsync(
        DbTransaction transaction, StoreScope scope, AgentTask ended, CancellationToken cancellationToken)
    {
        try
        {
            foreach (PushConfig config in await SubscribersAsync(scope, ended, cancellationToken))
            {
                (WebhookDestination destination, WebhookPayload payload) = Webhook(ended, config);

                // If one client's receiver is dead, it must not open another client's circuit, even if both name one host.
                OutboxOptions delivery = new()
                {
                    Tenant = scope.ToString(),
                    AuthorizationContext = Subscriptions.Context(scope, config),
                };
                await ((IWebhookOutbox)outbox).EnqueueAsync(transaction, destination, payload, delivery, cancellationToken);
            }
        }
        catch (Exception fault) when (fault is ArgumentException or CryptographicException)
        {
            // Stored under other options or another key file. The task must be able to end.
            NotNotified(ended.Id, fault.GetType().Name);
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Task {TaskId} ends without all its notifications: {Fault}")]
    private partial void NotNotified(string taskId, string fault);
}
