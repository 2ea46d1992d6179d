namespace Adcp.Aot.Platform;

/// <summary>A task that a call was handed off to. Keep <see cref="TaskId"/> to finish it by <see cref="TaskHandOff"/>.</summary>
public sealed class HandedOff
{
    internal HandedOff(string taskId, AdcpTaskStatus status, string? message)
    {
        TaskId = taskId;
        Status = status;
        Message = message;
    }

    /// <summary>The durable handle that the buyer is given.</summary>
    public string TaskId { get; }

    /// <summary><see cref="AdcpTaskStatus.Submitted"/> or <see cref="AdcpTaskStatus.Working"/>.</summary>
    public AdcpTaskStatus Status { get; }

    /// <summary>Words for people; null for none.</summary>
    public string? Message { get; }
}
