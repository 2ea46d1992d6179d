namespace Adcp.Aot;

/// <summary>
/// Delivers by a supervisor if one is wired, otherwise by a sender's single attempt, if there is a sender.
/// </summary>
public readonly record struct DeliveryTarget
{
    private DeliveryTarget(IWebhookSender? sender, IWebhookDeliverySupervisor? supervisor)
    {
        Sender = sender;
        Supervisor = supervisor;
    }

    /// <summary>The supervisor; <c>null</c> if none is wired.</summary>
    public IWebhookDeliverySupervisor? Supervisor { get; }

    /// <summary>The sender; <c>null</c> if a supervisor is wired.</summary>
    public IWebhookSender? Sender { get; }

    /// <summary>Gets whether a supervisor or a sender is wired.</summary>
    public bool IsWired => Supervisor is not null || Sender is not null;

    /// <summary>Returns the target. If both are given, the supervisor is used.</summary>
    /// <param name="sender">The sender, if any.</param>
    /// <param name="supervisor">The supervisor, if any.</param>
    public static DeliveryTarget Resolve(IWebhookSender? sender, IWebhookDeliverySupervisor? supervisor) =>
        supervisor is null ? new(sender, null) : new(null, supervisor);
}
