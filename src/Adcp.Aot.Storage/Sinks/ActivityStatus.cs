namespace Adcp.Aot.Storage;

/// <summary>Computes the <c>status</c> of a <c>webhook-activity-record</c> from the columns of a log.</summary>
public static class ActivityStatus
{
    /// <summary>Returns the status, the same that <c>DeliveryAttempt.ToActivityRecord</c> gives.</summary>
    /// <param name="outcome">The outcome's wire name.</param>
    /// <param name="httpStatusCode">The answer's status; <c>null</c> if there was no answer.</param>
    /// <param name="error">The error's wire name; <c>null</c> if there was none.</param>
    public static string Of(string outcome, long? httpStatusCode, string? error) =>
        outcome == "success" ? "success"
        : httpStatusCode is not null ? "failed"
        : error == "connection_failed" ? "connection_error"
        : "timeout";
}
