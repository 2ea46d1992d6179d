namespace Adcp.Aot.Platform;

/// <summary>A task that a call was handed off to. Immutable; the registrations hold secrets.</summary>
/// <param name="Tenant">The tenant that made the call.</param>
/// <param name="TaskId">The durable handle.</param>
/// <param name="TaskType">The operation.</param>
/// <param name="Status">The current status.</param>
/// <param name="Registration">The <c>push_notification_config</c>; null for none.</param>
/// <param name="A2ARegistration">The registration on A2A's own channel; null for none.</param>
/// <param name="Context">The call's context, echoed in every webhook; empty for none.</param>
/// <param name="Result">The result of a terminal status; empty for none.</param>
public sealed record SellerTask(
    string Tenant,
    string TaskId,
    TaskType TaskType,
    AdcpTaskStatus Status,
    PushRegistration? Registration,
    PushRegistration? A2ARegistration,
    ReadOnlyMemory<byte> Context,
    ReadOnlyMemory<byte> Result = default)
{
    /// <summary>Gets the time at which the call was handed off; <c>null</c> if unknown.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Gets the time of the last change, which the registry states when it reads the task; <c>null</c> if unknown.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }

    /// <summary>
    /// Gets the fingerprint of the call's <c>account</c>; <c>null</c> if the call named none. A caller that names another account does not
    /// see the task.
    /// </summary>
    public string? Account { get; init; }

    /// <summary>Returns the id and status only.</summary>
    public override string ToString() => $"{TaskId} {Status}";
}
