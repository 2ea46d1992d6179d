namespace Adcp.Aot.Storage;

/// <summary>
/// The switches that operators set: for each endpoint that was isolated or reset one row, and one for all deliveries. Workers read the rows
/// that changed. Thread-safe.
/// </summary>
/// <remarks>
/// Each change takes the next revision from the row of all deliveries, whose lock it holds until its commit. Revisions are therefore
/// committed in their order, and a reader of revisions above one that it knows misses none.
/// </remarks>
internal abstract class OutboxSwitchTable
{
    /// <summary>The most rows. Endpoints that are isolated stay, the others are purged.</summary>
    internal const int MaxSwitches = 10_000;

    /// <summary>The time after which the row of an endpoint that was reset is purged. Each worker has read it by then.</summary>
    internal static readonly TimeSpan ResetKept = TimeSpan.FromDays(1);

    /// <summary>
    /// Gets the newest revision that the last renewal of a worker's lease saw; <see langword="null"/> if renewals do not read it.
    /// </summary>
    internal virtual long? Renewed => null;

    /// <summary>Reads the switches with a revision above one, in the order of their revisions. 0 reads all.</summary>
    internal abstract ValueTask<IReadOnlyList<OutboxSwitch>> ReadAsync(long after, CancellationToken cancellationToken);

    /// <summary>Sets a switch. A call whose answer was lost may be made again.</summary>
    /// <returns>The switch; <see langword="null"/> if there are <see cref="MaxSwitches"/> others.</returns>
    internal abstract ValueTask<OutboxSwitch?> SetAsync(
        string target, bool isStopped, string name, string actor, string? reason, CancellationToken cancellationToken);
}

/// <summary>A switch as it is stored.</summary>
/// <param name="Target">The id of the endpoint, or <see cref="All"/>.</param>
/// <param name="IsStopped">Whether no attempt is made.</param>
/// <param name="Name">The name of the endpoint for display.</param>
/// <param name="Actor">The person or program that set it.</param>
/// <param name="Reason">The reason; <see langword="null"/> for none.</param>
/// <param name="ChangedAt">The time of the change, by the database's clock.</param>
/// <param name="Revision">The number of the change.</param>
internal sealed record OutboxSwitch(
    string Target, bool IsStopped, string Name, string Actor, string? Reason, DateTimeOffset ChangedAt, long Revision)
{
    /// <summary>The target of the switch for all deliveries. It is not the id of an endpoint.</summary>
    internal const string All = "all";
}
