namespace Adcp.Aot.Payloads.Notifications;

/// <summary>A change of a creative's status. Only changes that a seller or its system may make are allowed.</summary>
public sealed record CreativeTransition
{
    /// <summary>Creates a change.</summary>
    /// <param name="from">The status before.</param>
    /// <param name="to">The status after.</param>
    /// <param name="observedAt">The time when the seller recorded it.</param>
    /// <exception cref="ArgumentException">The lifecycle has no such change.</exception>
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
            throw new ArgumentException($"A seller cannot change a creative from {from} to {to}.", nameof(to));
        }

        From = from;
        To = to;
        ObservedAt = observedAt;
    }

    /// <summary>The status before.</summary>
    public CreativeStatus From { get; }

    /// <summary>The status after.</summary>
    public CreativeStatus To { get; }

    /// <summary>The time when the seller recorded it.</summary>
    public DateTimeOffset ObservedAt { get; }
}
