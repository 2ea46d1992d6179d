using Adcp.Aot.Auditing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Auditing;

/// <summary>Makes logs and gives them records with numbers of their own.</summary>
internal static class Records
{
    /// <summary>A timeout that no test reaches by the machine's clock.</summary>
    internal static readonly TimeSpan Long = TimeSpan.FromMinutes(30);

    /// <summary>A timeout that passes at once by the machine's clock.</summary>
    internal static readonly TimeSpan Short = TimeSpan.FromMilliseconds(1);

    private static readonly WebhookDestination Destination = new("https://buyer.example/hooks/a", "op_1");

    internal static DeliveryLog Log(
        IDeliveryLogSink sink,
        SinkMode mode = SinkMode.Buffered,
        int capacity = 1024,
        TimeSpan? timeout = null,
        TimeProvider? time = null) =>
        new(sink, mode, capacity, timeout ?? Long, time ?? new FakeTimeProvider(), NullLogger.Instance);

    /// <summary>Records one attempt in the queue.</summary>
    /// <returns>False if it was dropped.</returns>
    internal static bool Add(this DeliveryLog log, int number)
    {
        if (log.Claim(ThreadStripe.Index) is not { } claimed)
        {
            return false;
        }

        Fill(ref claimed.Entry, number);
        log.Publish(claimed);
        return true;
    }

    /// <summary>Records one attempt inline.</summary>
    internal static Task AddInlineAsync(this DeliveryLog log, int number)
    {
        AttemptEntry entry = default;
        Fill(ref entry, number);
        return log.RecordInline(entry, default).AsTask();
    }

    /// <summary>A record outside any log.</summary>
    internal static DeliveryAttempt Of(int number, WebhookDestination? destination = null)
    {
        AttemptEntry entry = default;
        Fill(ref entry, number, destination);
        DeliveryAttempt record = new(new WallClock(new FakeTimeProvider()));
        record.Fill(entry);
        return record;
    }

    private static void Fill(ref AttemptEntry entry, int number, WebhookDestination? destination = null)
    {
        entry.Webhook = new PreparedWebhook(destination ?? Destination, "{}"u8.ToArray(), $"key_{number:D16}");
        entry.Context = DeliveryOptions.None;
        entry.IsAttempt = true;
        entry.AttemptNumber = 1;
        entry.MaxAttempts = 3;
        entry.StatusCode = 200;
    }
}
