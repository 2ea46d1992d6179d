namespace Adcp.Aot.Storage;

/// <summary>A page of tasks, newest save first.</summary>
/// <param name="Tasks">The tasks.</param>
/// <param name="NextPageToken">The token of the next page; <c>null</c> if this is the last.</param>
public sealed record TaskPage<TTask>(IReadOnlyList<StoredTask<TTask>> Tasks, string? NextPageToken)
    where TTask : class;
