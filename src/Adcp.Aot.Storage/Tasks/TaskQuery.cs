namespace Adcp.Aot.Storage;

/// <summary>
/// Selects the tasks of a scope to list, newest save first. Immutable; a bad value throws when it is set.
/// </summary>
public sealed record TaskQuery
{
    /// <summary>The largest page (A2A 1.0, <c>ListTasks</c>).</summary>
    public const int MaxPageSize = 100;

    /// <summary>Only tasks of this context; default null, any.</summary>
    public string? ContextId { get; init; }

    /// <summary>Only tasks in this state, by <see cref="TaskFacts.State"/>; default null, any.</summary>
    public string? State { get; init; }

    /// <summary>Only tasks saved at this moment or later; default null, any.</summary>
    public DateTimeOffset? UpdatedSince { get; init; }

    /// <summary>The maximum number of tasks per page. 1 to 100, default 50.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 100.</exception>
    public int PageSize
    {
        get;
        init => field = Require.InRange(value, 1, MaxPageSize, nameof(PageSize));
    } = 50;

    /// <summary>
    /// The <c>NextPageToken</c> of the last page; default null, the first page. It is bound to the scope and to these
    /// filters.
    /// </summary>
    public string? PageToken { get; init; }
}
