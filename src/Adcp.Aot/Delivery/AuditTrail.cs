using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Turns what happens on a delivery's way into records and measurements. Nothing here throws or, unless inline, waits. Where a thread is asked for, it is this one's
/// <see cref="ThreadStripe.Index"/>: a delivery looks it up once, since that costs as much as its permit.
/// </summary>
internal sealed class AuditTrail : IAsyncDisposable
{
    private readonly DeliveryLog _log;
    private readonly uint _skipInterval;

    internal AuditTrail(WebhookDeliveryOptions options, ILogger logger)
    {
        _skipInterval = (uint)options.CircuitOpenRecordInterval.TotalMilliseconds;
        _log = new DeliveryLog(options.Sink, options.SinkMode, options.SinkQueueCapacity, options.Retry.SinkTimeout, options.TimeProvider, logger);
    }

    internal DeliveryLog Log => _log;

    internal WallClock Wall => _log.Wall;

    /// <summary>The record of a delivery that the first attempt made at once. Only for a sink that is buffered, or none.</summary>
    internal void Delivered(
        PreparedWebhook webhook, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long number, int statusCode, long startedAt, long endedAt, int thread)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(AttemptOutcome.Success, Wall.Elapsed(startedAt, endedAt));
        }

        if (_log.Claim(thread) is not { } claimed)
        {
            return;
        }

        ref AttemptEntry entry = ref claimed.Entry;
        Fill(ref entry, webhook, options, endpoint, number, retry.MaxAttempts);
        entry.IsAttempt = true;
        entry.AttemptNumber = 1;
        entry.StatusCode = (short)statusCode;
        entry.StartedAt = startedAt;
        entry.EndedAt = endedAt;
        _log.Publish(claimed);
    }

    /// <summary>The record of an attempt, or of a delivery's end between two.</summary>
    internal ValueTask Ended(PendingDelivery delivery, bool isAttempt, int thread)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(delivery.Step.Kind, Wall.Elapsed(delivery.AttemptStartedAt, delivery.Step.EndedAt));
        }

        if (_log.Claim(thread) is not { } claimed)
        {
            return _log.IsInline ? EndedInline(delivery, isAttempt) : ValueTask.CompletedTask;
        }

        End(ref claimed.Entry, ref claimed.Cause, delivery, isAttempt);
        _log.Publish(claimed);
        return ValueTask.CompletedTask;
    }

    /// <summary>A refusal's record, or one more on the endpoint's count of refusals without one.</summary>
    internal ValueTask Refused(
        PreparedWebhook webhook, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long number, int attempts, bool isIsolated, long stamp, uint now, int thread)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(AttemptOutcome.CircuitOpen, TimeSpan.Zero);
        }

        if (_skipInterval != 0)
        {
            uint last = Volatile.Read(ref endpoint.SkipRecordedAt);
            if ((last != 0 && now - (last - 1) < _skipInterval) || Interlocked.CompareExchange(ref endpoint.SkipRecordedAt, now + 1, last) != last)
            {
                Interlocked.Increment(ref endpoint.Skipped);
                return ValueTask.CompletedTask;
            }
        }

        if (_log.Claim(thread) is not { } claimed)
        {
            return _log.IsInline ? RefusedInline(webhook, options, retry, endpoint, number, attempts, isIsolated, stamp) : ValueTask.CompletedTask;
        }

        Fill(ref claimed.Entry, webhook, options, endpoint, number, retry.MaxAttempts);
        Refuse(ref claimed.Entry, attempts, isIsolated, stamp);
        _log.Publish(claimed);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _log.DisposeAsync();

    private ValueTask EndedInline(PendingDelivery delivery, bool isAttempt)
    {
        AttemptEntry entry = default;
        AttemptCause cause = default;
        End(ref entry, ref cause, delivery, isAttempt);
        return _log.RecordInline(entry, cause);
    }

    private ValueTask RefusedInline(
        PreparedWebhook webhook, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long number, int attempts, bool isIsolated, long stamp)
    {
        AttemptEntry entry = default;
        Fill(ref entry, webhook, options, endpoint, number, retry.MaxAttempts);
        Refuse(ref entry, attempts, isIsolated, stamp);
        return _log.RecordInline(entry, default);
    }

    /// <summary>Fills a cleared entry: what is the default of most attempts is not written.</summary>
    private static void End(ref AttemptEntry entry, ref AttemptCause cause, PendingDelivery delivery, bool isAttempt)
    {
        ref AttemptStep step = ref delivery.Step;
        Fill(ref entry, delivery.Webhook, delivery.Options, delivery.Endpoint, delivery.Number, delivery.Retry.MaxAttempts);
        entry.IsAttempt = isAttempt;
        entry.AttemptNumber = (ushort)delivery.Attempt;
        entry.StatusCode = step.StatusCode;
        entry.StartedAt = delivery.AttemptStartedAt;
        entry.EndedAt = step.EndedAt;
        if (step.Kind != AttemptOutcome.Success || step.Code is not null)
        {
            entry.Outcome = (byte)step.Kind;
            entry.Error = (byte)step.Error;
            entry.WillRetry = !step.Ends;
            if (step.Detail is not null || step.Code is not null || step.Delay != TimeSpan.Zero)
            {
                entry.HasCause = true;
                cause.Detail = step.Detail;
                cause.Code = step.Code;
                cause.RetryDelay = step.Delay;
            }
        }
    }

    private static void Refuse(ref AttemptEntry entry, int attempts, bool isIsolated, long stamp)
    {
        entry.AttemptNumber = (ushort)attempts;
        entry.Outcome = (byte)AttemptOutcome.CircuitOpen;
        entry.IsIsolated = isIsolated;
        entry.StartedAt = stamp;
        entry.EndedAt = stamp;
    }

    private static void Fill(ref AttemptEntry entry, PreparedWebhook webhook, DeliveryOptions options, Endpoint endpoint, long number, int maxAttempts)
    {
        entry.Webhook = webhook;
        entry.Context = options;
        entry.SequenceNumber = number;
        entry.MaxAttempts = (ushort)maxAttempts;
        if (endpoint.Skipped != 0)
        {
            entry.SkippedBefore = Interlocked.Exchange(ref endpoint.Skipped, 0);
        }
    }
}
