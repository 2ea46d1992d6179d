using Adcp.Aot.Auditing;

namespace Adcp.Aot.Storage;

/// <summary>Computes the <c>status</c> of a <c>webhook-activity-record</c> from the columns of a log. Thread-safe.</summary>
public static class ActivityStatus
{
    private static readonly TimeSpan LongestHorizon = TimeSpan.FromDays(7);

    /// <summary>Returns the status, the same that <c>DeliveryAttempt.ToActivityRecord</c> gives.</summary>
    /// <param name="outcome">The outcome's wire name.</param>
    /// <param name="httpStatusCode">The answer's status; <c>null</c> if there was no answer.</param>
    /// <param name="error">The error's wire name; <c>null</c> if there was none.</param>
    public static string Of(string outcome, long? httpStatusCode, string? error) =>
        outcome == "success" ? "success"
        : httpStatusCode is not null ? "failed"
        : error == "connection_failed" ? "connection_error"
        : "timeout";

    /// <summary>
    /// Returns the record of an attempt that has not begun. Its <c>fired_at</c> is the end of the attempt before it, because AdCP has no
    /// field for a planned time.
    /// </summary>
    /// <param name="last">The latest attempt of the webhook.</param>
    /// <returns>
    /// The record; <see langword="null"/> if <paramref name="last"/> is older than 7 days, the longest retry horizon: the process that
    /// would have made the attempt ended without an outbox.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="last"/> is null.</exception>
    public static WebhookActivityRecord? Pending(WebhookActivityRecord last)
    {
        ArgumentNullException.ThrowIfNull(last);
        return TimeProvider.System.GetUtcNow() - last.FiredAt > LongestHorizon
            ? null
            : last with
            {
                Attempt = last.Attempt + 1,
                FiredAt = last.CompletedAt ?? last.FiredAt,
                CompletedAt = null,
                Status = "pending",
                HttpStatusCode = null,
                ResponseTimeMs = null,
                ErrorMessage = null,
            };
    }
}
