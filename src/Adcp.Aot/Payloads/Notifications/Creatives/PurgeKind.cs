namespace Adcp.Aot.Payloads.Notifications;

/// <summary>Gets whether a purged creative leaves a tombstone.</summary>
public enum PurgeKind
{
    /// <summary><c>soft</c>: a tombstone stays readable for the retention of webhook activity.</summary>
    Soft = 0,

    /// <summary><c>hard</c>: nothing stays; the webhook is the only word of it.</summary>
    Hard = 1,
}
