using Adcp.Aot.Auditing;
using Adcp.Aot.Sending;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.DeliveryLogs;

/// <summary>Records as a supervisor makes them.</summary>
internal static class Attempts
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static readonly FakeTimeProvider Clock = new(Noon);

    private static readonly WallClock Wall = new(Clock);

    private static readonly WebhookDestination Destination = new("https://buyer.example/hooks/a?token=secret", "op_1");

    /// <summary>The n-th record: its key and time follow from n.</summary>
    public static DeliveryAttempt Of(int n, string tenant = "acme", int status = 200, Action<DeliveryAttempt>? change = null)
    {
        long start = Clock.GetTimestamp() + (n * 10L * TimeSpan.TicksPerMillisecond) + 10;
        DeliveryAttempt attempt = new(Wall)
        {
            FrozenWebhook = new PreparedWebhook(Destination, "{}"u8.ToArray(), $"key_{n:D16}")
            {
                TaskId = "task_" + n,
                TaskType = "create_media_buy",
                NotificationId = "event_" + n,
            },
            OwnNotificationType = "scheduled",
            IsAttempt = true,
            StartedAt = start,
            EndedAt = start + (n % 500 * TimeSpan.TicksPerMillisecond),
        };
        attempt.BreakerKeyIsUrl = true;
        attempt.SequenceKey = tenant;
        attempt.SequenceNumberOrZero = n + 1;
        attempt.AttemptNumber = 1;
        attempt.MaxAttempts = 3;
        attempt.Outcome = status is >= 200 and < 300 ? AttemptOutcome.Success : AttemptOutcome.Failure;
        attempt.StatusCodeOrZero = (short)status;
        change?.Invoke(attempt);
        return attempt;
    }

    public static DeliveryAttempt[] Many(int count, int first = 0, string tenant = "acme") =>
        [.. Enumerable.Range(first, count).Select(n => Of(n, tenant))];
}
