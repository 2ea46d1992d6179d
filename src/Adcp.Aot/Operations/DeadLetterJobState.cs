namespace Adcp.Aot.Operations;

/// <summary>The state of a <see cref="DeadLetterJob"/>.</summary>
public enum DeadLetterJobState
{
    /// <summary>The job runs.</summary>
    Running = 0,

    /// <summary>All dead letters of the query were handled.</summary>
    Done = 1,

    /// <summary>An operator cancelled the job, or the process stopped.</summary>
    Cancelled = 2,

    /// <summary>The store failed. Start the job again: dead letters that were handled are not there any more.</summary>
    Failed = 3,
}
