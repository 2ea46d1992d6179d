namespace Adcp.Aot.Platform;

/// <summary>
/// A task that a call was handed off to. If it was handed off without work, keep <see cref="TaskId"/> and end the task by <see
/// cref="TaskHandOff"/>.
/// </summary>
public sealed class HandedOff
{
    internal HandedOff(string taskId, AdcpTaskStatus status, string? message, Task<WorkOutcome>? ended = null)
    {
        Ended = ended;
        TaskId = taskId;
        Status = status;
        Message = message;
    }

    /// <summary>The durable handle that the buyer gets.</summary>
    public string TaskId { get; }

    /// <summary><see cref="AdcpTaskStatus.Submitted"/> or <see cref="AdcpTaskStatus.Working"/>.</summary>
    public AdcpTaskStatus Status { get; }

    /// <summary>A text for people; null for none.</summary>
    public string? Message { get; }

    /// <summary>
    /// Gets how the work of the task ends, for what has to follow it. It never faults. <see langword="null"/> if the call was handed off
    /// without work.
    /// </summary>
    public Task<WorkOutcome>? Ended { get; }
}
