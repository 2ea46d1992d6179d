namespace Adcp.Aot.Platform;

/// <summary>What came of a task's change of status.</summary>
public enum TaskTransition
{
    /// <summary>The status was entered.</summary>
    Entered = 0,

    /// <summary>The task had this terminal status and result already: nothing changed, nothing is told again.</summary>
    Repeated = 1,

    /// <summary>The task is terminal with another status or result: refused.</summary>
    Conflict = 2,

    /// <summary>No such task of this tenant.</summary>
    Unknown = 3,
}
