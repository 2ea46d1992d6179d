using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>Turns what happens on a delivery's way into records and measurements. Nothing here throws or, unless inline, waits.</summary>
internal sealed class AuditTrail : IAsyncDisposable
{
    private readonly MonotonicClock _clock;
    private readonly DeliveryLog _log;
    private readonly uint _skipInterval;

    internal AuditTrail(WebhookDeliveryOptions options, MonotonicClock clock, ILogger logger)
    {
        _clock = clock;
        _skipInterval = (uint)options.CircuitOpenRecordInterval.TotalMilliseconds;
        _log = new DeliveryLog(options.Sink, options.SinkMode, options.SinkQueueCapacity, options.Retry.SinkTimeout, options.TimeProvider, logger);
    }

    internal DeliveryLog Log => _log;

    internal WallClock Wall => _log.Wall;

    /// <summary>The record of a delivery that the first attempt made at once. Only for a sink that is buffered, or none.</summary>
    internal void Delivered(
        PreparedWebhook webhook, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long number, int statusCode, long startedAt, long endedAt)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(AttemptOutcome.Success, Wall.Elapsed(startedAt, endedAt));
        }

        if (_log.Begin(out AttemptRing.Claim claim) is not { } record)
        {
            return;
        }

        Fill(record, webhook, options, endpoint, number, retry.MaxAttempts);
        record.IsAttempt = true;
        record.AttemptNumber = 1;
        record.Outcome = AttemptOutcome.Success;
        record.StatusCodeOrZero = (short)statusCode;
        record.StartedAt = startedAt;
        record.EndedAt = endedAt;
        _log.Publish(claim);
    }

    /// <summary>The record of an attempt, or of a delivery's end between two.</summary>
    internal ValueTask Ended(in DeliveryState delivery, in AttemptStep step, bool isAttempt)
    {
        DeliveryMeter.Attempt(step.Kind, Wall.Elapsed(delivery.AttemptStartedAt, step.EndedAt));
        if (_log.Begin(out AttemptRing.Claim claim) is not { } record)
        {
            return ValueTask.CompletedTask;
        }

        Fill(record, delivery.Webhook, delivery.Options, delivery.Endpoint, delivery.Number, delivery.Retry.MaxAttempts);
        record.IsAttempt = isAttempt;
        record.AttemptNumber = delivery.Attempt;
        record.Outcome = step.Kind;
        record.StatusCodeOrZero = (short)(step.Result?.StatusCode ?? 0);
        record.Error = step.Error;
        record.ErrorDetail = step.Detail;
        record.Code = step.Code;
        record.StartedAt = delivery.AttemptStartedAt;
        record.EndedAt = step.EndedAt;
        if (step.Outcome is null)
        {
            record.RetryDelay = step.Delay;
        }

        return _log.Commit(record, claim);
    }

    /// <summary>A refusal's record, or one more on the endpoint's count of refusals without one.</summary>
    internal ValueTask Refused(
        PreparedWebhook webhook, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long number, int attempts, string code, long stamp)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(AttemptOutcome.CircuitOpen, TimeSpan.Zero);
        }

        if (_skipInterval != 0)
        {
            uint now = _clock.Milliseconds(stamp);
            uint last = Volatile.Read(ref endpoint.SkipRecordedAt);
            if ((last != 0 && now - (last - 1) < _skipInterval) || Interlocked.CompareExchange(ref endpoint.SkipRecordedAt, now + 1, last) != last)
            {
                Interlocked.Increment(ref endpoint.Skipped);
                return ValueTask.CompletedTask;
            }
        }

        if (_log.Begin(out AttemptRing.Claim claim) is not { } record)
        {
            return ValueTask.CompletedTask;
        }

        Fill(record, webhook, options, endpoint, number, retry.MaxAttempts);
        record.IsAttempt = false;
        record.AttemptNumber = attempts;
        record.Outcome = AttemptOutcome.CircuitOpen;
        record.Code = code;
        record.StartedAt = stamp;
        record.EndedAt = stamp;
        return _log.Commit(record, claim);
    }

    public ValueTask DisposeAsync() => _log.DisposeAsync();

    /// <summary>What every record says. References are written only where there is one: each costs the collector's barrier, and the reader leaves them null.</summary>
    private static void Fill(DeliveryAttempt record, PreparedWebhook webhook, DeliveryOptions options, Endpoint endpoint, long number, int maxAttempts)
    {
        record.FrozenWebhook = webhook;
        record.Endpoint = endpoint;
        record.BreakerKeyIsUrl = options.BreakerKey is null;
        record.SequenceNumberOrZero = number;
        record.MaxAttempts = maxAttempts;
        if (options.SequenceKey is { } sequenceKey)
        {
            record.SequenceKey = sequenceKey;
        }

        if (options.NotificationType is { } notificationType)
        {
            record.OwnNotificationType = notificationType;
        }

        if (endpoint.Skipped != 0)
        {
            record.SkippedBefore = Interlocked.Exchange(ref endpoint.Skipped, 0);
        }
    }
}
