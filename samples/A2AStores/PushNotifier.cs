using System.Data.Common;
using System.Text.Json;
using Adcp.Aot;
using Adcp.Aot.Payloads;
using Adcp.Aot.Storage;

namespace A2AStores;

/// <summary>
/// Notifies the subscribers of a task that it has ended: A2A's own envelope, signed. It gets the scope with the task, because it
/// could not find it.
/// </summary>
internal abstract class PushNotifier(PushConfigStore configs) : IAsyncDisposable
{
    /// <summary>
    /// Returns the writes that join the transaction that stores the task's end; <see langword="null"/> for none.
    /// </summary>
    public abstract Func<DbTransaction, CancellationToken, ValueTask>? BeforeCommit(StoreScope scope, AgentTask ended);

    /// <summary>Runs after the commit of that transaction.</summary>
    public abstract Task NotifyAsync(StoreScope scope, AgentTask ended);

    /// <summary>Begins to deliver the notifications of an earlier run, if they are kept.</summary>
    public abstract Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Waits for the attempts under way, for as long as the patience allows.</summary>
    public abstract Task StopAsync(TimeSpan patience);

    public abstract ValueTask DisposeAsync();

    /// <summary>Returns the active configurations of the task.</summary>
    protected ValueTask<IReadOnlyList<PushConfig>> SubscribersAsync(
        StoreScope scope, AgentTask task, CancellationToken cancellationToken = default) =>
        configs.ListAsync(scope, task.Id, activeOnly: true, cancellationToken);

    protected static (WebhookDestination Destination, WebhookPayload Payload) Webhook(AgentTask task, PushConfig config)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(task, A2AJson.Default.AgentTask);
        return (new WebhookDestination(config.Url), new A2ATaskWebhook(A2AEnvelopeMember.Task, task.Id, body, config.Token));
    }
}
