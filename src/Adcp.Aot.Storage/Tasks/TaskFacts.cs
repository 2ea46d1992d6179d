namespace Adcp.Aot.Storage;

/// <summary>
/// The facts about a task that a store needs beside its JSON. A member of the attributed class gives them; see
/// <see cref="TaskStoreAttribute{TTask}"/>.
/// </summary>
/// <param name="TaskId">The task's id: 1 to 512 bytes of UTF-8 without control characters.</param>
/// <param name="ContextId">The conversation that it belongs to: null, or at most 512 bytes of UTF-8 without control
/// characters.</param>
/// <param name="State">The state's name, to filter by: 1 to 64 bytes of UTF-8 without control characters.</param>
/// <param name="IsTerminal"><c>true</c> if the state is final: completed, failed, canceled, rejected. Such a task
/// cannot be saved again.</param>
public readonly record struct TaskFacts(string TaskId, string? ContextId, string State, bool IsTerminal)
{
    /// <summary>The most bytes of a task id and of a context id.</summary>
    public const int MaxIdBytes = 512;

    /// <summary>The most bytes of a state.</summary>
    public const int MaxStateBytes = 64;

    /// <summary>Returns the facts. Throws if one breaks its rule.</summary>
    /// <exception cref="ArgumentException">A fact breaks its rule.</exception>
    public TaskFacts Require()
    {
        if (!IsTaskId(TaskId))
        {
            throw new ArgumentException($"A task id has 1 to {MaxIdBytes} bytes of UTF-8, no control characters and no lone surrogates.",
                nameof(TaskId));
        }

        if (ContextId is not null && !StoredText.Fits(ContextId, MaxIdBytes))
        {
            throw new ArgumentException($"A context id has at most {MaxIdBytes} bytes of UTF-8, no control characters and no lone "
                + "surrogates.", nameof(ContextId));
        }

        return string.IsNullOrEmpty(State) || !StoredText.Fits(State, MaxStateBytes)
            ? throw new ArgumentException($"A state has 1 to {MaxStateBytes} bytes of UTF-8, no control characters and no lone surrogates.",
                nameof(State))
            : this;
    }

    /// <summary>Returns whether a task can have this id. If not, no store has it.</summary>
    /// <param name="taskId">The id, untrusted.</param>
    public static bool IsTaskId(string? taskId) => !string.IsNullOrEmpty(taskId) && StoredText.Fits(taskId, MaxIdBytes);
}
