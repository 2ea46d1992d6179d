namespace Adcp.Aot.Platform;

/// <summary>The answer of a tool that may hand off: its result now, or a task whose result comes later.</summary>
/// <typeparam name="T">The result.</typeparam>
public readonly struct ToolOutcome<T>
    where T : class
{
    private ToolOutcome(T? result, HandedOff? task)
    {
        Result = result;
        Task = task;
    }

    internal ToolOutcome(HandedOff task, DeferredWork<T> work)
        : this(null, task) => Work = work;

    /// <summary>The result; <c>null</c> if it comes later.</summary>
    public T? Result { get; }

    /// <summary>The task; <c>null</c> if there is a result.</summary>
    public HandedOff? Task { get; }

    /// <summary>Gets the work whose result comes later; <see langword="null"/> if the seller ends the task itself.</summary>
    internal DeferredWork<T>? Work { get; }

    /// <summary>Converts a result.</summary>
    /// <param name="result">The result.</param>
    /// <exception cref="ArgumentNullException"><paramref name="result"/> is null.</exception>
#pragma warning disable CA1000, CA2225 // A tool writes `return result;` or `return task;`: the conversions are the API.
    public static implicit operator ToolOutcome<T>(T result) => new(result ?? throw new ArgumentNullException(nameof(result)), null);

    /// <summary>Converts a task from <see cref="ToolCall.HandOffAsync"/>.</summary>
    /// <param name="task">The task.</param>
    /// <exception cref="ArgumentNullException"><paramref name="task"/> is null.</exception>
    public static implicit operator ToolOutcome<T>(HandedOff task) => new(null, task ?? throw new ArgumentNullException(nameof(task)));
#pragma warning restore CA1000, CA2225
}
