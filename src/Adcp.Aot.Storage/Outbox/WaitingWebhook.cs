namespace Adcp.Aot.Storage;

/// <summary>A webhook of an outbox that is not delivered yet. Immutable; it shows no secret.</summary>
public sealed record WaitingWebhook
{
    /// <summary>Gets the id of the row.</summary>
    public required long Id { get; init; }

    /// <summary>Gets the attempts made.</summary>
    public required int Attempts { get; init; }

    /// <summary>Gets when the webhook was enqueued, by the database's clock.</summary>
    public required DateTimeOffset EnqueuedAt { get; init; }

    /// <summary>Gets the tenant; <see langword="null"/> if the row cannot be read.</summary>
    public string? Tenant { get; init; }

    /// <summary>Gets host and port of the receiver; <see langword="null"/> if the row cannot be read.</summary>
    public string? Authority { get; init; }

    /// <summary>Gets the idempotency key; <see langword="null"/> if the row cannot be read.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Gets the task that the webhook reports on; <see langword="null"/> if none, or if the row cannot be read.</summary>
    public string? TaskId { get; init; }

    /// <summary>Gets the notification type; <see langword="null"/> if none, or if the row cannot be read.</summary>
    public string? NotificationType { get; init; }
}

/// <summary>A row of the log or of the parked rows, as it is listed.</summary>
internal sealed record OutboxWaitingRow(
    long Id, short Lane, long Endpoint, long Tenant, string KeyId, int Attempts, DateTimeOffset EnqueuedAt, byte[] Sealed)
{
    /// <param name="seal">Opens the row; <see langword="null"/> if its keys are not here.</param>
    /// <param name="installation">The installation of the tables.</param>
    internal WaitingWebhook Describe(OutboxSeal? seal, Guid installation)
    {
        OutboxWebhook? webhook = null;
        _ = seal?.Open(Sealed, KeyId, installation, Lane, Endpoint, Tenant, out webhook);
        return new WaitingWebhook
        {
            Id = Id,
            Attempts = Attempts,
            EnqueuedAt = EnqueuedAt,
            Tenant = webhook?.Tenant,
            Authority = webhook?.Authority,
            IdempotencyKey = webhook?.IdempotencyKey,
            TaskId = webhook?.TaskId,
            NotificationType = webhook?.NotificationType,
        };
    }
}
