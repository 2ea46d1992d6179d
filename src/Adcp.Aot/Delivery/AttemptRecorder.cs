using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Writes audit records and measurements. Its methods never throw. A returned task is completed unless the sink is
/// inline. A <c>thread</c> parameter is this thread's <see cref="ThreadStripe.Index"/>.
/// </summary>
internal sealed class AttemptRecorder : IAsyncDisposable
{
    private readonly DeliveryLog _log;
    private readonly uint _skipInterval;

    internal AttemptRecorder(WebhookSupervisorOptions options, ILogger logger)
    {
        _skipInterval = (uint)options.CircuitOpenRecordInterval.TotalMilliseconds;
        _log = new DeliveryLog(options.Sink, options.SinkMode, options.SinkQueueCapacity, options.SinkTimeout,
            options.TimeProvider, logger, options.RecordsFullPaths);
    }

    internal DeliveryLog Log => _log;

    internal WallClock Wall => _log.Wall;

    /// <summary>Gets whether a delivery waits for its records.</summary>
    internal bool IsInline => _log.IsInline;

    /// <summary>Records an attempt, or the end of a delivery between two attempts.</summary>
    internal Task Ended(InFlightDelivery delivery, bool isAttempt, int thread)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(delivery.Step.Kind, Wall.Elapsed(delivery.AttemptStartedAt, delivery.Step.EndedAt));
        }

        if (_log.Claim(thread) is not { } claimed)
        {
            return _log.IsInline ? EndedInline(delivery, isAttempt) : Task.CompletedTask;
        }

        Fill(ref claimed.Entry, ref claimed.Cause, delivery, isAttempt);
        _log.Publish(claimed);
        return Task.CompletedTask;
    }

    /// <summary>Records a refusal, or adds one to the endpoint's count of refusals without a record.</summary>
    internal Task Refused(in Refusal refused, bool isIsolated, long stamp, long milliseconds, int thread)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(AttemptOutcome.CircuitOpen, TimeSpan.Zero);
        }

        if (_skipInterval != 0 && !IsDue(refused.Endpoint, (uint)milliseconds))
        {
            Interlocked.Increment(ref refused.Endpoint.Skipped);
            return Task.CompletedTask;
        }

        if (_log.Claim(thread) is not { } claimed)
        {
            return _log.IsInline ? RefusedInline(refused, isIsolated, stamp) : Task.CompletedTask;
        }

        Fill(ref claimed.Entry, refused, isIsolated, stamp);
        _log.Publish(claimed);
        return Task.CompletedTask;
    }

    /// <summary>Records an attempt that is not made, of a delivery that is kept elsewhere.</summary>
    internal Task NotMade(
        AttemptRequest request, DeliveryOptions options, int maxAttempts, AttemptOutcome outcome, string? code, TimeSpan? retryIn,
        long stamp, int thread)
    {
        if (DeliveryMeter.IsOn)
        {
            DeliveryMeter.Attempt(outcome, TimeSpan.Zero);
        }

        AttemptEntry entry = new()
        {
            Webhook = request.Webhook,
            Context = options,
            SequenceNumber = request.SequenceNumber ?? 0,
            AttemptNumber = (ushort)(request.AttemptNumber - 1),
            MaxAttempts = (ushort)maxAttempts,
            Outcome = (byte)outcome,
            WillRetry = retryIn is not null,
            StartedAt = stamp,
            EndedAt = stamp,
            HasCause = code is not null || retryIn is not null,
        };
        AttemptCause cause = new() { Code = code, RetryDelay = retryIn ?? TimeSpan.Zero };
        if (_log.Claim(thread) is not { } claimed)
        {
            return _log.IsInline ? _log.RecordInline(entry, cause).AsTask() : Task.CompletedTask;
        }

        claimed.Entry = entry;
        claimed.Cause = cause;
        _log.Publish(claimed);
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => _log.DisposeAsync();

    private Task EndedInline(InFlightDelivery delivery, bool isAttempt)
    {
        AttemptEntry entry = default;
        AttemptCause cause = default;
        Fill(ref entry, ref cause, delivery, isAttempt);
        return _log.RecordInline(entry, cause).AsTask();
    }

    private Task RefusedInline(in Refusal refused, bool isIsolated, long stamp)
    {
        AttemptEntry entry = default;
        Fill(ref entry, refused, isIsolated, stamp);
        return _log.RecordInline(entry, default).AsTask();
    }

    /// <summary>Returns whether an endpoint's next refusal is to be recorded, for one caller in each interval.</summary>
    private bool IsDue(Endpoint endpoint, uint now)
    {
        uint last = Volatile.Read(ref endpoint.SkipRecordedAt);
        if (last != 0)
        {
            // If the present is up to a minute older than the last record, another thread took it a moment ago. That
            // counts as no age.
            uint age = unchecked(now - (last - 1));
            if (age < _skipInterval || age > uint.MaxValue - 60_000)
            {
                return false;
            }
        }

        return Interlocked.CompareExchange(ref endpoint.SkipRecordedAt, unchecked(now + 1), last) == last;
    }

    /// <summary>Fills a cleared entry. A value that is the default of most attempts is not written.</summary>
    private static void Fill(ref AttemptEntry entry, ref AttemptCause cause, InFlightDelivery delivery, bool isAttempt)
    {
        ref AttemptStep step = ref delivery.Step;
        Fill(ref entry, delivery.Webhook, delivery.Options, delivery.Endpoint, delivery.SequenceNumber, delivery.Retry.MaxAttempts);
        entry.IsAttempt = isAttempt;
        entry.AttemptNumber = (ushort)delivery.Attempt;
        entry.StatusCode = step.StatusCode;
        entry.StartedAt = delivery.AttemptStartedAt;
        entry.EndedAt = step.EndedAt;
        if (step.ConnectionReplaced)
        {
            entry.Flags = AttemptFlags.ConnectionReplaced;
        }

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

    private static void Fill(ref AttemptEntry entry, in Refusal refused, bool isIsolated, long stamp)
    {
        Fill(ref entry, refused.Webhook, refused.Options, refused.Endpoint, refused.SequenceNumber, refused.Retry.MaxAttempts);
        entry.AttemptNumber = (ushort)refused.Attempts;
        entry.Outcome = (byte)AttemptOutcome.CircuitOpen;
        entry.Flags = isIsolated ? AttemptFlags.Isolated : AttemptFlags.None;
        entry.StartedAt = stamp;
        entry.EndedAt = stamp;
    }

    private static void Fill(ref AttemptEntry entry, PreparedWebhook webhook, DeliveryOptions options, Endpoint endpoint,
        long number, int maxAttempts)
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
