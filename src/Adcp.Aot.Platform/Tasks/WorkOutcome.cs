namespace Adcp.Aot.Platform;

/// <summary>Says how the work of a task that runs in the background ended.</summary>
/// <param name="Status">
/// <see cref="AdcpTaskStatus.Completed"/> if the work returned a result, <see cref="AdcpTaskStatus.Failed"/> if it threw;
/// <see langword="null"/> if a shutdown cut it short, so that its task stays open.
/// </param>
/// <param name="Transition">
/// The answer of the task registry; <see langword="null"/> if the work was cut short, or if the registry did not answer before the
/// shutdown.
/// </param>
public readonly record struct WorkOutcome(AdcpTaskStatus? Status, TaskTransition? Transition)
{
    /// <summary>Gets whether the task is completed with the result of the work.</summary>
    public bool IsCompleted => Status == AdcpTaskStatus.Completed && Transition is (TaskTransition.Entered or TaskTransition.Repeated);
}
