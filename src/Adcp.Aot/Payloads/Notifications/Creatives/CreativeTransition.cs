namespace Adcp.Aot.Payloads.Notifications;

/// <summary>One step of a creative's life. Only the steps that a seller or its system may take can be made.</summary>
public sealed record CreativeTransition
{
    /// <summary>Checks a step.</summary>
    /// <param name="from">The status left.</param>
    /// <param name="to">The status entered.</param>
    /// <param name="observedAt">When the seller recorded it.</param>
    /// <exception cref="ArgumentException">The lifecycle has no such step.</exception>
    public CreativeTransition(CreativeStatus from, CreativeStatus to, DateTimeOffset observedAt)
    {
        bool exists = (from, to) switch
        {
            (CreativeStatus.Processing, CreativeStatus.PendingReview or CreativeStatus.Rejected) => true,
            (CreativeStatus.PendingReview, CreativeStatus.Approved or CreativeStatus.Rejected) => true,
            (CreativeStatus.Approved, CreativeStatus.PendingReview or CreativeStatus.Suspended or CreativeStatus.Rejected
                or CreativeStatus.Archived) => true,
            (CreativeStatus.Suspended, CreativeStatus.Approved or CreativeStatus.Rejected) => true,
            _ => false,
        };
        if (!exists)
        {
            throw new ArgumentException($"A creative does not go from {from} to {to} by a seller's doing.", nameof(to));
        }

        From = from;
        To = to;
        ObservedAt = observedAt;
    }

    /// <summary>The status left.</summary>
    public CreativeStatus From { get; }

    /// <summary>The status entered.</summary>
    public CreativeStatus To { get; }

    /// <summary>When the seller recorded it.</summary>
    public DateTimeOffset ObservedAt { get; }
}
