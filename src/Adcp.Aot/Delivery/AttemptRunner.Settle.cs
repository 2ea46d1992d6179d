using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <content>The end of an attempt.</content>
public sealed partial class AttemptRunner
{
    /// <summary>
    /// Gives the result of an attempt to the circuits, returns the permits, records the attempt, and decides what follows. Never
    /// throws.
    /// </summary>
    internal void Settle(InFlightDelivery delivery, WebhookSendResult? result, Exception? fault)
    {
        ReleasePermits(delivery);
        long now = Clock.Exact();
        ref AttemptStep step = ref delivery.Step;
        step.EndedAt = now;
        if (result is not null)
        {
            delivery.LastResult = result;
        }

        if (delivery.Cause != CancellationCause.None && IsInterruption(result))
        {
            step.Error = result?.Error ?? WebhookSendError.None;
            _circuits.Report(delivery, EndpointHealth.Unknown, result, step.Error, isConnectFailure: false, now);
            EndCancelled(delivery);
        }
        else
        {
            ResponseClassification verdict = result is not null
                ? _classifier.Classify(result, ref step)
                : AttemptClassifier.Classify(fault ?? new InvalidOperationException("The sender returned no result."), ref step);
            _circuits.Report(delivery, verdict.Health, result, step.Error, result?.IsConnectFailure
                ?? AttemptFault.IsConnectFailure(fault), now);
            Decide(delivery, verdict, result, now);
        }

        Endpoints.Touch(delivery.Endpoint, now);
        if (delivery.Span is not null)
        {
            DeliveryTrace.End(delivery);
        }

        Record(delivery);
    }

    /// <summary>
    /// Ends an attempt whose sender continues although it was cancelled. The permits stay taken until the sender ends,
    /// so that the number of such senders stays bounded.
    /// </summary>
    internal void SettleAbandoned(InFlightDelivery delivery)
    {
        Interlocked.Increment(ref _abandoned);
        SenderIgnoresCancellation(
            _logger, delivery.Webhook.IdempotencyKey, RedactedUrl.OfText(delivery.Endpoint.Key), _options.CancellationTimeout);
        long now = Clock.Exact();
        delivery.Step = new AttemptStep { EndedAt = now };
        _circuits.Report(delivery, EndpointHealth.Unknown, null, WebhookSendError.None, isConnectFailure: false, now);
        EndCancelled(delivery);
        if (delivery.Span is not null)
        {
            DeliveryTrace.End(delivery);
        }

        Record(delivery);
    }

    /// <summary>Returns the permits of an abandoned attempt when its sender has ended after all.</summary>
    internal void ReleaseAbandoned(InFlightDelivery delivery)
    {
        Interlocked.Decrement(ref _abandoned);
        ReleasePermits(delivery);
    }

    /// <summary>Ends a delivery that was cancelled while it waited, and records that.</summary>
    /// <returns><see langword="true"/>: there is no attempt to wait for.</returns>
    internal bool Interrupt(InFlightDelivery delivery)
    {
        long now = Clock.Exact();
        delivery.AttemptStartedAt = now;
        delivery.Step = new AttemptStep { EndedAt = now };
        EndCancelled(delivery);
        Record(delivery, isAttempt: false);
        return true;
    }

    /// <summary>Decides the next step after an attempt that ended by itself.</summary>
    private void Decide(InFlightDelivery delivery, in ResponseClassification verdict, WebhookSendResult? result, long now)
    {
        ref AttemptStep step = ref delivery.Step;
        step.Code = verdict.Code;
        if (verdict.Verdict == DeliveryVerdict.Delivered)
        {
            step.Kind = AttemptOutcome.Success;
            step.End(DeliveryStatus.Delivered);
            return;
        }

        bool isRefusal = result is null ? verdict.Health == EndpointHealth.Unknown : AttemptClassifier.IsRefusal(result.Error);
        step.Kind = isRefusal ? AttemptOutcome.Refused : AttemptOutcome.Failure;
        if (verdict.Verdict == DeliveryVerdict.Stop)
        {
            step.End(isRefusal ? DeliveryStatus.Refused : DeliveryStatus.Rejected);
        }
        else if (delivery.Attempt >= delivery.Retry.MaxAttempts)
        {
            step.End(DeliveryStatus.Exhausted);
        }
        else
        {
            step.Delay = DelayAfter(delivery, result);
            if (delivery.TimeLimit is { } limit && _recorder.Wall.Elapsed(delivery.StartedAt, now) + step.Delay >= limit)
            {
                step.End(DeliveryStatus.DeadlineExceeded, "deadline");
            }
        }
    }

    private TimeSpan DelayAfter(InFlightDelivery delivery, WebhookSendResult? result)
    {
        try
        {
            TimeSpan? hint = RetryAfter.From(result?.ResponseHeaders, Clock.Time);
            return delivery.Retry.DelayBeforeAttempt(delivery.Attempt + 1, _options.Random, hint);
        }
        catch (Exception fault)
        {
            // A user's source of jitter or clock threw: without jitter the delay is still right.
            JitterFailed(_logger, fault.GetType().Name);
            return delivery.Retry.DelayBeforeAttempt(delivery.Attempt + 1, Random.Shared, null);
        }
    }

    /// <summary>Ends a delivery that was cancelled.</summary>
    private void EndCancelled(InFlightDelivery delivery)
    {
        ref AttemptStep step = ref delivery.Step;
        step.Kind = AttemptOutcome.Cancelled;
        switch (delivery.Cause)
        {
            case CancellationCause.Deadline:
                step.Kind = AttemptOutcome.Expired;
                step.End(DeliveryStatus.DeadlineExceeded, "deadline");
                break;
            case CancellationCause.Shutdown:
                Interlocked.Increment(ref _shutDown);
                step.End(DeliveryStatus.ShutDown, "shutdown");
                break;
            default:
                step.End(DeliveryStatus.Cancelled, "cancelled");
                break;
        }
    }

    /// <summary>
    /// Returns whether the cancellation ended an attempt of a cancelled delivery. An answer, or a refusal of our own,
    /// keeps its meaning.
    /// </summary>
    private static bool IsInterruption(WebhookSendResult? result) =>
        result is null || (result.StatusCode == 0 && !AttemptClassifier.IsRefusal(result.Error));

    [LoggerMessage(
        AdcpEventIds.SenderIgnoresCancellation, LogLevel.Error,
        "The sender of webhook {IdempotencyKey} to {Endpoint} still runs {Timeout} after it was cancelled. "
            + "The delivery has ended without it. Its permits stay taken until the sender ends.")]
    private static partial void SenderIgnoresCancellation(ILogger logger, string idempotencyKey, string endpoint, TimeSpan timeout);

    [LoggerMessage(
        AdcpEventIds.JitterFailed, LogLevel.Error,
        "The retry delay was computed without jitter and Retry-After because the clock or the random source threw {Fault}.")]
    private static partial void JitterFailed(ILogger logger, string fault);
}
