using System.Runtime.CompilerServices;
using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Makes one attempt of a delivery as a unit: permits, circuit, sequence number, one send, classification, audit
/// record, and the delay before the next attempt. It does not depend on the delivery's storage or waiting. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A supervisor calls it in a loop, a worker of a durable outbox once for each row. The steps of an attempt, and the
/// resources that each holds:
/// </para>
/// <code>
/// step                     concurrency permits   circuit permit   on a fault or refusal
/// 0 wait for the rate      -                     -                cancelled: record without an attempt
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
    /// <summary>The longest wait of a timer, which may be shorter than the wait for a turn.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly IWebhookSender _sender;
    private readonly WebhookSupervisorOptions _options;
    private readonly ILogger _logger;
    private readonly AttemptClassifier _classifier;
    private readonly AttemptCircuits _circuits;
    private readonly AttemptRecorder _recorder;
    private readonly ConcurrencyLimits _limits;
    private readonly RateGates? _rates;
    private RetryPolicy _retry;
    private int _shutDown;
    private int _abandoned;
    private int _waiting;

    /// <summary>Creates a runner over a sender.</summary>
    /// <param name="sender">The sender that makes the attempts. The caller disposes it.</param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sender"/> is null.</exception>
    public AttemptRunner(IWebhookSender sender, WebhookSupervisorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sender);
        options ??= new WebhookSupervisorOptions();
        _logger = GuardedLogger.Of(options.Logger);
        options = options with { TimeProvider = GuardedTimeProvider.Of(options.TimeProvider, _logger) };
        _sender = sender;
        _options = options;
        _retry = options.Retry;
        _classifier = new AttemptClassifier(options.Responses, _logger);
        _recorder = new AttemptRecorder(options, _logger);
        _limits = new ConcurrencyLimits(options.MaxConcurrencyPerEndpoint, options.MaxConcurrencyPerTenant, options.MaxConcurrency);
        _rates = options.RateLimits.Count > 0 ? new RateGates(options.RateLimits, options.TimeProvider) : null;
        Clock = new MonotonicClock(options.TimeProvider);
        Sequences = options.Sequences ?? new SequenceAllocator();
        Endpoints = new EndpointTable(options.Circuit, options.MaxEndpoints, options.EndpointIdleTimeout, Clock);
        Pool = new DeliveryPool(this);
        _circuits = new AttemptCircuits(Endpoints, Clock, _logger);
        DeliveryMeter.Observe(this);
    }

    /// <summary>Gets the known endpoints, their circuits, and the switches for them.</summary>
    public EndpointTable Endpoints { get; }

    /// <summary>Gets or sets the retry policy of deliveries that begin from now on and have none of their own.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public RetryPolicy Retry
    {
        get => Volatile.Read(ref _retry);
        set => Volatile.Write(ref _retry, Require.NotNull(value, nameof(Retry)));
    }

    /// <summary>Gets the number of audit records dropped because the sink's queue was full.</summary>
    public long RecordsDropped => _recorder.Log.Dropped;

    /// <summary>Gets the number of audit records that wait for the sink.</summary>
    public int RecordsWaiting => Log.Waiting;

    /// <summary>Gets the number of attempts under way.</summary>
    public int AttemptsInFlight => _limits.Holders;

    /// <summary>Gets the number of deliveries that wait for a concurrency permit, or for their turn under a rate limit.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Gets the number of sink calls that threw or outlived their timeout.</summary>
    public long SinkFailures => _recorder.Log.SinkFailures;

    internal AttemptCircuits Circuits => _circuits;

    internal MonotonicClock Clock { get; }

    internal SequenceAllocator Sequences { get; }

    internal DeliveryPool Pool { get; }

    internal DeliveryLog Log => _recorder.Log;

    internal TimeSpan CancellationTimeout => _options.CancellationTimeout;

    /// <summary>Gets the number of deliveries that a shutdown cut short.</summary>
    internal int ShutDownCount => Volatile.Read(ref _shutDown);

    /// <summary>Gets the number of senders that continue although their delivery was cancelled and has ended.</summary>
    internal int AbandonedCount => Volatile.Read(ref _abandoned);

    /// <summary>Makes one attempt of a delivery that is kept elsewhere.</summary>
    /// <param name="request">The attempt.</param>
    /// <param name="cancellationToken">Cancels the attempt; the result is then <see cref="DeliveryStatus.Cancelled"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="request"/> is null.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<AttemptResult> RunAsync(AttemptRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        DeliveryOptions options = request.Options ?? DeliveryOptions.None;
        InFlightDelivery delivery = Pool.Rent(ThreadStripe.Index);
        try
        {
            RetryPolicy retry = options.Retry ?? Retry;
            delivery.Begin(null, request.Webhook, null, options, retry, EndpointOf(request.Webhook, options), Clock.Exact(),
                request.TimeLeft);
            delivery.Attempt = request.AttemptNumber - 1;
            if (request.IsProbe)
            {
                _circuits.Suspect(delivery.Endpoint);
            }

            delivery.SequenceNumber = request.SequenceNumber ?? 0;
            delivery.TraceParent = request.TraceParent;
            Bind(delivery, cancellationToken);
            ValueTask ended = delivery.Ended;
            if (Run(delivery))
            {
                delivery.GoOn();
            }

            await ended.ConfigureAwait(false);
            return new AttemptResult(delivery, _recorder.Wall);
        }
        finally
        {
            delivery.End();
            Pool.Return(delivery, ThreadStripe.Index);
        }
    }

    /// <summary>
    /// Writes an audit record of an attempt that is not made: the delivery ended without it, or waits. It changes no circuit.
    /// </summary>
    /// <param name="request">The attempt that would have been made.</param>
    /// <param name="outcome">Why it is not made.</param>
    /// <param name="code">A stable identifier of the reason; <see langword="null"/> for none.</param>
    /// <param name="retryIn">The time until the delivery continues; <see langword="null"/> if it has ended.</param>
    /// <returns>A task that completes when the record is queued, or when an inline sink has it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="request"/> is null.</exception>
    public ValueTask RecordNotMadeAsync(AttemptRequest request, AttemptOutcome outcome, string? code, TimeSpan? retryIn = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        DeliveryOptions options = request.Options ?? DeliveryOptions.None;
        return new ValueTask(_recorder.NotMade(
            request, options, (options.Retry ?? _options.Retry).MaxAttempts, outcome, code, retryIn, Clock.Exact(), ThreadStripe.Index));
    }

    /// <summary>Completes when every record made before the call has been passed to the sink.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task FlushAuditAsync(CancellationToken cancellationToken = default) => Log.FlushAsync(cancellationToken);

    /// <summary>
    /// Cancels the attempts under way and passes the queued records to the sink. May be called more than once.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        DeliveryMeter.Forget(this);
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

    /// <summary>
    /// Makes the next attempt of a delivery. When it has ended, <see cref="InFlightDelivery.Step"/> has its result, or
    /// <see cref="InFlightDelivery.Fault"/> the payload's exception.
    /// </summary>
    /// <returns><see langword="true"/> if the attempt has ended; <see langword="false"/> if <see cref="InFlightDelivery.GoOn"/> is
    /// called when it ends, which may have happened already.</returns>
    internal bool Run(InFlightDelivery delivery)
    {
        Renew(delivery);
        return _rates is null
            ? RunNow(delivery, delivery.Attempt == 0 ? delivery.StartedAt : Clock.Exact())
            : RunInTurn(delivery, _rates);
    }

    private void Renew(InFlightDelivery delivery)
    {
        if (delivery.Endpoint.Evicted)
        {
            Endpoint old = delivery.Endpoint;
            delivery.Endpoint = Endpoints.Renew(old);
            _rates?.Move(old, delivery.Endpoint);
        }
    }

    private bool RunNow(InFlightDelivery delivery, long startedAt)
    {
        delivery.HoldsPermits = _limits.TryAcquire(delivery.Endpoint);
        return delivery.HoldsPermits ? Start(delivery, startedAt) : RunWhenPermitted(delivery);
    }

    /// <summary>Waits for the delivery's turn if its endpoint has a rate limit.</summary>
    private bool RunInTurn(InFlightDelivery delivery, RateGates rates)
    {
        // If a circuit refuses, it refuses now, and the delivery takes no turn from another one.
        long now = Clock.Exact();
        if (_circuits.MayRefuse(delivery.Endpoint) && _circuits.FindRefusing(delivery.Endpoint, now) is { } refusing)
        {
            return Refuse(delivery, refusing, now);
        }

        long turn = rates.Take(delivery.Endpoint, delivery.Webhook.Destination.Target);
        if (turn == 0)
        {
            return RunNow(delivery, now);
        }

        _ = WaitForTurnAsync(delivery, turn);
        return false;
    }

    private async Task WaitForTurnAsync(InFlightDelivery delivery, long turn)
    {
        bool hasEnded;
        try
        {
            Interlocked.Increment(ref _waiting);
            try
            {
                TimeSpan left;
                while (delivery.Cause == CancellationCause.None
                    && (left = Clock.Time.GetElapsedTime(Clock.Time.GetTimestamp(), turn)) > TimeSpan.Zero)
                {
                    // Timers count in whole milliseconds, and other timers of the process can make one fire early: hence the loop.
                    TimeSpan wait = left < LongestWait ? left : LongestWait;
                    TimeSpan whole = TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
                    await Task.Delay(whole, Clock.Time, delivery.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }

            Renew(delivery);
            hasEnded = delivery.Cause == CancellationCause.None ? RunNow(delivery, Clock.Exact()) : Interrupt(delivery);
        }
        catch (Exception unexpected)
        {
            delivery.Fault = unexpected;
            hasEnded = true;
        }

        if (hasEnded)
        {
            delivery.GoOn();
        }
    }

    /// <summary>Records that an endpoint's circuit refused a delivery, or counts it if another refusal was recorded a moment ago.</summary>
    /// <param name="refused">The webhook, options and endpoint of the delivery.</param>
    /// <param name="refusedBy">The endpoint or origin whose circuit refused.</param>
    /// <param name="now">The present as a timestamp, which may be a coarse one.</param>
    /// <param name="recorded">The call of an inline sink; completed unless the sink is inline.</param>
    /// <returns>The code, and the time when the circuit may be asked again in UTC ticks (0 if only a reset
    /// helps).</returns>
    internal (string Code, long RetryAtTicks) Refuse(in Refusal refused, Endpoint refusedBy, long now, out Task recorded)
    {
        CircuitWord.CircuitReading circuit = refusedBy.Circuit.Read();
        bool isIsolated = circuit.State == CircuitState.Isolated;
        long milliseconds = Clock.Milliseconds(now);
        recorded = _recorder.Refused(refused, isIsolated, now, milliseconds, ThreadStripe.Index);
        long retryAt = circuit.NextProbeIn(Endpoints.Policy, milliseconds) is { } left
            ? _recorder.Wall.TicksAt(now) + (left * TimeSpan.TicksPerMillisecond)
            : 0;
        return (DeliveryAttempt.RefusalCode(isIsolated), retryAt);
    }

    /// <summary>Creates a stopped timer that does not capture the caller's execution context.</summary>
    internal static ITimer CreateTimer(TimeProvider time, TimerCallback callback, object state)
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        using (ExecutionContext.SuppressFlow())
        {
            return time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Waits for cancellation callbacks of a sender, which may throw.</summary>
    internal void Observe(Task cancelling)
    {
        if (!cancelling.IsCompletedSuccessfully)
        {
            _ = LogFaultAsync(cancelling);
        }
    }

    private void Record(InFlightDelivery delivery, bool isAttempt = true)
    {
        Task recorded = _recorder.Ended(delivery, isAttempt, ThreadStripe.Index);
        if (_recorder.IsInline)
        {
            delivery.Recorded = recorded;
        }
    }

    private bool RunWhenPermitted(InFlightDelivery delivery)
    {
        // If a circuit refuses, it refuses now, not after a wait for permits that its hung probes hold.
        long now = Clock.Exact();
        if (_circuits.FindRefusing(delivery.Endpoint, now) is { } refusing)
        {
            return Refuse(delivery, refusing, now);
        }

        _ = AcquireAndRunAsync(delivery);
        return false;
    }

    private async Task AcquireAndRunAsync(InFlightDelivery delivery)
    {
        bool hasEnded;
        try
        {
            Interlocked.Increment(ref _waiting);
            try
            {
                delivery.HoldsPermits = await _limits.AcquireAsync(delivery.Endpoint, delivery.Token).ConfigureAwait(false);
            }
            finally
            {
                Interlocked.Decrement(ref _waiting);
            }

            hasEnded = delivery.HoldsPermits ? Start(delivery, Clock.Exact()) : Interrupt(delivery);
        }
        catch (Exception unexpected)
        {
            delivery.Fault = unexpected;
            hasEnded = true;
        }

        if (hasEnded)
        {
            delivery.GoOn();
        }
    }

    private bool Start(InFlightDelivery delivery, long startedAt)
    {
        if (delivery.Cause != CancellationCause.None)
        {
            ReleasePermits(delivery);
            return Interrupt(delivery);
        }

        try
        {
            if (!TryPermit(delivery, out Endpoint refusedBy))
            {
                ReleasePermits(delivery);
                return Refuse(delivery, refusedBy, Clock.Exact());
            }
        }
        catch (Exception unsendable)
        {
            delivery.Fault = unsendable;
            return true;
        }

        if (++delivery.Attempt > 1)
        {
            delivery.Step = default;
        }

        delivery.AttemptStartedAt = startedAt;
        WebhookSendResult? result = null;
        Exception? fault = null;
        try
        {
            delivery.Webhook.Tenant = delivery.Options.Tenant;
            IWebhookSender sender = _options.Senders is { } senders && delivery.Options.Tenant is { } tenant
                ? senders.GetSender(tenant)
                : _sender;
            ValueTask<WebhookSendResult> sending = DeliveryTrace.IsOn
                ? DeliveryTrace.Send(delivery, sender)
                : sender.SendAsync(delivery.Webhook, delivery.Token);
            if (!sending.IsCompletedSuccessfully)
            {
                return delivery.AwaitAnswer(sending);
            }

            result = sending.Result;
        }
        catch (Exception thrown)
        {
            fault = thrown;
        }

        Settle(delivery, result, fault);
        return true;
    }

    /// <summary>
    /// Asks the circuits, and with the first permit draws the sequence number. If the payload throws, all permits are
    /// returned.
    /// </summary>
    private bool TryPermit(InFlightDelivery delivery, out Endpoint refusedBy)
    {
        if (!_circuits.TryAcquire(delivery, out refusedBy))
        {
            return false;
        }

        try
        {
            DrawNumber(delivery);
            return true;
        }
        catch
        {
            AttemptCircuits.Return(delivery);
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

    private bool Refuse(InFlightDelivery delivery, Endpoint refusedBy, long now)
    {
        Refusal refused = new(delivery.Webhook, delivery.Options, delivery.Retry, delivery.Endpoint, delivery.SequenceNumber,
            delivery.Attempt);
        (string code, long retryAt) = Refuse(refused, refusedBy, now, out Task recorded);
        delivery.Step = new AttemptStep { EndedAt = now, RetryAtTicks = retryAt, Kind = AttemptOutcome.CircuitOpen };
        delivery.Step.End(DeliveryStatus.CircuitOpen, code);
        delivery.Recorded = recorded;
        return true;
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

    [LoggerMessage(EventId = AdcpEventIds.CancellationCallbackFailed, Level = LogLevel.Warning,
        Message = "A cancellation callback of the webhook sender threw {Fault}.")]
    private static partial void CancellationCallbackFailed(ILogger logger, string fault);

}
