using Adcp.Aot.Auditing;

namespace Adcp.Aot.Operations;

/// <summary>A query for attempts, the newest first. Members that are null admit every attempt. Immutable.</summary>
public sealed record AttemptQuery
{
    /// <summary>Gets the endpoint's <see cref="EndpointStatus.Name"/>.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Gets the outcome.</summary>
    public AttemptOutcome? Outcome { get; init; }

    /// <summary>Gets the task.</summary>
    public string? TaskId { get; init; }

    /// <summary>Gets the notification type.</summary>
    public string? NotificationType { get; init; }

    /// <summary>Gets the idempotency key: the attempts of one delivery.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Gets the earliest end of an attempt.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Gets the latest end of an attempt.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Gets <see cref="OperationsPage{T}.Next"/> of the page before; <see langword="null"/> for the first page.</summary>
    public string? After { get; init; }

    /// <summary>Gets the most rows of the page. 1 to 1,000, default 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000.</exception>
    public int Limit
    {
        get;
        init => field = PageLimit.Check(value, nameof(Limit));
    } = PageLimit.Default;

    /// <summary>Returns the name of the type: a filter may contain a secret.</summary>
    public override string ToString() => nameof(AttemptQuery);

    internal bool Admits(DeliveryAttemptSnapshot attempt) =>
        (Outcome is null || attempt.Outcome == Outcome)
        && (Endpoint is null || attempt.BreakerKey == Endpoint)
        && (TaskId is null || attempt.TaskId == TaskId)
        && (NotificationType is null || attempt.NotificationType == NotificationType)
        && (IdempotencyKey is null || attempt.IdempotencyKey == IdempotencyKey)
        && (Since is null || attempt.CompletedAt >= Since)
        && (Until is null || attempt.CompletedAt <= Until);
}
