namespace Adcp.Aot.Operations;

/// <summary>The workers of an outbox, and the lanes that they own.</summary>
/// <param name="Workers">The workers with a lease, by name.</param>
/// <param name="UnownedLanes">The lanes that no worker owns. Their webhooks wait.</param>
public sealed record WorkersStatus(IReadOnlyList<WorkerStatus> Workers, IReadOnlyList<int> UnownedLanes);
