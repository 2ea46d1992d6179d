namespace Adcp.Aot.Storage;

/// <summary>The <c>status</c> of a <c>webhook-activity-record</c>, from what a log keeps of an attempt.</summary>
public static class ActivityStatus
{
    /// <summary>The status, the same that <c>DeliveryAttempt.ToActivityRecord</c> gives.</summary>
    /// <param name="outcome">The outcome's wire name.</param>
    /// <param name="httpStatusCode">The answer's status; null without one.</param>
    /// <param name="error">The error's wire name; null without one.</param>
    public static string Of(string outcome, long? httpStatusCode, string? error) =>
        outcome == "success" ? "success"
        : httpStatusCode is not null ? "failed"
        : error == "connection_failed" ? "connection_error"
        : "timeout";
}
