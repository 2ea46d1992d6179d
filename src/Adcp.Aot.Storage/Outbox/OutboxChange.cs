namespace Adcp.Aot.Storage;

/// <summary>The change of a row.</summary>
internal enum OutboxChangeKind
{
    /// <summary>The webhook was delivered: its row is deleted.</summary>
    Delivered,

    /// <summary>The row waits: it moves to, or within, the parked rows.</summary>
    Park,

    /// <summary>
    /// The row stays and is marked as under way, before an attempt that may kill the process. If its owner dies, the takeover counts it.
    /// </summary>
    Trial,

    /// <summary>The delivery ended without success: the row moves to the dead letters.</summary>
    Dead,
}

/// <summary>A change of one row, made by the owner of its lane.</summary>
internal sealed class OutboxChange
{
    /// <summary>Gets the row as it was read.</summary>
    internal required OutboxRow Row { get; init; }

    /// <summary>Gets the change of the row.</summary>
    internal required OutboxChangeKind Kind { get; init; }

    /// <summary>Gets how long after the commit's statement a parked row is due.</summary>
    internal TimeSpan Delay { get; init; }

    /// <summary>Gets the attempts made, the last one included. If above 0, the horizon of the row begins, unless it has begun.</summary>
    internal int Attempts { get; init; }

    /// <summary>
    /// Gets or sets how long after its first attempt the delivery may continue. Used if the horizon begins with this change.
    /// </summary>
    internal TimeSpan Horizon { get; set; }

    /// <summary>
    /// Gets or sets the timestamp at which the attempt began that led to the change; <see langword="null"/> if none did.
    /// </summary>
    internal long? AttemptedAt { get; set; }

    /// <summary>
    /// Gets or sets how long before the commit's statement that attempt began. A horizon that begins with this change begins then: the
    /// store may have been away since.
    /// </summary>
    internal TimeSpan SinceAttempt { get; set; }

    /// <summary>Gets a stable identifier of the reason, such as <c>rejected</c>; <see langword="null"/> if delivered.</summary>
    internal string? Reason { get; init; }

    /// <summary>
    /// Gets the receiver's HTTP status; 0 if it did not answer. <see langword="null"/> if no attempt led to the change: the row keeps that
    /// of its last attempt.
    /// </summary>
    internal int? StatusCode { get; init; }

    /// <summary>Gets or sets the hash of the notification type of a dead letter; <see langword="null"/> if it has none.</summary>
    internal long? NotificationType { get; set; }

    /// <summary>
    /// Gets or sets the hash of the idempotency key; <see langword="null"/> if this process cannot read the row. A parked row keeps its own
    /// then.
    /// </summary>
    internal long? KeyHash { get; set; }

    /// <summary>Gets how often owners died while the row may have been under way. 0 after an attempt that the process survived.</summary>
    internal int Unclean { get; init; }

    /// <summary>Gets whether the stream of a parked row does not wait for it any more.</summary>
    internal bool LeavesOrder { get; init; }

    /// <summary>Gets the task that gets whether a <see cref="OutboxChangeKind.Trial"/> was committed.</summary>
    internal TaskCompletionSource<bool>? Marked { get; init; }

    /// <summary>Gets or sets whether an attempt led to the change.</summary>
    internal bool EndsAttempt { get; set; }

    /// <summary>
    /// Gets or sets whether an earlier commit of the change may have happened. A row that is not there is then no loss of its lane.
    /// </summary>
    internal bool MayBeApplied { get; set; }

    /// <summary>
    /// Gets or sets whether the change was committed. False if the row was not there, or the process no longer owns its
    /// lane.
    /// </summary>
    internal bool IsApplied { get; set; }
}
