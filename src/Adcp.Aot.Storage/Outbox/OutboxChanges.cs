namespace Adcp.Aot.Storage;

/// <summary>Creates the changes that follow from a row or from an attempt.</summary>
internal static class OutboxChanges
{
    /// <summary>The delay of a row that this process cannot read or sign.</summary>
    internal static readonly TimeSpan OwnFaultDelay = TimeSpan.FromSeconds(30);

    /// <summary>Returns the change of a row that waits and was not attempted.</summary>
    internal static OutboxChange Wait(OutboxRow row, TimeSpan delay, string reason) => new()
    {
        Row = row,
        Kind = OutboxChangeKind.Park,
        Delay = delay,
        Attempts = row.Attempts,
        Unclean = row.Unclean,
        Reason = reason,
    };

    /// <summary>Returns the change that marks a row as under way.</summary>
    internal static OutboxChange Trial(OutboxRow row) => new()
    {
        Row = row,
        Kind = OutboxChangeKind.Trial,
        Attempts = row.Attempts,
        Unclean = row.Unclean,
        Marked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously),
    };

    /// <summary>Returns the change of a row whose time is over.</summary>
    internal static OutboxChange Expired(OutboxRow row) => Dead(row, row.Attempts > 0 ? OutboxReasons.Expired : OutboxReasons.TooOld);

    /// <summary>Returns the change of a row that ends without another attempt.</summary>
    internal static OutboxChange Dead(OutboxRow row, string reason) => new()
    {
        Row = row,
        Kind = OutboxChangeKind.Dead,
        Attempts = row.Attempts,
        Reason = reason,
    };

    /// <summary>Notes the hashes by which operators find the webhook of a row that is parked or ends. Returns the change.</summary>
    internal static OutboxChange Of(this OutboxChange change, OutboxWebhook webhook)
    {
        if (change.Kind is OutboxChangeKind.Park or OutboxChangeKind.Dead)
        {
            change.KeyHash = OutboxHash.IdempotencyKey(webhook.IdempotencyKey);
        }

        if (change.Kind == OutboxChangeKind.Dead)
        {
            change.NotificationType = OutboxHash.NotificationType(webhook.NotificationType);
        }

        return change;
    }
}

/// <summary>The reasons for which a row is parked or dead. They are stored and shown to operators, and never change.</summary>
internal static class OutboxReasons
{
    // Parked.
    internal const string NotBefore = "not_before";
    internal const string CircuitOpen = "circuit_open";
    internal const string OverShare = "over_share";
    internal const string Failed = "failed";
    internal const string UnknownKey = "unknown_key";
    internal const string UnknownFormat = "unknown_format";
    internal const string OwnFault = "own_fault";
    internal const string Deferred = "deferred";
    internal const string Isolated = "isolated";
    internal const string Paused = "paused";

    // Dead.
    internal const string Rejected = "rejected";
    internal const string Conflict = "conflict";
    internal const string Refused = "refused";
    internal const string Exhausted = "exhausted";
    internal const string Expired = "expired";
    internal const string TooOld = "too_old";
    internal const string Unreadable = "unreadable";
    internal const string Suppressed = "suppressed";
    internal const string Poison = "poison";

    /// <summary>All reasons of dead letters.</summary>
    internal static readonly string[] OfDeadLetters =
        [Rejected, Conflict, Refused, Exhausted, Expired, TooOld, Suppressed, Poison, Unreadable];
}
