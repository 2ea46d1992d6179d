namespace Adcp.Aot;

/// <summary>Who delivers: a supervisor where one is wired, else a sender's single attempt, else nobody.</summary>
public readonly record struct DeliveryTarget
{
    private DeliveryTarget(IWebhookSender? sender, IWebhookDeliverySupervisor? supervisor)
    {
        Sender = sender;
        Supervisor = supervisor;
    }

    /// <summary>The supervisor, where one is wired.</summary>
    public IWebhookDeliverySupervisor? Supervisor { get; }

    /// <summary>The sender, where no supervisor is wired.</summary>
    public IWebhookSender? Sender { get; }

    /// <summary>Gets whether somebody delivers.</summary>
    public bool IsWired => Supervisor is not null || Sender is not null;

    /// <summary>Chooses: the supervisor wins.</summary>
    /// <param name="sender">The sender, if any.</param>
    /// <param name="supervisor">The supervisor, if any.</param>
    public static DeliveryTarget Resolve(IWebhookSender? sender, IWebhookDeliverySupervisor? supervisor) =>
        supervisor is null ? new(sender, null) : new(null, supervisor);
}
