namespace Adcp.Aot.Storage;

/// <summary>The status of a save.</summary>
public enum TaskSaveStatus
{
    /// <summary>The task is stored.</summary>
    Saved = 0,

    /// <summary>
    /// Nothing is stored: another save came first. Read the task again and repeat the change if it still applies.
    /// </summary>
    Conflict = 1,

    /// <summary>Nothing is stored: the task had reached a terminal state, which never changes.</summary>
    Ended = 2,

    /// <summary>Nothing is stored: there is no such task in this scope.</summary>
    Missing = 3,
}
