namespace Adcp.Aot.Platform;

/// <summary>
/// A webhook that was promised and has not reached its receiver. It holds ids only; the delivery under way holds the
/// frozen webhook.
/// </summary>
internal sealed class PendingWebhook(string tenant, string taskId, AdcpTaskStatus status, PushChannel channel, string? message, long bytes)
{
    /// <summary>The size of a pending webhook beside its result and context.</summary>
    internal const int Overhead = 2048;

    internal static PendingWebhook Of(SellerTask task, PushRegistration registration, string? message) => new(
        task.Tenant, task.TaskId, task.Status, registration.Channel, message,
        task.Result.Length + task.Context.Length + Text(message) + Overhead)
    {
        Endpoint = registration.Destination.Target.Authority,
    };

    internal string Tenant { get; } = tenant;

    internal string TaskId { get; } = taskId;

    internal AdcpTaskStatus Status { get; } = status;

    internal PushChannel Channel { get; } = channel;

    /// <summary>A text for people; null for none, or if it was left out because too many wait.</summary>
    internal string? Message { get; set; } = message;

    /// <summary>The bytes of its message.</summary>
    internal int MessageBytes => Text(Message);

    /// <summary>The approximate size of the frozen webhook.</summary>
    internal long Bytes { get; } = bytes;

    /// <summary>The authority of its url, for the log; <c>null</c> until it is known.</summary>
    internal string? Endpoint { get; set; }

    /// <summary>Gets whether its end was logged. It is logged once.</summary>
    internal bool IsReported { get; set; }

    private static int Text(string? message) => sizeof(char) * (message?.Length ?? 0);
}
