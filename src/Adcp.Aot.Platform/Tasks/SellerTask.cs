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
    /// <summary>Returns the id and status only.</summary>
    public override string ToString() => $"{TaskId} {Status}";
}
