namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The kind of a purge: whether the creative leaves a tombstone.</summary>
public enum PurgeKind
{
    /// <summary><c>soft</c>: a tombstone stays readable for the retention of webhook activity.</summary>
    Soft = 0,

    /// <summary><c>hard</c>: nothing remains; the webhook is the only report.</summary>
    Hard = 1,
}
