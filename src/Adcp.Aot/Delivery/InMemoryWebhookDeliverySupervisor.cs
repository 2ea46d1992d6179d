using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Adcp.Aot.Auditing;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Sequencing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Delivers webhooks from memory: retries, a circuit breaker for each endpoint, numbers, one audit record for every attempt. What it has accepted ends with the
/// process; use a durable outbox where that is not enough. Safe for concurrent use.
/// </summary>
/// <remarks>
/// A delivery asks for a place (endpoint, then all), then for the circuit's permit, before every attempt. The number is drawn after the first permit, so a
/// refusal burns none, and stays with the delivery. A gap at the receiver therefore means a delivery that was attempted and failed. A delivery
/// whose sender answers at once neither allocates nor suspends.
/// </remarks>
public sealed partial class InMemoryWebhookDeliverySupervisor : IWebhookDeliverySupervisor, IAsyncDisposable
{
    private readonly IWebhookSender _sender;
    private readonly WebhookDeliveryOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SequenceAllocator _sequences;
    private readonly DeliveryLog _log;
    private readonly WallClock _wall;
    private readonly InFlightCount _inFlight = new();
    private readonly CancellationToken _shutdownToken;
    private readonly bool _straight;
    private readonly uint _skipInterval;
    private readonly CancellationTokenSource _shutdown = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ConcurrencyGate _gate;
    private int _cutShort;
    private volatile bool _stopping;

    /// <summary>Creates a supervisor over a sender.</summary>
    /// <param name="sender">Makes the attempts; it stays the caller's to dispose.</param>
    /// <param name="options">How to work; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sender"/> is null.</exception>
    public InMemoryWebhookDeliverySupervisor(IWebhookSender sender, WebhookDeliveryOptions? options = null)
    {
        _sender = sender ?? throw new ArgumentNullException(
            nameof(sender), "The supervisor requires a non-null WebhookSender. Construct one, for example with WebhookSender.FromJwk(jwk, options).");
        _options = options ?? new WebhookDeliveryOptions();
        _time = _options.TimeProvider;
        _logger = _options.Logger ?? NullLogger.Instance;
        _sequences = _options.Sequences ?? new SequenceAllocator();
        _wall = new WallClock(_time);
        _skipInterval = (uint)_options.CircuitOpenRecordInterval.TotalMilliseconds;
        Endpoints = new EndpointTable(_options.Circuit, _options.MaxEndpoints, _options.EndpointIdleTimeout, _time);
        _shutdownToken = _shutdown.Token;

        // What the straight road takes for granted: AdCP's own reading of a 2xx, and a record that nobody waits for.
        _straight = ReferenceEquals(_options.Responses, ResponseTable.Adcp) && (_options.Sink is null || _options.SinkMode == SinkMode.Buffered);
        _log = new DeliveryLog(_options.Sink, _options.SinkMode, _options.SinkQueueCapacity, _options.Retry.SinkTimeout, _time, _logger);
    }

    /// <summary>False: what is in flight ends with the process.</summary>
    public bool IsDurable => false;

    /// <summary>Null: nothing is promised beyond the process.</summary>
    public TimeSpan? RetryHorizon => null;

    /// <summary>The endpoints known, their circuits, and the switches for them.</summary>
    public EndpointTable Endpoints { get; }

    /// <summary>Deliveries accepted and not yet ended.</summary>
    public int InFlight => (int)_inFlight.Value;

    /// <summary>Audit records dropped because the sink's queue was full.</summary>
    public long RecordsDropped => _log.Dropped;

    /// <summary>Sink calls that threw or outlived their timeout.</summary>
    public long SinkFailures => _log.SinkFailures;

    /// <inheritdoc/>
    public long NextSequence(string key) => _sequences.Next(key);

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> SendMcpAsync(
        WebhookDestination destination, McpWebhook webhook, DeliveryOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(destination, webhook, options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> SendAsync(
        WebhookDestination destination, WebhookPayload payload, DeliveryOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(payload);
        if (!payload.CarriesSequenceNumber)
        {
            return DeliverAsync(_sender.Prepare(destination, payload), options, cancellationToken);
        }

        if (options?.SequenceKey is null)
        {
            throw new ArgumentException("A payload that carries its sequence number needs DeliveryOptions.SequenceKey.", nameof(options));
        }

        // Written once with a stand-in, so that a payload the wire refuses never draws a number: a number drawn must reach an attempt.
        PreparedWebhook checkedOnly = _sender.Prepare(destination, payload, sequenceNumber: 1);
        return BeginAsync(checkedOnly, payload, options, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> DeliverAsync(
        PreparedWebhook webhook, DeliveryOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        return BeginAsync(webhook, null, options ?? DeliveryOptions.None, cancellationToken);
    }

    /// <summary>Completes when every record made so far has been given to the sink.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task FlushAuditAsync(CancellationToken cancellationToken = default) => _log.FlushAsync(cancellationToken);

    /// <summary>
    /// Stops: new deliveries are refused as <see cref="DeliveryStatus.ShutDown"/>, those in flight may finish until <paramref name="cancellationToken"/> is cancelled and are
    /// then cut short, each with a record and an outcome. The audit queue is emptied last. Safe to call more than once.
    /// </summary>
    /// <param name="cancellationToken">Ends the grace given to deliveries in flight.</param>
    public async Task<DrainReport> DrainAsync(CancellationToken cancellationToken = default)
    {
        _stopping = true;
        Interlocked.MemoryBarrier();
        int inFlight = InFlight;
        if (inFlight == 0)
        {
            _idle.TrySetResult();
        }

        try
        {
            await _idle.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await _shutdown.CancelAsync().ConfigureAwait(false);
            await _idle.Task.ConfigureAwait(false);
        }

        await _log.DisposeAsync().ConfigureAwait(false);
        int cutShort = Volatile.Read(ref _cutShort);
        return new DrainReport(Math.Max(0, inFlight - cutShort), cutShort, _log.Dropped);
    }

    /// <summary>Cuts short what is in flight and empties the audit queue. Use <see cref="DrainAsync"/> to let deliveries finish.</summary>
    public async ValueTask DisposeAsync()
    {
        await DrainAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);
        _shutdown.Dispose();
    }

    private ValueTask<DeliveryOutcome> BeginAsync(
        PreparedWebhook webhook, WebhookPayload? numbered, DeliveryOptions options, CancellationToken cancellationToken)
    {
        _inFlight.Begin();
        if (_stopping)
        {
            Leave();
            return new(new DeliveryOutcome { Status = DeliveryStatus.ShutDown, Webhook = numbered is null ? webhook : null });
        }

        RetryPolicy retry = options.Retry ?? _options.Retry;
        Endpoint endpoint = options.BreakerKey is null ? Endpoints.Get(webhook.Destination) : options.EndpointOf(Endpoints);
        long startedAt = _time.GetTimestamp();
        if (!endpoint.Circuit.IsClosed && !cancellationToken.IsCancellationRequested
            && endpoint.Circuit.WouldRefuse(_options.Circuit, Endpoints.Clock.Milliseconds(startedAt)))
        {
            return RefuseAsync(New(webhook, numbered, options, retry, endpoint, startedAt, cancellationToken));
        }

        if (cancellationToken.CanBeCanceled || retry.Deadline is not null)
        {
            return BoundedAsync(New(webhook, numbered, options, retry, endpoint, startedAt, cancellationToken));
        }

        if (!TryEnterGates(endpoint))
        {
            return RunAsync(New(webhook, numbered, options, retry, endpoint, startedAt, cancellationToken), default, hasFirst: false);
        }

        if (_straight && numbered is null && webhook.SequenceNumber is null && options.TryGetStream(_sequences, out SequenceStream? stream)
            && endpoint.Circuit.TryAcquireClosed(out CircuitPermit permit))
        {
            return StraightAsync(webhook, options, retry, endpoint, stream, permit, startedAt);
        }

        return AtOnceAsync(New(webhook, numbered, options, retry, endpoint, startedAt, cancellationToken), null);
    }

    /// <summary>The road of a delivery whose circuit refuses at the door: no place is taken, no number drawn, and the one timestamp at hand serves for all.</summary>
    private ValueTask<DeliveryOutcome> RefuseAsync(in Delivery delivery)
    {
        DeliveryOutcome refused = Refusal(delivery, delivery.StartedAt);
        ValueTask recorded = RecordRefusal(delivery, refused, delivery.StartedAt);
        return recorded.IsCompletedSuccessfully ? new(End(refused)) : AfterRecordAsync(recorded, refused);
    }

    private Delivery New(
        PreparedWebhook webhook,
        WebhookPayload? numbered,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        long startedAt,
        CancellationToken cancellationToken) => new()
        {
            Webhook = webhook,
            Numbered = numbered,
            Options = options,
            Retry = retry,
            Caller = cancellationToken,
            Token = _shutdownToken,
            Endpoint = endpoint,
            StartedAt = startedAt,
        };

    /// <summary>
    /// The road nearly every delivery takes: the circuit is closed, the sender answers at once, the receiver has it. It does what
    /// <see cref="AtOnceAsync"/> does for that case without carrying the delivery, its step and its outcome around in large structs, which
    /// cost as much as the two clock reads. Whatever turns out differently goes on in the other roads from where it stands.
    /// </summary>
    /// <remarks>The gates are entered and the permit is held.</remarks>
    private ValueTask<DeliveryOutcome> StraightAsync(
        PreparedWebhook webhook,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        SequenceStream? stream,
        CircuitPermit permit,
        long startedAt)
    {
        long number = stream?.Next() ?? 0;
        ValueTask<WebhookDeliveryResult> sending;
        try
        {
            sending = _sender.SendAsync(webhook, _shutdownToken);
        }
        catch (Exception fault)
        {
            sending = ValueTask.FromException<WebhookDeliveryResult>(fault);
        }

        if (!sending.IsCompletedSuccessfully)
        {
            return RunAsync(Started(webhook, options, retry, endpoint, permit, number, startedAt), sending, hasFirst: true);
        }

        WebhookDeliveryResult result = sending.Result;
        if (result is not { Ok: true } || !endpoint.Circuit.IsHealthy)
        {
            // A sender that gives no result at all is handed on as what it gave; the slow road knows it for a fault.
            return result is null ? RunAsync(Started(webhook, options, retry, endpoint, permit, number, startedAt), new ValueTask<WebhookDeliveryResult>(result!), hasFirst: true) : AtOnceAsync(Started(webhook, options, retry, endpoint, permit, number, startedAt), result);
        }

        // A success on a healthy circuit changes nothing: IsHealthy was the report.
        long now = _time.GetTimestamp();
        LeaveGates(endpoint);
        Endpoints.Touch(endpoint, now);
        TimeSpan elapsed = _wall.Elapsed(startedAt, now);
        DeliveryMeter.Attempt(AttemptOutcome.Success, elapsed);
        if (_options.Sink is not null)
        {
            AttemptFacts facts = new()
            {
                Webhook = webhook,
                Endpoint = endpoint,
                BreakerKeyIsUrl = options.BreakerKey is null,
                SequenceKey = options.SequenceKey,
                SequenceNumber = number,
                NotificationType = options.NotificationType,
                AttemptNumber = 1,
                MaxAttempts = retry.MaxAttempts,
                SkippedBefore = endpoint.Skipped == 0 ? 0 : Interlocked.Exchange(ref endpoint.Skipped, 0),
                OccurredAt = _wall.At(startedAt),
                Elapsed = elapsed,
                StatusCode = result.StatusCode,
            };

            _log.RecordBuffered(facts);
        }

        DeliveryMeter.Delivery(DeliveryStatus.Delivered);
        Leave();
        return new(new DeliveryOutcome
        {
            Status = DeliveryStatus.Delivered,
            Webhook = webhook,
            LastResult = result,
            Attempts = 1,
            SequenceNumber = number == 0 ? null : number,
        });
    }

    /// <summary>A delivery whose first attempt has been started on the straight road.</summary>
    private Delivery Started(
        PreparedWebhook webhook, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, CircuitPermit permit, long number, long startedAt)
    {
        Delivery delivery = New(webhook, null, options, retry, endpoint, startedAt, default);
        delivery.Number = number;
        delivery.Permit = permit;
        delivery.Attempt = 1;
        delivery.AttemptStartedAt = startedAt;
        return delivery;
    }

    /// <summary>
    /// The road of a sender that answers at once: no state machine, no allocation. It ends in <see cref="RunAsync"/> or <see cref="RestAsync"/> as soon as
    /// something has to be waited for.
    /// </summary>
    /// <param name="delivery">The delivery, its gates entered.</param>
    /// <param name="result">The first attempt's result where that has been made; null where the permit is yet to be asked for.</param>
    private ValueTask<DeliveryOutcome> AtOnceAsync(Delivery delivery, WebhookDeliveryResult? result)
    {
        while (true)
        {
            if (result is null)
            {
                DeliveryOutcome? refused;
                try
                {
                    refused = TryPermit(ref delivery);
                }
                catch
                {
                    Leave();
                    throw;
                }

                if (refused is { } refusal)
                {
                    LeaveGates(delivery.Endpoint);
                    ValueTask refusalRecorded = RecordRefusal(delivery, refusal, _time.GetTimestamp());
                    return refusalRecorded.IsCompletedSuccessfully ? new(End(refusal)) : AfterRecordAsync(refusalRecorded, refusal);
                }

                ValueTask<WebhookDeliveryResult> sending = Start(ref delivery, queued: false);
                if (!sending.IsCompletedSuccessfully)
                {
                    return RunAsync(delivery, sending, hasFirst: true);
                }

                result = sending.Result;
                if (result is null)
                {
                    return RunAsync(delivery, new ValueTask<WebhookDeliveryResult>(result!), hasFirst: true);
                }
            }

            Step step = Settle(ref delivery, result, null);
            result = null;
            ValueTask recorded = Record(delivery, step);
            if (!recorded.IsCompletedSuccessfully)
            {
                return RestAsync(delivery, step, recorded);
            }

            if (step.Outcome is { } outcome)
            {
                return new(End(outcome));
            }

            if (step.Delay != TimeSpan.Zero || !TryEnterGates(delivery.Endpoint))
            {
                return RestAsync(delivery, step, default);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> AfterRecordAsync(ValueTask recorded, DeliveryOutcome outcome)
    {
        await recorded.ConfigureAwait(false);
        return End(outcome);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> RestAsync(Delivery delivery, Step step, ValueTask recorded)
    {
        await recorded.ConfigureAwait(false);
        if (step.Outcome is { } done)
        {
            return End(done);
        }

        if (!await WaitAsync(delivery, step).ConfigureAwait(false))
        {
            return End(await InterruptedAsync(delivery).ConfigureAwait(false));
        }

        // The rest of the delivery counts itself out.
        return await RunAsync(delivery, default, hasFirst: false).ConfigureAwait(false);
    }

    /// <summary>A delivery with a caller's token or a deadline: one linked source for all of it.</summary>
    private async ValueTask<DeliveryOutcome> BoundedAsync(Delivery delivery)
    {
        using CancellationTokenSource deadline = delivery.Retry.Deadline is { } limit
            ? new CancellationTokenSource(limit, _time)
            : new CancellationTokenSource();
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(delivery.Caller, _shutdown.Token, deadline.Token);
        delivery.Token = linked.Token;
        delivery.Deadline = delivery.Retry.Deadline;
        return await RunAsync(delivery, default, hasFirst: false).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> RunAsync(Delivery delivery, ValueTask<WebhookDeliveryResult> first, bool hasFirst)
    {
        bool counted = true;
        try
        {
            while (true)
            {
                ValueTask<WebhookDeliveryResult> sending = first;
                if (!hasFirst)
                {
                    bool interrupted = delivery.Token.IsCancellationRequested;
                    bool entered = !interrupted && TryEnterGates(delivery.Endpoint);
                    DeliveryOutcome? refused = null;
                    if (!entered && !interrupted)
                    {
                        // A circuit that refuses says so now, not after a wait for a place behind its hung probes.
                        long now = _time.GetTimestamp();
                        refused = delivery.Endpoint.Circuit.WouldRefuse(_options.Circuit, Endpoints.Clock.Milliseconds(now)) ? Refusal(delivery, now) : null;
                        entered = refused is null && await EnterGatesAsync(delivery).ConfigureAwait(false);
                        interrupted = refused is null && !entered;
                    }

                    if (interrupted)
                    {
                        DeliveryOutcome cut = await InterruptedAsync(delivery).ConfigureAwait(false);
                        counted = false;
                        return End(cut);
                    }

                    refused ??= TryPermit(ref delivery);
                    if (refused is { } refusal)
                    {
                        if (entered)
                        {
                            LeaveGates(delivery.Endpoint);
                        }

                        await RecordRefusal(delivery, refusal, _time.GetTimestamp()).ConfigureAwait(false);
                        counted = false;
                        return End(refusal);
                    }

                    sending = Start(ref delivery, queued: true);
                }

                hasFirst = false;
                WebhookDeliveryResult? result = null;
                Exception? fault = null;
                try
                {
                    result = await sending.ConfigureAwait(false);
                }
                catch (Exception thrown)
                {
                    fault = thrown;
                }

                Step step = Settle(ref delivery, result, fault);
                await Record(delivery, step).ConfigureAwait(false);
                if (step.Outcome is { } done)
                {
                    counted = false;
                    return End(done);
                }

                if (!await WaitAsync(delivery, step).ConfigureAwait(false))
                {
                    DeliveryOutcome interrupted = await InterruptedAsync(delivery).ConfigureAwait(false);
                    counted = false;
                    return End(interrupted);
                }
            }
        }
        finally
        {
            if (counted)
            {
                Leave();
            }
        }
    }

    /// <summary>Asks the circuit, and with the first permit draws the number. Null where the attempt may go on.</summary>
    private DeliveryOutcome? TryPermit(ref Delivery delivery)
    {
        Endpoint endpoint = delivery.Endpoint;
        delivery.Permit = endpoint.Circuit.TryAcquire(_options.Circuit, Endpoints.Clock, out CircuitState from, out CircuitState to);
        if (from != to)
        {
            Changed(endpoint, from, to, late: false);
        }

        if (!delivery.Permit.IsGranted)
        {
            return Refusal(delivery, _time.GetTimestamp());
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
                LeaveGates(endpoint);
                throw;
            }
        }

        return null;
    }

    private DeliveryOutcome Refusal(in Delivery delivery, long timestamp) => new()
    {
        Status = DeliveryStatus.CircuitOpen,
        Webhook = delivery.Numbered is null ? delivery.Webhook : null,
        LastResult = delivery.LastResult,
        Attempts = delivery.Attempt,
        SequenceNumber = delivery.NumberOrNull,
        Code = delivery.Endpoint.Circuit.State == CircuitState.Isolated ? "circuit_isolated" : "circuit_open",
        RetryAt = NextProbe(delivery.Endpoint, timestamp),
    };

    /// <summary>Starts one attempt. A sender that throws at once is a faulted task, like one that throws later.</summary>
    private ValueTask<WebhookDeliveryResult> Start(ref Delivery delivery, bool queued)
    {
        delivery.Attempt++;
        delivery.AttemptStartedAt = delivery.Attempt == 1 && !queued ? delivery.StartedAt : _time.GetTimestamp();
        try
        {
            return _sender.SendAsync(delivery.Webhook, delivery.Token);
        }
        catch (Exception fault)
        {
            return ValueTask.FromException<WebhookDeliveryResult>(fault);
        }
    }

    /// <summary>Judges one attempt: tells the breaker, gives the places back, and decides what follows. Never throws.</summary>
    private Step Settle(ref Delivery delivery, WebhookDeliveryResult? result, Exception? fault)
    {
        Endpoint endpoint = delivery.Endpoint;
        long now = _time.GetTimestamp();
        if (result is null)
        {
            fault ??= new InvalidOperationException("The sender gave no result.");
        }

        Step step = new() { EndedAt = now, Result = result };
        bool interrupted = fault is OperationCanceledException && delivery.Token.IsCancellationRequested;
        ResponseClassification verdict;
        if (interrupted)
        {
            verdict = new(DeliveryVerdict.Stop, EndpointHealth.Unknown);
        }
        else if (result is not null)
        {
            verdict = Classify(result);
            step.Error = result.Error;
            step.Detail = result.ErrorDetail;
        }
        else
        {
            (verdict, step.Error, step.Detail) = ClassifyFault(fault!);
        }

        delivery.LastResult = result ?? delivery.LastResult;
        Report(endpoint, delivery.Permit, verdict.Health, result, step.Error, now);
        LeaveGates(endpoint);
        Endpoints.Touch(endpoint, now);
        step.Code = verdict.Code;
        if (interrupted)
        {
            step.Outcome = Interruption(delivery, out step.Kind);
            return step;
        }

        if (verdict.Verdict == DeliveryVerdict.Delivered)
        {
            step.Kind = AttemptOutcome.Success;
            step.Outcome = Ended(delivery, DeliveryStatus.Delivered, verdict.Code, null);
            return step;
        }

        bool ours = result is null ? verdict.Health == EndpointHealth.Unknown : result.Error >= WebhookSendError.DestinationRefused;
        step.Kind = ours ? AttemptOutcome.Refused : AttemptOutcome.Failure;
        if (verdict.Verdict == DeliveryVerdict.Stop)
        {
            step.Outcome = Ended(delivery, ours ? DeliveryStatus.Refused : DeliveryStatus.Rejected, verdict.Code, fault);
        }
        else if (delivery.Attempt >= delivery.Retry.MaxAttempts)
        {
            step.Outcome = Ended(delivery, DeliveryStatus.Exhausted, verdict.Code, fault);
        }
        else
        {
            TimeSpan? hint = RetryAfter.From(result?.ResponseHeaders, _time);
            step.Delay = delivery.Retry.DelayBeforeAttempt(delivery.Attempt + 1, _options.Random, hint);
            if (delivery.Deadline is { } deadline && _time.GetElapsedTime(delivery.StartedAt, now) + step.Delay >= deadline)
            {
                step.Outcome = Ended(delivery, DeliveryStatus.DeadlineExceeded, "deadline", fault);
            }
        }

        return step;
    }

    private ResponseClassification Classify(WebhookDeliveryResult result)
    {
        // Nothing after a 2xx may cause another send, whatever a replaced table says or throws.
        try
        {
            ResponseClassification verdict = _options.Responses.Classify(result);
            return result.Ok ? verdict with { Verdict = DeliveryVerdict.Delivered } : verdict;
        }
        catch (Exception thrown)
        {
            TableFailed(_logger, thrown.GetType().Name);
            return ResponseTable.Adcp.Classify(result);
        }
    }

    /// <summary>What a sender threw: the network's faults are the endpoint's; everything else is ours, stops, and never touches the breaker.</summary>
    private static (ResponseClassification Verdict, WebhookSendError Error, string Detail) ClassifyFault(Exception fault)
    {
        string name = fault.GetType().Name;
        return fault switch
        {
            OperationCanceledException or TimeoutException =>
                (new(DeliveryVerdict.Retry, EndpointHealth.Failing), WebhookSendError.Timeout, name),
            HttpRequestException or IOException or SocketException =>
                (new(DeliveryVerdict.Retry, EndpointHealth.Failing), WebhookSendError.ConnectionFailed, name),
            _ => (new(DeliveryVerdict.Stop, EndpointHealth.Unknown, "sender_fault"), WebhookSendError.SigningFailed, name),
        };
    }

    private void Report(
        Endpoint endpoint, CircuitPermit permit, EndpointHealth health, WebhookDeliveryResult? result, WebhookSendError error, long now)
    {
        CircuitState from;
        CircuitState to;
        switch (health)
        {
            case EndpointHealth.Healthy:
                endpoint.Circuit.Succeed(permit, _options.Circuit, Endpoints.Clock, out from, out to);
                break;
            case EndpointHealth.Failing:
                endpoint.LastStatusCode = (short)(result?.StatusCode ?? 0);
                endpoint.LastError = (byte)error;
                endpoint.Circuit.Fail(permit, _options.Circuit, Endpoints.Clock.Milliseconds(now), out from, out to);
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

    private ValueTask Record(in Delivery delivery, in Step step)
    {
        TimeSpan elapsed = _wall.Elapsed(delivery.AttemptStartedAt, step.EndedAt);
        DeliveryMeter.Attempt(step.Kind, elapsed);
        if (_options.Sink is null)
        {
            return ValueTask.CompletedTask;
        }

        AttemptFacts facts = Facts(delivery);
        facts.Outcome = step.Kind;
        facts.OccurredAt = _wall.At(delivery.AttemptStartedAt);
        facts.Elapsed = elapsed;
        facts.StatusCode = step.Result?.StatusCode ?? 0;
        facts.Error = step.Error;
        facts.ErrorDetail = step.Detail;
        facts.Code = step.Code;
        facts.NextRetryAt = step.Outcome is null ? facts.OccurredAt + elapsed + step.Delay : null;
        return _log.Record(facts);
    }

    /// <summary>A refusal's record, or one more on the endpoint's count of refusals without one.</summary>
    private ValueTask RecordRefusal(in Delivery delivery, in DeliveryOutcome refused, long timestamp)
    {
        DeliveryMeter.Attempt(AttemptOutcome.CircuitOpen, TimeSpan.Zero);
        if (_options.Sink is null)
        {
            return ValueTask.CompletedTask;
        }

        Endpoint endpoint = delivery.Endpoint;
        if (_skipInterval != 0)
        {
            uint now = Endpoints.Clock.Milliseconds(timestamp);
            uint last = Volatile.Read(ref endpoint.SkipRecordedAt);
            if ((last != 0 && now - (last - 1) < _skipInterval) || Interlocked.CompareExchange(ref endpoint.SkipRecordedAt, now + 1, last) != last)
            {
                Interlocked.Increment(ref endpoint.Skipped);
                return ValueTask.CompletedTask;
            }
        }

        AttemptFacts facts = Facts(delivery);
        facts.Outcome = AttemptOutcome.CircuitOpen;
        facts.OccurredAt = _wall.At(timestamp);
        facts.Code = refused.Code;
        return _log.Record(facts);
    }

    private static AttemptFacts Facts(in Delivery delivery) => new()
    {
        Webhook = delivery.Webhook,
        Endpoint = delivery.Endpoint,
        BreakerKeyIsUrl = delivery.Options.BreakerKey is null,
        SequenceKey = delivery.Options.SequenceKey,
        SequenceNumber = delivery.Number,
        NotificationType = delivery.Options.NotificationType,
        AttemptNumber = delivery.Attempt,
        MaxAttempts = delivery.Retry.MaxAttempts,
        SkippedBefore = delivery.Endpoint.Skipped == 0 ? 0 : Interlocked.Exchange(ref delivery.Endpoint.Skipped, 0),
    };

    /// <summary>Waits until the next attempt is due: exactly what was recorded, less what the record itself took. False where interrupted.</summary>
    private async ValueTask<bool> WaitAsync(Delivery delivery, Step step)
    {
        TimeSpan remaining = step.Delay - _time.GetElapsedTime(step.EndedAt);
        if (remaining > TimeSpan.Zero)
        {
            await Task.Delay(remaining, _time, delivery.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return !delivery.Token.IsCancellationRequested;
    }

    /// <summary>The record and outcome of a delivery that ended between attempts.</summary>
    private async ValueTask<DeliveryOutcome> InterruptedAsync(Delivery delivery)
    {
        DeliveryOutcome outcome = Interruption(delivery, out AttemptOutcome kind);
        delivery.AttemptStartedAt = _time.GetTimestamp();
        await Record(delivery, new Step { Kind = kind, EndedAt = delivery.AttemptStartedAt, Outcome = outcome, Code = outcome.Code }).ConfigureAwait(false);
        return outcome;
    }

    private DeliveryOutcome Interruption(in Delivery delivery, out AttemptOutcome kind)
    {
        if (delivery.Caller.IsCancellationRequested)
        {
            kind = AttemptOutcome.Cancelled;
            return Ended(delivery, DeliveryStatus.Cancelled, "cancelled", null);
        }

        if (_shutdown.IsCancellationRequested)
        {
            kind = AttemptOutcome.Cancelled;
            Interlocked.Increment(ref _cutShort);
            return Ended(delivery, DeliveryStatus.ShutDown, "shutdown", null);
        }

        kind = AttemptOutcome.Expired;
        return Ended(delivery, DeliveryStatus.DeadlineExceeded, "deadline", null);
    }

    private static DeliveryOutcome Ended(in Delivery delivery, DeliveryStatus status, string? code, Exception? fault) => new()
    {
        Status = status,

        // A payload whose number was never drawn has no frozen form yet.
        Webhook = delivery.Numbered is null ? delivery.Webhook : null,
        LastResult = delivery.LastResult,
        Attempts = delivery.Attempt,
        SequenceNumber = delivery.NumberOrNull,
        Code = code,
        Fault = fault,
    };

    private DateTimeOffset? NextProbe(Endpoint endpoint, long timestamp) => endpoint.Circuit.NextProbeAt(_options.Circuit) is { } at
        ? _wall.At(timestamp).AddTicks(Math.Max(0, unchecked((int)(at - Endpoints.Clock.Milliseconds(timestamp)))) * TimeSpan.TicksPerMillisecond)
        : null;

    private bool TryEnterGates(Endpoint endpoint)
    {
        if (!endpoint.Gate.TryEnter(_options.MaxConcurrencyPerEndpoint))
        {
            return false;
        }

        if (_gate.TryEnter(_options.MaxConcurrency))
        {
            return true;
        }

        endpoint.Gate.Leave(_options.MaxConcurrencyPerEndpoint);
        return false;
    }

    /// <summary>Enters both gates, waiting where they are full. False where interrupted.</summary>
    private async ValueTask<bool> EnterGatesAsync(Delivery delivery)
    {
        Endpoint endpoint = delivery.Endpoint;
        try
        {
            if (!endpoint.Gate.TryEnter(_options.MaxConcurrencyPerEndpoint))
            {
                await endpoint.Gate.EnterAsync(_options.MaxConcurrencyPerEndpoint, delivery.Token).ConfigureAwait(false);
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
                await _gate.EnterAsync(_options.MaxConcurrency, delivery.Token).ConfigureAwait(false);
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            endpoint.Gate.Leave(_options.MaxConcurrencyPerEndpoint);
            return false;
        }
    }

    private void LeaveGates(Endpoint endpoint)
    {
        _gate.Leave(_options.MaxConcurrency);
        endpoint.Gate.Leave(_options.MaxConcurrencyPerEndpoint);
    }

    private DeliveryOutcome End(in DeliveryOutcome outcome)
    {
        DeliveryMeter.Delivery(outcome.Status);
        Leave();
        return outcome;
    }

    private void Leave()
    {
        _inFlight.End();
        if (_stopping && _inFlight.Value == 0)
        {
            _idle.TrySetResult();
        }
    }

    [LoggerMessage(EventId = 401, Level = LogLevel.Warning, Message = "A webhook circuit went from {From} to {To}.")]
    private static partial void CircuitChanged(ILogger logger, CircuitState from, CircuitState to);

    [LoggerMessage(EventId = 402, Level = LogLevel.Warning, Message = "A late success moved a webhook circuit from {From} to {To}.")]
    private static partial void LateSuccess(ILogger logger, CircuitState from, CircuitState to);

    [LoggerMessage(EventId = 403, Level = LogLevel.Error, Message = "The response table threw {Fault}; AdCP's own table was used.")]
    private static partial void TableFailed(ILogger logger, string fault);

    /// <summary>One delivery on its way. A struct: on the fast road it lives on the stack, on the slow one in a pooled state machine.</summary>
    private struct Delivery
    {
        internal PreparedWebhook Webhook;
        internal WebhookPayload? Numbered;
        internal DeliveryOptions Options;
        internal RetryPolicy Retry;
        internal Endpoint Endpoint;
        internal WebhookDeliveryResult? LastResult;
        internal CancellationToken Caller;
        internal CancellationToken Token;
        internal TimeSpan? Deadline;
        internal long StartedAt;
        internal long AttemptStartedAt;
        internal long Number;
        internal int Attempt;
        internal CircuitPermit Permit;

        internal readonly long? NumberOrNull => Number == 0 ? null : Number;
    }

    /// <summary>What one attempt led to: an outcome, or a delay before the next.</summary>
    private struct Step
    {
        internal DeliveryOutcome? Outcome;
        internal WebhookDeliveryResult? Result;
        internal AttemptOutcome Kind;
        internal WebhookSendError Error;
        internal string? Detail;
        internal string? Code;
        internal TimeSpan Delay;
        internal long EndedAt;
    }
}
