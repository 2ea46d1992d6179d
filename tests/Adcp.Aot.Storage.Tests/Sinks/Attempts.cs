using Adcp.Aot.Auditing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Sinks;

/// <summary>Records as a supervisor makes them.</summary>
internal static class Attempts
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static readonly FakeTimeProvider Clock = new(Noon);

    private static readonly WallClock Wall = new(Clock);

    private static readonly WebhookDestination Destination = new("https://buyer.example/hooks/a?token=secret", "op_1");

    /// <summary>Changes the entry of a record.</summary>
    public delegate void Change(ref AttemptEntry entry);

    /// <summary>Returns the n-th record: its key and time follow from n.</summary>
    public static DeliveryAttempt Of(int n, string tenant = "acme", int status = 200, Change? change = null, AttemptCause cause = default)
    {
        long start = Clock.GetTimestamp() + (n * 10L * TimeSpan.TicksPerMillisecond) + 10;
        AttemptEntry entry = new()
        {
            Webhook = new PreparedWebhook(Destination, "{}"u8.ToArray(), $"key_{n:D16}")
            {
                TaskId = "task_" + n,
                TaskType = "create_media_buy",
                NotificationId = "event_" + n,
            },
            Context = new DeliveryOptions { SequenceKey = tenant, NotificationType = "scheduled" },
            SequenceNumber = n + 1,
            StartedAt = start,
            EndedAt = start + (n % 500 * TimeSpan.TicksPerMillisecond),
            AttemptNumber = 1,
            MaxAttempts = 3,
            IsAttempt = true,
            StatusCode = (short)status,
            Outcome = (byte)(status is >= 200 and < 300 ? AttemptOutcome.Success : AttemptOutcome.Failure),
        };
        change?.Invoke(ref entry);
        DeliveryAttempt attempt = new(Wall);
        attempt.Fill(entry, cause);
        return attempt;
    }

    public static DeliveryAttempt[] Many(int count, int first = 0, string tenant = "acme") =>
        [.. Enumerable.Range(first, count).Select(n => Of(n, tenant))];
}
