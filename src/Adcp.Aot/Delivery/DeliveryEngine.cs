using System.Runtime.CompilerServices;
using Adcp.Aot.Auditing;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>
/// The way of one delivery: circuit, number, attempts, waits, records. Four roads do the same work. <see cref="Straight"/>: the circuit is healthy and the sender answers at once
/// with a 2xx. <see cref="AtOnceAsync"/>: whatever is answered at once. <see cref="Answered"/>: the sender waits, and its answer ends the delivery. <see cref="RunAsync"/>: the delivery
/// itself waits, for a place or for its next attempt. None allocates: the first needs nothing, the others a <see cref="PendingDelivery"/> that is used again. Each hands over to the next
/// from where it stands.
/// </summary>
internal sealed partial class DeliveryEngine : IAsyncDisposable
{
    private readonly IWebhookSender _sender;
    private readonly WebhookDeliveryOptions _options;
    private readonly ILogger _logger;
    private readonly AttemptJudge _judge;
    private readonly AuditTrail _audit;
    private readonly SequenceAllocator _sequences;
    private readonly MonotonicClock _clock;
    private readonly InFlightCount _inFlight = new();
    private readonly CancellationTokenSource _shutdown = new();
    private readonly CancellationToken _shutdownToken;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _straight;
    private ConcurrencyGate _gate;
    private int _cutShort;
    private volatile bool _stopping;

    /// <summary>
    /// True until the sender is first seen to wait. While it is, an attempt ends on its caller's thread: it takes no place among those that wait, and a clock of some milliseconds
    /// says all there is to say. A sender that waits, as every sender on a network does, is given places before it is called and is timed exactly. The attempts
    /// under way at the moment it first waits have their places counted late, so that once in a sender's life a limit may be passed by as many.
    /// </summary>
    private bool _answersAtOnce = true;

    internal DeliveryEngine(IWebhookSender sender, WebhookDeliveryOptions options, SequenceAllocator sequences, ILogger logger)
    {
        _sender = sender;
        _options = options;
        _logger = logger;
        _sequences = sequences;
        _clock = new MonotonicClock(options.TimeProvider);
        _judge = new AttemptJudge(options.Responses, logger);
        _audit = new AuditTrail(options, logger);
        _shutdownToken = _shutdown.Token;
        Endpoints = new EndpointTable(options.Circuit, options.MaxEndpoints, options.EndpointIdleTimeout, _clock);

        // What the straight road takes for granted: AdCP's own reading of a 2xx, and a record that nobody waits for.
        _straight = ReferenceEquals(options.Responses, ResponseTable.Adcp) && (options.Sink is null || options.SinkMode == SinkMode.Buffered);
    }

    internal EndpointTable Endpoints { get; }

    internal DeliveryLog Log => _audit.Log;

    internal MonotonicClock Clock => _clock;

    internal int InFlight => (int)_inFlight.Value;

    /// <summary>Begins, and where nothing waits ends, one delivery.</summary>
    /// <param name="webhook">The frozen webhook, or the stand-in of <paramref name="numbered"/>.</param>
    /// <param name="numbered">A payload that carries its number, to be frozen once the number is drawn; else null.</param>
    /// <param name="options">The delivery's options.</param>
    /// <param name="cancellationToken">The caller's token.</param>
    internal ValueTask<DeliveryOutcome> BeginAsync(
        PreparedWebhook webhook, WebhookPayload? numbered, DeliveryOptions options, CancellationToken cancellationToken)
    {
        RetryPolicy retry = options.Retry ?? _options.Retry;
        Endpoint endpoint = options.BreakerKey is null ? Endpoints.Get(webhook.Destination) : options.EndpointOf(Endpoints);
        long startedAt = Now();
        int thread = ThreadStripe.Index;
        _inFlight.Begin(thread);
        if (_stopping)
        {
            Leave(thread);
            return ShutDownAsync(numbered is null ? webhook : null);
        }

        if (!endpoint.Circuit.IsClosed && !cancellationToken.IsCancellationRequested)
        {
            uint now = _clock.Milliseconds(startedAt);
            if (endpoint.Circuit.WouldRefuse(_options.Circuit, now))
            {
                return RefuseAsync(webhook, numbered, options, retry, endpoint, startedAt, now, thread);
            }
        }

        return _straight && _answersAtOnce && numbered is null && webhook.SequenceNumber is null && !cancellationToken.CanBeCanceled && retry.Deadline is null
            && endpoint.Circuit.TryAcquireClosed(out CircuitPermit permit) && options.TryGetStream(_sequences, out SequenceStream? stream)
            ? Straight(webhook, options, retry, endpoint, stream, permit, startedAt, thread)
            : OtherwiseAsync(webhook, numbered, options, retry, endpoint, startedAt, thread, cancellationToken);
    }

    /// <summary>
    /// Stops: new deliveries are refused, those in flight may finish until <paramref name="grace"/> is cancelled and are then cut short. A sender that goes on although it was
    /// cancelled is given as long as a sink would be, and then left behind.
    /// </summary>
    internal async Task<DrainReport> DrainAsync(CancellationToken grace)
    {
        _stopping = true;
        Interlocked.MemoryBarrierProcessWide();
        int inFlight = InFlight;
        if (inFlight == 0)
        {
            _idle.TrySetResult();
        }

        int abandoned = 0;
        try
        {
            await _idle.Task.WaitAsync(grace).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await _shutdown.CancelAsync().ConfigureAwait(false);
            try
            {
                await _idle.Task.WaitAsync(_options.Retry.SinkTimeout, _clock.Time, CancellationToken.None).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                abandoned = InFlight;
                SenderIgnoresCancellation(_logger, abandoned);
            }
        }

        await _audit.DisposeAsync().ConfigureAwait(false);
        int cutShort = Volatile.Read(ref _cutShort);
        return new DrainReport(Math.Max(0, inFlight - cutShort - abandoned), cutShort, abandoned, _audit.Log.Dropped);
    }

    public async ValueTask DisposeAsync()
    {
        await DrainAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);
        _shutdown.Dispose();
    }

    private long Now() => _answersAtOnce ? _clock.Coarse() : _clock.Exact();

    /// <summary>
    /// A delivery whose circuit refuses at the door: no place is taken, no number drawn, and the one timestamp at hand, and the circuit's milliseconds of it, serve for all.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> RefuseAsync(
        PreparedWebhook webhook, WebhookPayload? numbered, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long stamp, uint now, int thread)
    {
        bool isIsolated = endpoint.Circuit.State == CircuitState.Isolated;
        PreparedWebhook? frozen = numbered is null ? webhook : null;
        long retryAt = NextProbe(endpoint, stamp, now);
        ValueTask recorded = _audit.Refused(webhook, options, retry, endpoint, number: 0, attempts: 0, isIsolated, stamp, now, thread);
        if (!recorded.IsCompletedSuccessfully)
        {
            return RefuseAfterAsync(recorded, frozen, isIsolated, retryAt);
        }

        End(DeliveryStatus.CircuitOpen, thread);
        return new(new DeliveryOutcome(DeliveryStatus.CircuitOpen, frozen, code: DeliveryAttempt.RefusalCode(isIsolated), retryAtTicks: retryAt));
    }

    /// <summary>A delivery that comes too late. Not inlined, as below.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ValueTask<DeliveryOutcome> ShutDownAsync(PreparedWebhook? webhook) => new(new DeliveryOutcome(DeliveryStatus.ShutDown, webhook, code: "shutdown"));

    /// <summary>Any road but the straight one. Not inlined: room for its structs would be made, and cleared, in every delivery's frame.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> OtherwiseAsync(
        PreparedWebhook webhook,
        WebhookPayload? numbered,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        long startedAt,
        int thread,
        CancellationToken cancellationToken)
    {
        PendingDelivery delivery = PendingDelivery.Rent(this, webhook, numbered, options, retry, endpoint, startedAt, cancellationToken, _shutdownToken);
        if (cancellationToken.CanBeCanceled || retry.Deadline is not null)
        {
            return BoundedAsync(delivery);
        }

        return _answersAtOnce || TryEnterGates(delivery) ? AtOnceAsync(delivery, null, thread) : RunAsync(delivery, default);
    }

    /// <summary>
    /// The road of a delivery that just works. It does what <see cref="AtOnceAsync"/> does for that case without carrying the delivery, its step and its outcome around in large
    /// structs, which would cost as much as the work. Not inlined, so that what it returns is written where the caller wants it.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> Straight(
        PreparedWebhook webhook,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        SequenceStream? stream,
        CircuitPermit permit,
        long startedAt,
        int thread)
    {
        long number = stream?.Next() ?? 0;

        ValueTask<WebhookDeliveryResult> pending = default;
        WebhookDeliveryResult? result = Call(webhook, _shutdownToken, ref pending);
        if (result is not { Ok: true } || !endpoint.Circuit.IsHealthy)
        {
            return DetourAsync(webhook, options, retry, endpoint, permit, number, startedAt, pending, result, thread);
        }

        // A success on a healthy circuit changes nothing: IsHealthy was the report.
        long now = _clock.Coarse();
        Endpoints.Touch(endpoint, now);
        _audit.Delivered(webhook, options, retry, endpoint, number, result.StatusCode, startedAt, now, thread);
        End(DeliveryStatus.Delivered, thread);
        return new(new DeliveryOutcome(DeliveryStatus.Delivered, webhook, result, attempts: 1, number));
    }

    /// <summary>From the straight road to the others, with the first attempt under way, or ended in <paramref name="result"/>. Not inlined, as above.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> DetourAsync(
        PreparedWebhook webhook,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        CircuitPermit permit,
        long number,
        long startedAt,
        in ValueTask<WebhookDeliveryResult> pending,
        WebhookDeliveryResult? result,
        int thread)
    {
        PendingDelivery delivery = PendingDelivery.Rent(this, webhook, null, options, retry, endpoint, startedAt, default, _shutdownToken);
        delivery.Number = number;
        delivery.Permit = permit;
        delivery.Attempt = 1;
        return result is not null ? AtOnceAsync(delivery, result, thread) : Promise(delivery, pending);
    }

    /// <summary>The road of what is answered at once: no state machine, no allocation. It ends as soon as something has to be waited for.</summary>
    /// <param name="delivery">The delivery, its places taken where the sender is one that waits.</param>
    /// <param name="result">The first attempt's result where that has been made; null where the permit is yet to be asked for.</param>
    /// <param name="thread">This thread's <see cref="ThreadStripe.Index"/>.</param>
    private ValueTask<DeliveryOutcome> AtOnceAsync(PendingDelivery delivery, WebhookDeliveryResult? result, int thread)
    {
        while (true)
        {
            if (result is null)
            {
                bool permitted;
                try
                {
                    permitted = TryPermit(delivery);
                }
                catch
                {
                    delivery.Return();
                    Leave(thread);
                    throw;
                }

                if (!permitted)
                {
                    return RefuseAtOnceAsync(delivery, thread);
                }

                // Nothing was waited for: it starts with the delivery, or where the last one ended.
                Begin(delivery, delivery.Attempt == 0 ? delivery.StartedAt : delivery.Step.EndedAt);
                ValueTask<WebhookDeliveryResult> pending = default;
                result = Call(delivery.Webhook, delivery.Token, ref pending);
                if (result is null)
                {
                    return Promise(delivery, pending);
                }
            }

            Settle(delivery, result, null);
            result = null;
            if (delivery.Step.Ends)
            {
                return EndAtOnceAsync(delivery, thread);
            }

            ValueTask recorded = _audit.Ended(delivery, isAttempt: true, thread);
            if (!recorded.IsCompletedSuccessfully || delivery.Step.Delay != TimeSpan.Zero || !(_answersAtOnce || TryEnterGates(delivery)))
            {
                return RunAsync(delivery, recorded);
            }
        }
    }

    /// <summary>The end of <see cref="AtOnceAsync"/> after an attempt. Not inlined, as above.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> EndAtOnceAsync(PendingDelivery delivery, int thread)
    {
        ValueTask recorded = _audit.Ended(delivery, isAttempt: true, thread);
        if (!recorded.IsCompletedSuccessfully)
        {
            return RunAsync(delivery, recorded);
        }

        End(delivery.Step.Status, thread);
        return new(delivery.TakeOutcome());
    }

    /// <summary>The end of <see cref="AtOnceAsync"/> without another attempt. Not inlined, as above.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> RefuseAtOnceAsync(PendingDelivery delivery, int thread)
    {
        LeaveGates(delivery);
        DeliveryOutcome refusal = Refuse(delivery, Now(), thread, out ValueTask recorded);
        delivery.Return();
        if (!recorded.IsCompletedSuccessfully)
        {
            return EndAfterAsync(recorded, refusal);
        }

        End(DeliveryStatus.CircuitOpen, thread);
        return new(refusal);
    }

    /// <summary>The road of a sender that waits: the delivery itself is the promise, and <see cref="Answered"/> goes on.</summary>
    private ValueTask<DeliveryOutcome> Promise(PendingDelivery delivery, in ValueTask<WebhookDeliveryResult> sending)
    {
        if (!sending.IsCompleted)
        {
            Waits(delivery);
        }

        return delivery.Promise(sending);
    }

    /// <summary>What a promised delivery's answer comes to.</summary>
    /// <returns>True where the delivery has ended; false where the rest of its way is run, in <paramref name="rest"/>.</returns>
    internal bool Answered(PendingDelivery delivery, WebhookDeliveryResult? result, Exception? fault, out ValueTask<DeliveryOutcome> rest)
    {
        Settle(delivery, result, fault);
        int thread = ThreadStripe.Index;
        ValueTask recorded = _audit.Ended(delivery, isAttempt: true, thread);
        if (delivery.Step.Ends && recorded.IsCompletedSuccessfully)
        {
            End(delivery.Step.Status, thread);
            rest = default;
            return true;
        }

        rest = RunAsync(delivery, recorded);
        return false;
    }

    /// <summary>The end of <see cref="RefuseAsync"/> where its record is waited for. Not inlined, as above.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> RefuseAfterAsync(ValueTask recorded, PreparedWebhook? webhook, bool isIsolated, long retryAt) =>
        EndAfterAsync(recorded, new DeliveryOutcome(DeliveryStatus.CircuitOpen, webhook, code: DeliveryAttempt.RefusalCode(isIsolated), retryAtTicks: retryAt));

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> EndAfterAsync(ValueTask recorded, DeliveryOutcome outcome)
    {
        await recorded.ConfigureAwait(false);
        End(outcome.Status, ThreadStripe.Index);
        return outcome;
    }

    /// <summary>A delivery with a caller's token or a deadline: one linked source for all of it.</summary>
    private async ValueTask<DeliveryOutcome> BoundedAsync(PendingDelivery delivery)
    {
        using CancellationTokenSource deadline = delivery.Retry.Deadline is { } limit
            ? new CancellationTokenSource(limit, _clock.Time)
            : new CancellationTokenSource();
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(delivery.Caller, _shutdownToken, deadline.Token);
        delivery.Token = linked.Token;
        return await RunAsync(delivery, default).ConfigureAwait(false);
    }

    /// <summary>The road of a delivery that waits itself.</summary>
    /// <param name="delivery">The delivery, no places held; it is set free at the end unless it is a promise.</param>
    /// <param name="recorded">The last attempt's record on its way.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> RunAsync(PendingDelivery delivery, ValueTask recorded)
    {
        try
        {
            while (true)
            {
                await recorded.ConfigureAwait(false);
                if (delivery.Step.Ends)
                {
                    return Outcome(delivery);
                }

                if (!await WaitAsync(delivery).ConfigureAwait(false))
                {
                    return await InterruptedAsync(delivery).ConfigureAwait(false);
                }

                if (!TryEnterGates(delivery))
                {
                    // A circuit that refuses says so now, not after a wait for a place behind its hung probes.
                    long now = _clock.Exact();
                    if (delivery.Endpoint.Circuit.WouldRefuse(_options.Circuit, _clock.Milliseconds(now)))
                    {
                        return await RefusedAsync(delivery, now).ConfigureAwait(false);
                    }

                    delivery.HoldsPlaces = await EnterGatesAsync(delivery.Endpoint, delivery.Token).ConfigureAwait(false);
                    if (!delivery.HoldsPlaces)
                    {
                        return await InterruptedAsync(delivery).ConfigureAwait(false);
                    }
                }

                if (!TryPermit(delivery))
                {
                    LeaveGates(delivery);
                    return await RefusedAsync(delivery, Now()).ConfigureAwait(false);
                }

                WebhookDeliveryResult? result = null;
                Exception? fault = null;
                try
                {
                    Begin(delivery, Now());
                    ValueTask<WebhookDeliveryResult> sending = _sender.SendAsync(delivery.Webhook, delivery.Token);
                    if (!sending.IsCompleted)
                    {
                        Waits(delivery);
                    }

                    result = await sending.ConfigureAwait(false);
                }
                catch (Exception thrown)
                {
                    fault = thrown;
                }

                Settle(delivery, result, fault);
                recorded = _audit.Ended(delivery, isAttempt: true, ThreadStripe.Index);
            }
        }
        finally
        {
            if (!delivery.IsPromised)
            {
                delivery.Return();
            }

            Leave(ThreadStripe.Index);
        }
    }

    private async ValueTask<DeliveryOutcome> RefusedAsync(PendingDelivery delivery, long stamp)
    {
        DeliveryOutcome refusal = Refuse(delivery, stamp, ThreadStripe.Index, out ValueTask recorded);
        await recorded.ConfigureAwait(false);
        DeliveryMeter.Delivery(refusal.Status);
        return refusal;
    }

    /// <summary>Asks the circuit, and with the first permit draws the number. Throws only with permit and places given back.</summary>
    private bool TryPermit(PendingDelivery delivery)
    {
        Endpoint endpoint = delivery.Endpoint;
        delivery.Permit = endpoint.Circuit.TryAcquire(_options.Circuit, _clock, out CircuitState from, out CircuitState to);
        if (from != to)
        {
            Changed(endpoint, from, to, late: false);
        }

        if (!delivery.Permit.IsGranted)
        {
            return false;
        }

        if (delivery.Numbered is null && delivery.Webhook.SequenceNumber is { } frozen)
        {
            // A frozen webhook keeps the number in its body, however often it is delivered.
            delivery.Number = frozen;
        }
        else if (delivery.Number == 0 && delivery.Options.SequenceKey is not null)
        {
            try
            {
                delivery.Number = delivery.Options.StreamOf(_sequences).Next();
                if (delivery.Numbered is { } payload)
                {
                    delivery.Webhook = _sender.Prepare(delivery.Webhook.Destination, payload, delivery.Number);
                    delivery.Numbered = null;
                }
            }
            catch
            {
                endpoint.Circuit.Return(delivery.Permit);
                LeaveGates(delivery);
                throw;
            }
        }

        return true;
    }

    /// <summary>The outcome of a delivery that its circuit refuses, and its record on its way.</summary>
    private DeliveryOutcome Refuse(PendingDelivery delivery, long stamp, int thread, out ValueTask recorded)
    {
        bool isIsolated = delivery.Endpoint.Circuit.State == CircuitState.Isolated;
        uint now = _clock.Milliseconds(stamp);
        recorded = _audit.Refused(delivery.Webhook, delivery.Options, delivery.Retry, delivery.Endpoint, delivery.Number, delivery.Attempt, isIsolated, stamp, now, thread);
        return new(
            DeliveryStatus.CircuitOpen,
            delivery.Frozen,
            delivery.LastResult,
            delivery.Attempt,
            delivery.Number,
            DeliveryAttempt.RefusalCode(isIsolated),
            NextProbe(delivery.Endpoint, stamp, now));
    }

    /// <returns>UTC ticks, 0 where only a reset helps.</returns>
    private long NextProbe(Endpoint endpoint, long stamp, uint now) => endpoint.Circuit.NextProbeAt(_options.Circuit) is { } at
        ? _audit.Wall.TicksAt(stamp) + (Math.Max(0, unchecked((int)(at - now))) * TimeSpan.TicksPerMillisecond)
        : 0;

    /// <summary>One more attempt.</summary>
    /// <param name="delivery">The delivery, its permit held.</param>
    /// <param name="startedAt">When it starts.</param>
    private static void Begin(PendingDelivery delivery, long startedAt)
    {
        delivery.Attempt++;
        delivery.AttemptStartedAt = startedAt;
    }

    /// <summary>Calls the sender. One that throws at once is a faulted task, like one that throws later.</summary>
    /// <param name="webhook">What to send.</param>
    /// <param name="cancellationToken">What ends the attempt.</param>
    /// <param name="pending">The default, and left so where the result is there at once: what is written through memory makes the processor wait for it.</param>
    /// <returns>The result, where it is there at once; null where <paramref name="pending"/> is to be waited for, which by default has no result.</returns>
    private WebhookDeliveryResult? Call(PreparedWebhook webhook, CancellationToken cancellationToken, ref ValueTask<WebhookDeliveryResult> pending)
    {
        try
        {
            ValueTask<WebhookDeliveryResult> sending = _sender.SendAsync(webhook, cancellationToken);
            if (sending.IsCompletedSuccessfully)
            {
                return sending.Result;
            }

            pending = sending;
        }
        catch (Exception fault)
        {
            pending = ValueTask.FromException<WebhookDeliveryResult>(fault);
        }

        return null;
    }

    /// <summary>An attempt is seen to wait: from now on it holds places, and it and all that follow are timed exactly.</summary>
    private void Waits(PendingDelivery delivery)
    {
        if (!delivery.HoldsPlaces)
        {
            delivery.Endpoint.Gate.Enter();
            _gate.Enter();
            delivery.HoldsPlaces = true;
            delivery.AttemptStartedAt = _clock.Exact();
        }

        if (_answersAtOnce)
        {
            _answersAtOnce = false;
        }
    }

    /// <summary>Judges one attempt: tells the breaker, gives the places back, and decides what follows. Never throws.</summary>
    private void Settle(PendingDelivery delivery, WebhookDeliveryResult? result, Exception? fault)
    {
        Endpoint endpoint = delivery.Endpoint;
        long now = Now();
        ref AttemptStep step = ref delivery.Step;
        step.Begin(now);
        bool interrupted = false;
        ResponseClassification verdict;
        if (result is not null)
        {
            verdict = _judge.Judge(result);
            step.StatusCode = (short)result.StatusCode;
            step.Error = result.Error;
            step.Detail = result.ErrorDetail;
        }
        else
        {
            verdict = Faulted(delivery, fault ?? new InvalidOperationException("The sender gave no result."), out interrupted);
        }

        delivery.LastResult = result ?? delivery.LastResult;
        Report(endpoint, delivery.Permit, verdict.Health, result, step.Error, now);
        LeaveGates(delivery);
        Endpoints.Touch(endpoint, now);
        step.Code = verdict.Code;
        if (interrupted)
        {
            Interrupt(delivery);
            return;
        }

        if (verdict.Verdict == DeliveryVerdict.Delivered)
        {
            step.Kind = AttemptOutcome.Success;
            step.End(DeliveryStatus.Delivered);
            return;
        }

        bool ours = result is null ? verdict.Health == EndpointHealth.Unknown : result.Error >= WebhookSendError.DestinationRefused;
        step.Kind = ours ? AttemptOutcome.Refused : AttemptOutcome.Failure;
        if (verdict.Verdict == DeliveryVerdict.Stop)
        {
            step.End(ours ? DeliveryStatus.Refused : DeliveryStatus.Rejected);
        }
        else if (delivery.Attempt >= delivery.Retry.MaxAttempts)
        {
            step.End(DeliveryStatus.Exhausted);
        }
        else
        {
            TimeSpan? hint = RetryAfter.From(result?.ResponseHeaders, _clock.Time);
            step.Delay = delivery.Retry.DelayBeforeAttempt(delivery.Attempt + 1, _options.Random, hint);
            if (delivery.Retry.Deadline is { } deadline && _audit.Wall.Elapsed(delivery.StartedAt, now) + step.Delay >= deadline)
            {
                step.End(DeliveryStatus.DeadlineExceeded);
                step.Code = "deadline";
            }
        }
    }

    /// <summary>What an attempt means that ended without a result. Not inlined, as above.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ResponseClassification Faulted(PendingDelivery delivery, Exception fault, out bool interrupted)
    {
        ref AttemptStep step = ref delivery.Step;
        step.Fault = fault;
        interrupted = fault is OperationCanceledException && delivery.Token.IsCancellationRequested;
        if (interrupted)
        {
            return new(DeliveryVerdict.Stop, EndpointHealth.Unknown);
        }

        (ResponseClassification verdict, step.Error, step.Detail) = AttemptJudge.Judge(fault);
        return verdict;
    }

    private void Report(
        Endpoint endpoint, CircuitPermit permit, EndpointHealth health, WebhookDeliveryResult? result, WebhookSendError error, long now)
    {
        CircuitState from;
        CircuitState to;
        switch (health)
        {
            case EndpointHealth.Healthy:
                endpoint.Circuit.Succeed(permit, _options.Circuit, _clock, out from, out to);
                break;
            case EndpointHealth.Failing:
                endpoint.LastStatusCode = (short)(result?.StatusCode ?? 0);
                endpoint.LastError = (byte)error;
                endpoint.Circuit.Fail(permit, _options.Circuit, _clock.Milliseconds(now), out from, out to);
                break;
            default:
                endpoint.Circuit.Return(permit);
                return;
        }

        if (from != to)
        {
            Changed(endpoint, from, to, late: from == CircuitState.Open && to == CircuitState.HalfOpen);
        }
    }

    private void Changed(Endpoint endpoint, CircuitState from, CircuitState to, bool late)
    {
        DeliveryMeter.Transition(to);
        if (late)
        {
            LateSuccess(_logger, from, to);
        }
        else
        {
            CircuitChanged(_logger, from, to);
        }

        Endpoints.Notify(endpoint, from, to, late);
    }

    /// <summary>Waits until the next attempt is due: what was recorded, less what the record itself took, in the timer's whole milliseconds and never less. False where interrupted.</summary>
    private ValueTask<bool> WaitAsync(PendingDelivery delivery)
    {
        ref AttemptStep step = ref delivery.Step;
        TimeSpan remaining = step.Delay == TimeSpan.Zero ? TimeSpan.Zero : step.Delay - _clock.Time.GetElapsedTime(step.EndedAt);
        return remaining > TimeSpan.Zero ? TimerAsync(remaining, delivery.Token) : new(!delivery.Token.IsCancellationRequested);
    }

    private async ValueTask<bool> TimerAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        TimeSpan whole = TimeSpan.FromMilliseconds(Math.Ceiling(time.TotalMilliseconds));
        await Task.Delay(whole, _clock.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !cancellationToken.IsCancellationRequested;
    }

    /// <summary>The record and outcome of a delivery that ended between attempts.</summary>
    private async ValueTask<DeliveryOutcome> InterruptedAsync(PendingDelivery delivery)
    {
        delivery.AttemptStartedAt = Now();
        delivery.Step = new() { EndedAt = delivery.AttemptStartedAt };
        Interrupt(delivery);
        await _audit.Ended(delivery, isAttempt: false, ThreadStripe.Index).ConfigureAwait(false);
        return Outcome(delivery);
    }

    private void Interrupt(PendingDelivery delivery)
    {
        ref AttemptStep step = ref delivery.Step;
        step.Fault = null;
        step.Kind = AttemptOutcome.Cancelled;
        if (delivery.Caller.IsCancellationRequested)
        {
            step.End(DeliveryStatus.Cancelled);
            step.Code = "cancelled";
        }
        else if (_shutdownToken.IsCancellationRequested)
        {
            Interlocked.Increment(ref _cutShort);
            step.End(DeliveryStatus.ShutDown);
            step.Code = "shutdown";
        }
        else
        {
            step.Kind = AttemptOutcome.Expired;
            step.End(DeliveryStatus.DeadlineExceeded);
            step.Code = "deadline";
        }
    }

    private bool TryEnterGates(PendingDelivery delivery)
    {
        if (!delivery.Endpoint.Gate.TryEnter(_options.MaxConcurrencyPerEndpoint))
        {
            return false;
        }

        if (!_gate.TryEnter(_options.MaxConcurrency))
        {
            delivery.Endpoint.Gate.Leave(_options.MaxConcurrencyPerEndpoint);
            return false;
        }

        return delivery.HoldsPlaces = true;
    }

    /// <summary>Enters both gates, waiting where they are full. False where interrupted.</summary>
    private async ValueTask<bool> EnterGatesAsync(Endpoint endpoint, CancellationToken cancellationToken)
    {
        try
        {
            if (!endpoint.Gate.TryEnter(_options.MaxConcurrencyPerEndpoint))
            {
                await endpoint.Gate.EnterAsync(_options.MaxConcurrencyPerEndpoint, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        try
        {
            if (!_gate.TryEnter(_options.MaxConcurrency))
            {
                await _gate.EnterAsync(_options.MaxConcurrency, cancellationToken).ConfigureAwait(false);
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            endpoint.Gate.Leave(_options.MaxConcurrencyPerEndpoint);
            return false;
        }
    }

    private void LeaveGates(PendingDelivery delivery)
    {
        if (delivery.HoldsPlaces)
        {
            delivery.HoldsPlaces = false;
            _gate.Leave(_options.MaxConcurrency);
            delivery.Endpoint.Gate.Leave(_options.MaxConcurrencyPerEndpoint);
        }
    }

    private static DeliveryOutcome Outcome(PendingDelivery delivery)
    {
        DeliveryMeter.Delivery(delivery.Step.Status);
        return delivery.Outcome();
    }

    private void End(DeliveryStatus status, int thread)
    {
        DeliveryMeter.Delivery(status);
        Leave(thread);
    }

    private void Leave(int thread)
    {
        _inFlight.End(thread);
        if (_stopping)
        {
            LeaveStopping();
        }
    }

    private void LeaveStopping()
    {
        // Of the last two that leave together, at least one must see that both have left.
        Interlocked.MemoryBarrier();
        if (_inFlight.Value == 0)
        {
            _idle.TrySetResult();
        }
    }

    [LoggerMessage(EventId = 401, Level = LogLevel.Warning, Message = "A webhook circuit went from {From} to {To}.")]
    private static partial void CircuitChanged(ILogger logger, CircuitState from, CircuitState to);

    [LoggerMessage(EventId = 402, Level = LogLevel.Warning, Message = "A late success moved a webhook circuit from {From} to {To}.")]
    private static partial void LateSuccess(ILogger logger, CircuitState from, CircuitState to);

    [LoggerMessage(EventId = 404, Level = LogLevel.Error, Message = "{Count} webhook deliveries go on although their sender was cancelled; nobody waits for them any more.")]
    private static partial void SenderIgnoresCancellation(ILogger logger, int count);
}
