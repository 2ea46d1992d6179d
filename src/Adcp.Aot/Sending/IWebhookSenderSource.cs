namespace Adcp.Aot;

/// <summary>
/// Chooses the sender of each attempt by the tenant of its delivery. Set it as <see cref="WebhookSupervisorOptions.Senders"/>, for the
/// supervisor and for the worker of an outbox alike. <see cref="TenantSenders"/> is one with keys of its own for each tenant.
/// Implementations are safe for concurrent use.
/// </summary>
public interface IWebhookSenderSource
{
    /// <summary>
    /// Returns the sender of a tenant. It is called for each attempt, so it must not block: a sender that first has to look up its key
    /// does so in <see cref="IWebhookSender.SendAsync"/>. If it throws, the attempt ends as if its sender had thrown.
    /// </summary>
    /// <param name="tenant">The <see cref="DeliveryOptions.Tenant"/> of the delivery.</param>
    IWebhookSender GetSender(string tenant);
}
