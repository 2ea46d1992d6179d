using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Makes one attempt of a delivery as a unit: permits, circuit, sequence number, one send, classification, audit record, and the delay before the next attempt.
/// It does not know where the delivery is kept or how it waits. Thread-safe.
/// </summary>
/// <remarks>
/// <para>A supervisor calls it in a loop, a worker of a durable outbox once for each row. The steps of an attempt, and what each holds:</para>
/// <code>
/// step                     concurrency permits   circuit permit   on a fault or refusal
/// 1 take permits           -                     -                cancelled: record without an attempt
/// 2 ask the circuits       held                  -                refused: permits returned, record or count
/// 3 draw the number        held                  held             thrown by the payload: both returned, thrown on
/// 4 send                   held                  held             thrown: classified like a result
/// 5 settle                 returned first        reported         never throws
/// 6 record                 -                     -                never throws
/// abandoned while at 4     kept until the        returned         record says cancelled, expired or shut down
///                          sender ends
/// </code>
/// </remarks>
public sealed partial class AttemptRunner : IAsyncDisposable
{
    private readonly IWebhookSender _sender;
    private readonly WebhookDeliveryOptions _options;
    private readonly ILogger _logger;
    private readonly AttemptClassifier _classifier;
    private readonly AttemptRecorder _recorder;
    private readonly ConcurrencyLimits _limits;
    private int _shutDown;
    private int _abandoned;

    /// <summary>Creates a runner over a sender.</summary>
    /// <param name="sender">The sender that makes the attempts. The caller disposes it.</param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sender"/> is null.</exception>
    public AttemptRunner(IWebhookSender sender, WebhookDeliveryOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sender);
        options ??= new WebhookDeliveryOptions();
        _logger = options.Logger is { } logger ? new GuardedLogger(logger) : NullLogger.Instance;
        options = options with { TimeProvider = GuardedTimeProvider.Of(options.TimeProvider, _logger) };
        _sender = sender;
        _options = options;
        _classifier = new AttemptClassifier(options.Responses, _logger);
        _recorder = new AttemptRecorder(options, _logger);
        _limits = new ConcurrencyLimits(options.MaxConcurrencyPerEndpoint, options.MaxConcurrencyPerTenant, options.MaxConcurrency);
        Clock = new MonotonicClock(options.TimeProvider);
        Sequences = options.Sequences ?? new SequenceAllocator();
        Endpoints = new EndpointTable(options.Circuit, options.MaxEndpoints, options.EndpointIdleTimeout, Clock);
        Pool = new DeliveryPool(this);
    }

    /// <summary>Gets the known endpoints, their circuits, and the switches for them.</summary>
    public EndpointTable Endpoints { get; }

    /// <summary>Gets the number of audit records dropped because the sink's queue was full.</summary>
    public long RecordsDropped => _recorder.Log.Dropped;

    /// <summary>Gets the number of sink calls that threw or outlived their timeout.</summary>
    public long SinkFailures => _recorder.Log.SinkFailures;

    internal MonotonicClock Clock { get; }

    internal SequenceAllocator Sequences { get; }

    internal DeliveryPool Pool { get; }

    internal DeliveryLog Log => _recorder.Log;

    internal TimeSpan CancellationTimeout => _options.CancellationTimeout;

    /// <summary>Gets the number of deliveries that a shutdown cut short.</summary>
    internal int ShutDownCount => Volatile.Read(ref _shutDown);

    /// <summary>Gets the number of senders that go on although their delivery was cancelled and has ended.</summary>
    internal int AbandonedCount => Volatile.Read(ref _abandoned);

    /// <summary>Makes one attempt of a delivery that is kept elsewhere.</summary>
    /// <param name="request">The attempt.</param>
    /// <param name="cancellationToken">Cancels the attempt; the result is then <see cref="DeliveryStatus.Cancelled"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="request"/> is null.</exception>
    public async ValueTask<AttemptResult> RunAsync(AttemptRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        DeliveryOptions options = request.Options ?? DeliveryOptions.None;
        InFlightDelivery delivery = Pool.Rent(ThreadStripe.Index);
        try
        {
            delivery.Begin(request.Webhook, null, options, options.Retry ?? _options.Retry, EndpointOf(request.Webhook, options), Clock.Exact(), request.TimeLeft);
            delivery.Attempt = request.AttemptNumber - 1;
            delivery.SequenceNumber = request.SequenceNumber ?? 0;
            Bind(delivery, cancellationToken);
            await RunAsync(delivery).ConfigureAwait(false);
            return new AttemptResult(delivery, _recorder.Wall);
        }
        finally
        {
            Pool.Return(delivery, ThreadStripe.Index);
        }
    }

    /// <summary>Completes when every record made before the call has been given to the sink.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task FlushAuditAsync(CancellationToken cancellationToken = default) => Log.FlushAsync(cancellationToken);

    /// <summary>Cancels the attempts under way and gives the queued records to the sink. May be called more than once.</summary>
    public ValueTask DisposeAsync()
    {
        Pool.CancelAll();
        return _recorder.DisposeAsync();
    }

    internal Endpoint EndpointOf(PreparedWebhook webhook, DeliveryOptions options) =>
        options.BreakerKey is null ? Endpoints.Get(webhook.Destination, options.Tenant, webhook.TaskId) : options.EndpointOf(Endpoints);

    /// <summary>Lets the caller, the deadline and a shutdown that has begun cancel the delivery.</summary>
    internal void Bind(InFlightDelivery delivery, CancellationToken caller)
    {
        delivery.Bind(caller);
        if (Pool.IsCancelled)
        {
            delivery.Cancel(CancellationCause.Shutdown);
        }
    }

    /// <summary>Makes the next attempt of a delivery. When the task completes, <see cref="InFlightDelivery.Step"/> says what it led to.</summary>
    internal ValueTask RunAsync(InFlightDelivery delivery)
    {
        if (delivery.Endpoint.Evicted)
        {
            delivery.Endpoint = Endpoints.Renew(delivery.Endpoint);
        }

        delivery.HoldsPermits = _limits.TryAcquire(delivery.Endpoint);
        return !delivery.HoldsPermits || _recorder.IsInline
            ? RunSlowAsync(delivery)
            : StartAsync(delivery, delivery.Attempt == 0 ? delivery.StartedAt : Clock.Exact());
    }

    /// <summary>Gives the result of an attempt to the circuits, returns the permits, records the attempt, and decides what follows. Never throws.</summary>
    internal void Settle(InFlightDelivery delivery, WebhookDeliveryResult? result, Exception? fault)
    {
        ReleasePermits(delivery);
        long now = Clock.Exact();
        ref AttemptStep step = ref delivery.Step;
        step = new AttemptStep { EndedAt = now };
        delivery.LastResult = result ?? delivery.LastResult;
        if (delivery.Cause != CancellationCause.None && IsInterruption(result))
        {
            step.Error = result?.Error ?? WebhookSendError.None;
            ReportToCircuits(delivery, EndpointHealth.Unknown, result, step.Error, isConnectFailure: false, now);
            Interrupt(delivery);
        }
        else
        {
            ResponseClassification verdict = result is not null
                ? _classifier.Classify(result, ref step)
                : AttemptClassifier.Classify(fault ?? new InvalidOperationException("The sender returned no result."), ref step);
            ReportToCircuits(delivery, verdict.Health, result, step.Error, result?.IsConnectFailure ?? AttemptFault.IsConnectFailure(fault), now);
            Decide(delivery, verdict, result, now);
        }

        Endpoints.Touch(delivery.Endpoint, now);
        delivery.Recorded = _recorder.Ended(delivery, isAttempt: true, ThreadStripe.Index);
    }

    /// <summary>Ends an attempt whose sender goes on although it was cancelled. The permits stay taken until the sender ends, so that such senders stay bounded.</summary>
    internal void SettleAbandoned(InFlightDelivery delivery)
    {
        Interlocked.Increment(ref _abandoned);
        SenderIgnoresCancellation(_logger, delivery.Webhook.IdempotencyKey, _options.CancellationTimeout);
        long now = Clock.Exact();
        delivery.Step = new AttemptStep { EndedAt = now };
        ReportToCircuits(delivery, EndpointHealth.Unknown, null, WebhookSendError.None, isConnectFailure: false, now);
        Interrupt(delivery);
        delivery.Recorded = _recorder.Ended(delivery, isAttempt: true, ThreadStripe.Index);
    }

    /// <summary>Returns the permits of an attempt that was abandoned and whose sender has ended after all.</summary>
    internal void ReleaseAbandoned(InFlightDelivery delivery)
    {
        Interlocked.Decrement(ref _abandoned);
        ReleasePermits(delivery);
    }

    /// <summary>Ends a delivery that was cancelled while it waited, and records that.</summary>
    internal Task InterruptAsync(InFlightDelivery delivery)
    {
        long now = Clock.Exact();
        delivery.AttemptStartedAt = now;
        delivery.Step = new AttemptStep { EndedAt = now };
        Interrupt(delivery);
        return _recorder.Ended(delivery, isAttempt: false, ThreadStripe.Index);
    }

    /// <summary>Records that an endpoint's circuit refused a delivery, or counts it if another refusal was recorded a moment ago.</summary>
    /// <param name="refused">The webhook, options and endpoint of the delivery.</param>
    /// <param name="refusedBy">The endpoint or origin whose circuit refused.</param>
    /// <param name="now">The present as a timestamp, which may be a coarse one.</param>
    /// <param name="recorded">The call of an inline sink; completed unless the sink is inline.</param>
    /// <returns>The code, and when the circuit may be asked again in UTC ticks (0 if only a reset helps).</returns>
    internal (string Code, long RetryAtTicks) Refuse(in Refusal refused, Endpoint refusedBy, long now, out Task recorded)
    {
        CircuitWord.CircuitReading circuit = refusedBy.Circuit.Read();
        bool isIsolated = circuit.State == CircuitState.Isolated;
        long milliseconds = Clock.Milliseconds(now);
        recorded = _recorder.Refused(refused, isIsolated, now, milliseconds, ThreadStripe.Index);
        long retryAt = circuit.NextProbeIn(_options.Circuit, milliseconds) is { } left
            ? _recorder.Wall.TicksAt(now) + (left * TimeSpan.TicksPerMillisecond)
            : 0;
        return (DeliveryAttempt.RefusalCode(isIsolated), retryAt);
    }

    /// <summary>Returns whether a circuit may refuse a delivery, so that <see cref="FindRefusing"/> is worth its price.</summary>
    internal bool MayRefuse(Endpoint endpoint) => !endpoint.Circuit.IsClosed || Endpoints.HasOrigins;

    /// <summary>Returns the endpoint or origin whose circuit would refuse a delivery now; <see langword="null"/> if none would.</summary>
    /// <param name="endpoint">The delivery's endpoint.</param>
    /// <param name="now">The present as a timestamp, which may be a coarse one.</param>
    internal Endpoint? FindRefusing(Endpoint endpoint, long now)
    {
        long milliseconds = Clock.Milliseconds(now);
        if (endpoint.Circuit.WouldRefuse(_options.Circuit, milliseconds))
        {
            return endpoint;
        }

        Endpoint? origin = Endpoints.FindOrigin(endpoint);
        return origin?.Circuit.WouldRefuse(_options.Circuit, milliseconds) == true ? origin : null;
    }

    /// <summary>Creates a stopped timer that does not capture the caller's execution context.</summary>
    internal static ITimer CreateTimer(TimeProvider time, TimerCallback callback, object state)
    {
        using AsyncFlowControl flow = ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow();
        return time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Waits for cancellation callbacks of a sender, which may throw.</summary>
    internal void Observe(Task cancelling)
    {
        if (!cancelling.IsCompletedSuccessfully)
        {
            _ = LogFaultAsync(cancelling);
        }
    }

    /// <summary>The attempt of a delivery that has to wait for its permits, or for an inline sink.</summary>
    private async ValueTask RunSlowAsync(InFlightDelivery delivery)
    {
        if (!delivery.HoldsPermits)
        {
            // A circuit that refuses says so now, not after a wait for permits that its hung probes hold.
            long now = Clock.Exact();
            if (FindRefusing(delivery.Endpoint, now) is { } refusing)
            {
                await RefuseAsync(delivery, refusing, now).ConfigureAwait(false);
                return;
            }

            delivery.HoldsPermits = await _limits.AcquireAsync(delivery.Endpoint, delivery.Token).ConfigureAwait(false);
            if (!delivery.HoldsPermits)
            {
                await InterruptAsync(delivery).ConfigureAwait(false);
                return;
            }
        }

        await StartAsync(delivery, Clock.Exact()).ConfigureAwait(false);
        await delivery.Recorded.ConfigureAwait(false);
    }

    private ValueTask StartAsync(InFlightDelivery delivery, long startedAt)
    {
        if (delivery.Cause != CancellationCause.None)
        {
            ReleasePermits(delivery);
            return new ValueTask(InterruptAsync(delivery));
        }

        if (!TryPermit(delivery, out Endpoint refusedBy))
        {
            ReleasePermits(delivery);
            return new ValueTask(RefuseAsync(delivery, refusedBy, Clock.Exact()));
        }

        delivery.Attempt++;
        delivery.AttemptStartedAt = startedAt;
        WebhookDeliveryResult? result = null;
        Exception? fault = null;
        try
        {
            ValueTask<WebhookDeliveryResult> sending = _sender.SendAsync(delivery.Webhook, delivery.Token);
            if (!sending.IsCompletedSuccessfully)
            {
                return delivery.AwaitAnswerAsync(sending);
            }

            result = sending.Result;
        }
        catch (Exception thrown)
        {
            fault = thrown;
        }

        Settle(delivery, result, fault);
        return ValueTask.CompletedTask;
    }

    /// <summary>Asks the circuits, and with the first permit draws the sequence number. If the payload throws, everything taken is returned.</summary>
    private bool TryPermit(InFlightDelivery delivery, out Endpoint refusedBy)
    {
        Endpoint endpoint = refusedBy = delivery.Endpoint;
        delivery.Permit = Acquire(endpoint);
        if (!delivery.Permit.IsGranted)
        {
            return false;
        }

        delivery.Origin = Endpoints.FindOrigin(endpoint);
        if (delivery.Origin is { } origin)
        {
            delivery.OriginPermit = Acquire(origin);
            if (!delivery.OriginPermit.IsGranted)
            {
                endpoint.Circuit.Return(delivery.Permit);
                refusedBy = origin;
                return false;
            }
        }

        try
        {
            DrawNumber(delivery);
            return true;
        }
        catch
        {
            endpoint.Circuit.Return(delivery.Permit);
            delivery.Origin?.Circuit.Return(delivery.OriginPermit);
            ReleasePermits(delivery);
            throw;
        }
    }

    private void DrawNumber(InFlightDelivery delivery)
    {
        if (delivery.SequenceNumber != 0)
        {
            return;
        }

        if (delivery.Unnumbered is null && delivery.Webhook.SequenceNumber is { } frozen)
        {
            // A frozen webhook keeps the number in its body, however often it is delivered.
            delivery.SequenceNumber = frozen;
        }
        else if (delivery.Options.SequenceKey is not null)
        {
            delivery.SequenceNumber = delivery.Options.StreamOf(Sequences).Next();
            if (delivery.Unnumbered is { } payload)
            {
                delivery.Webhook = _sender.Prepare(delivery.Webhook.Destination, payload, delivery.SequenceNumber);
                delivery.Unnumbered = null;
            }
        }
    }

    private CircuitPermit Acquire(Endpoint endpoint)
    {
        CircuitPermit permit = endpoint.Circuit.TryAcquire(_options.Circuit, Clock, out CircuitChange change);
        OnChanged(endpoint, change);
        return permit;
    }

    private Task RefuseAsync(InFlightDelivery delivery, Endpoint refusedBy, long now)
    {
        Refusal refused = new(delivery.Webhook, delivery.Options, delivery.Retry, delivery.Endpoint, delivery.SequenceNumber, delivery.Attempt);
        (string code, long retryAt) = Refuse(refused, refusedBy, now, out Task recorded);
        delivery.Step = new AttemptStep { EndedAt = now, RetryAtTicks = retryAt, Kind = AttemptOutcome.CircuitOpen };
        delivery.Step.End(DeliveryStatus.CircuitOpen, code);
        return recorded;
    }

    /// <summary>Decides what follows an attempt that ran to its own end.</summary>
    private void Decide(InFlightDelivery delivery, in ResponseClassification verdict, WebhookDeliveryResult? result, long now)
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

    private TimeSpan DelayAfter(InFlightDelivery delivery, WebhookDeliveryResult? result)
    {
        try
        {
            TimeSpan? hint = RetryAfter.From(result?.ResponseHeaders, Clock.Time);
            return delivery.Retry.DelayBeforeAttempt(delivery.Attempt + 1, _options.Random, hint);
        }
        catch (Exception fault)
        {
            // A source of jitter or a clock that is not ours: without jitter the delay is still right.
            JitterFailed(_logger, fault.GetType().Name);
            return delivery.Retry.DelayBeforeAttempt(delivery.Attempt + 1, Random.Shared, null);
        }
    }

    /// <summary>Ends a delivery that was cancelled.</summary>
    private void Interrupt(InFlightDelivery delivery)
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

    /// <summary>Returns whether an attempt of a cancelled delivery ended by the cancellation. An answer, or a refusal of our own, is what it is.</summary>
    private static bool IsInterruption(WebhookDeliveryResult? result) =>
        result is null || (result.StatusCode == 0 && !AttemptClassifier.IsRefusal(result.Error));

    private void ReportToCircuits(
        InFlightDelivery delivery, EndpointHealth health, WebhookDeliveryResult? result, WebhookSendError error, bool isConnectFailure, long now)
    {
        Endpoint endpoint = delivery.Endpoint;
        Report(endpoint, delivery.Permit, health, result, error, now);
        if (isConnectFailure && health == EndpointHealth.Failing)
        {
            if (delivery.Origin is null && Endpoints.AddOrigin(endpoint) is { } added && added.Circuit.TryAcquireClosed(out CircuitPermit permit))
            {
                delivery.Origin = added;
                delivery.OriginPermit = permit;
            }
        }
        else
        {
            // An answer proves that the origin can be reached; anything else proves nothing about it.
            health = result is { StatusCode: not 0 } ? EndpointHealth.Healthy : EndpointHealth.Unknown;
        }

        if (delivery.Origin is { } origin)
        {
            Report(origin, delivery.OriginPermit, health, result, error, now);
            Endpoints.Touch(origin, now);
            delivery.Origin = null;
        }
    }

    private void Report(Endpoint endpoint, CircuitPermit permit, EndpointHealth health, WebhookDeliveryResult? result, WebhookSendError error, long now)
    {
        switch (health)
        {
            case EndpointHealth.Healthy:
                OnChanged(endpoint, endpoint.Circuit.Succeed(permit, _options.Circuit, Clock));
                break;
            case EndpointHealth.Failing:
                endpoint.LastStatusCode = (short)(result?.StatusCode ?? 0);
                endpoint.LastError = (byte)error;
                OnChanged(endpoint, endpoint.Circuit.Fail(permit, _options.Circuit, Clock.Milliseconds(now)));
                break;
            default:
                endpoint.Circuit.Return(permit);
                break;
        }
    }

    private void OnChanged(Endpoint endpoint, CircuitChange change)
    {
        if (change.IsNone)
        {
            return;
        }

        DeliveryMeter.Transition(change.To);
        if (change.IsLateSuccess)
        {
            LateSuccess(_logger, change.From, change.To);
        }
        else
        {
            CircuitChanged(_logger, change.From, change.To);
        }

        Endpoints.Notify(endpoint, change);
    }

    private void ReleasePermits(InFlightDelivery delivery)
    {
        if (delivery.HoldsPermits)
        {
            delivery.HoldsPermits = false;
            _limits.Release(delivery.Endpoint);
        }
    }

    private async Task LogFaultAsync(Task cancelling)
    {
        await cancelling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (cancelling.Exception is { InnerException: { } fault })
        {
            CancellationCallbackFailed(_logger, fault.GetType().Name);
        }
    }

    [LoggerMessage(EventId = 401, Level = LogLevel.Warning, Message = "A webhook circuit went from {From} to {To}.")]
    private static partial void CircuitChanged(ILogger logger, CircuitState from, CircuitState to);

    [LoggerMessage(EventId = 402, Level = LogLevel.Warning, Message = "A late success moved a webhook circuit from {From} to {To}.")]
    private static partial void LateSuccess(ILogger logger, CircuitState from, CircuitState to);

    [LoggerMessage(EventId = 404, Level = LogLevel.Error, Message = "The sender of webhook {IdempotencyKey} goes on {Timeout} after it was cancelled. "
        + "The delivery has ended without it. Its permits stay taken until the sender ends.")]
    private static partial void SenderIgnoresCancellation(ILogger logger, string idempotencyKey, TimeSpan timeout);

    [LoggerMessage(EventId = 405, Level = LogLevel.Warning, Message = "A cancellation callback of the webhook sender threw {Fault}.")]
    private static partial void CancellationCallbackFailed(ILogger logger, string fault);

    [LoggerMessage(EventId = 406, Level = LogLevel.Error, Message = "The retry delay was computed without jitter and Retry-After because the clock or the random source threw {Fault}.")]
    private static partial void JitterFailed(ILogger logger, string fault);
}
