namespace Adcp.Aot.Platform;

/// <summary>The result of a change of a task's status.</summary>
public enum TaskTransition
{
    /// <summary>The status was entered.</summary>
    Entered = 0,

    /// <summary>
    /// The task had this terminal status and result already. Nothing changed, and nothing is sent again.
    /// </summary>
    Repeated = 1,

    /// <summary>The task is terminal with another status or result: refused.</summary>
    Conflict = 2,

    /// <summary>The tenant has no such task.</summary>
    Unknown = 3,
}
