using System.Globalization;
using Adcp.Aot.Auditing;

namespace Adcp.Aot.Operations;

/// <summary>
/// Keeps the newest attempts and counts those of the last hour, for <see cref="IWebhookOperations"/>. Give it to the supervisor or the
/// worker as <see cref="WebhookSupervisorOptions.Sink"/>, or with other sinks in a <see cref="FanOutDeliveryLogSink"/>. Thread-safe.
/// </summary>
public sealed class AttemptHistory : IDeliveryLogSink
{
    private const int Minutes = 60;

    private readonly Lock _lock = new();
    private readonly DeliveryAttemptSnapshot[] _ring;
    private readonly Minute[] _minutes = new Minute[Minutes];
    private readonly TimeProvider _time;
    private long _recorded;

    /// <summary>Creates an empty history.</summary>
    /// <param name="capacity">The most attempts kept, 1 to 1,048,576. Default 10,000, which take about 6 MB.</param>
    /// <param name="timeProvider">The clock; <see langword="null"/> for the machine's.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is out of range.</exception>
    public AttemptHistory(int capacity = 10_000, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 20);
        _ring = new DeliveryAttemptSnapshot[capacity];
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ref Minute minute = ref Current(MinuteOf(_time.GetUtcNow()));
            foreach (DeliveryAttempt attempt in attempts.Span)
            {
                _ring[_recorded++ % _ring.Length] = DeliveryAttemptSnapshot.Of(attempt);
                minute.Count(attempt.Outcome);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Lists attempts, the newest first.</summary>
    /// <param name="query">The query; <see langword="null"/> for the newest 100.</param>
    /// <exception cref="ArgumentException"><see cref="AttemptQuery.After"/> is not the <c>Next</c> of a page.</exception>
    public OperationsPage<DeliveryAttemptSnapshot> List(AttemptQuery? query = null)
    {
        query ??= new AttemptQuery();
        long before = long.MaxValue;
        if (query.After is { } after
            && (!long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out before) || before < 0))
        {
            throw new ArgumentException("After is the Next of the page before.", nameof(query));
        }

        List<DeliveryAttemptSnapshot> page = [];
        long next = -1;
        long count = 0;
        lock (_lock)
        {
            for (long i = _recorded - 1; i >= Math.Max(0, _recorded - _ring.Length); i--)
            {
                DeliveryAttemptSnapshot attempt = _ring[i % _ring.Length];
                if (!query.Admits(attempt))
                {
                    continue;
                }

                count++;
                if (i < before && page.Count < query.Limit)
                {
                    page.Add(attempt);
                    next = i;
                }
                else if (i < before && page.Count == query.Limit)
                {
                    before = -1;
                }
            }
        }

        return new OperationsPage<DeliveryAttemptSnapshot>(
            page, before == -1 ? next.ToString(CultureInfo.InvariantCulture) : null, count, IsEstimate: false);
    }

    /// <summary>Returns the counts of the last 60 minutes, the oldest first.</summary>
    public IReadOnlyList<ActivityMinute> Activity()
    {
        ActivityMinute[] counts = new ActivityMinute[Minutes];
        long now = MinuteOf(_time.GetUtcNow());
        lock (_lock)
        {
            for (int i = 0; i < Minutes; i++)
            {
                long number = now - Minutes + 1 + i;
                Minute minute = _minutes[number % Minutes];
                DateTimeOffset at = DateTimeOffset.FromUnixTimeSeconds(number * 60);
                counts[i] = minute.Number == number
                    ? new ActivityMinute(at, minute.Delivered, minute.Failed, minute.NotAttempted)
                    : new ActivityMinute(at, 0, 0, 0);
            }
        }

        return counts;
    }

    private static long MinuteOf(DateTimeOffset time) => time.ToUnixTimeSeconds() / 60;

    private ref Minute Current(long number)
    {
        ref Minute minute = ref _minutes[number % Minutes];
        if (minute.Number != number)
        {
            minute = new Minute { Number = number };
        }

        return ref minute;
    }

    private struct Minute
    {
        internal long Number;
        internal long Delivered;
        internal long Failed;
        internal long NotAttempted;

        internal void Count(AttemptOutcome outcome)
        {
            if (outcome == AttemptOutcome.Success)
            {
                Delivered++;
            }
            else if (outcome == AttemptOutcome.Failure)
            {
                Failed++;
            }
            else
            {
                NotAttempted++;
            }
        }
    }
}
