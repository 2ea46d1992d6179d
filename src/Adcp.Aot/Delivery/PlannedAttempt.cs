namespace Adcp.Aot.Delivery;

/// <summary>An attempt that an <see cref="IAttemptAuthorizer"/> decides about. Immutable.</summary>
public sealed record PlannedAttempt
{
    /// <summary>Creates a description of an attempt.</summary>
    /// <param name="tenant">The tenant of the delivery.</param>
    /// <param name="webhook">The webhook.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public PlannedAttempt(string tenant, PreparedWebhook webhook)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        ArgumentNullException.ThrowIfNull(webhook);
        Tenant = tenant;
        Webhook = webhook;
    }

    /// <summary>Gets the tenant of the delivery.</summary>
    public string Tenant { get; }

    /// <summary>Gets the webhook, with its destination, task and notification.</summary>
    public PreparedWebhook Webhook { get; }

    /// <summary>Gets the caller's own id of the delivery; <see langword="null"/> if it has none.</summary>
    public string? DeliveryId { get; init; }

    /// <summary>Gets <see cref="OutboxOptions.AuthorizationContext"/>; <see langword="null"/> if none was given.</summary>
    public string? Context { get; init; }

    /// <summary>Gets the number of the attempt, from 1.</summary>
    public int AttemptNumber { get; init; } = 1;

    /// <summary>Returns webhook and attempt. The context is not shown.</summary>
    public override string ToString() => $"{nameof(PlannedAttempt)} {AttemptNumber} of {Webhook}";
}
