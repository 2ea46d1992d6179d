namespace Adcp.Aot.Operations;

/// <summary>The reason why a redrive is slower than its rate.</summary>
public enum RedriveWait
{
    /// <summary>The redrive is not slowed down.</summary>
    None = 0,

    /// <summary>Other webhooks wait in the outbox, and the redrive leaves the workers to them for most of the time.</summary>
    FreshDeliveries = 1,

    /// <summary>
    /// No attempt at most of the webhooks of the last step has ended for a second: no worker runs, deliveries are paused, or the endpoints
    /// answer slowly.
    /// </summary>
    Workers = 2,
}
