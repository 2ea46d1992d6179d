using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;
using Adcp.Aot.Resilience;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>
/// The state of one delivery, its cancellation, its steps from one attempt to the next, and the outcome that its caller
/// awaits. Pooled, so that a delivery allocates nothing.
/// </summary>
/// <remarks>
/// <para>
/// The delivery's steps use it one after the other, never at the same time. Three events of other threads may come at
/// any moment: a cancellation, the sender's answer, and the abandonment of a sender that continues although it was
/// cancelled. The first cancellation counts (<see cref="Cause"/>). The answer and the abandonment compete for
/// <see cref="_answerState"/>, and the winner ends the attempt.
/// </para>
/// <para>
/// A caller can take the outcome once and not before the delivery has ended; any other call throws. The task of a
/// pooled async method does not guarantee this: if a caller takes its result too early or twice, the method's state
/// returns to its pool while it is in use, and another delivery's webhook could reach that caller. An instance returns
/// to the pool when its outcome is taken. If a caller never awaits it, the garbage collector takes it.
/// </para>
/// <para>
/// An instance that was cancelled or abandoned is not pooled again: a late callback could otherwise reach the next delivery. <see
/// cref="DeliveryPool"/> knows every instance, so
/// that a shutdown reaches those under way and no delivery has to register with a source that all share.
/// </para>
/// </remarks>
internal sealed partial class InFlightDelivery : IValueTaskSource, IValueTaskSource<DeliveryOutcome>, IDisposable
{
    private const int NoAnswerDue = 0;
    private const int AnswerDue = 1;
    private const int Abandoned = 2;

    private readonly AttemptRunner _runner;
    private readonly Action _onAnswered;
    private readonly Action _goOn;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Lock _deadlineLock = new();
    private ManualResetValueTaskSourceCore<bool> _outcome;
    private DeliveryEngine? _engine;
    private ConfiguredValueTaskAwaitable<WebhookSendResult>.ConfiguredValueTaskAwaiter _answer;
    private CancellationTokenRegistration _caller;
    private ITimer? _deadlineTimer;
    private ITimer? _abandonmentTimer;
    private AttemptStep _step;
    private bool _active;
    private bool _deadlineArmed;
    private int _answerState;
    private int _cause;

    /// <summary>The version of the outcome that may be taken, plus one; 0 if none may.</summary>
    private int _takeable;
    private bool _reusable;

    internal InFlightDelivery(AttemptRunner runner)
    {
        _runner = runner;
        _onAnswered = OnAnswered;
        _goOn = GoOn;
        Token = _cancellation.Token;
    }

    internal PreparedWebhook Webhook { get; set; } = null!;

    /// <summary>
    /// Gets or sets a payload that contains its sequence number and has not drawn it yet; <see cref="Webhook"/> is then
    /// a stand-in that is never sent.
    /// </summary>
    internal WebhookPayload? Unnumbered { get; set; }

    internal DeliveryOptions Options { get; private set; } = null!;

    internal RetryPolicy Retry { get; private set; } = null!;

    internal Endpoint Endpoint { get; set; } = null!;

    /// <summary>Gets or sets the row of the endpoint's origin; <see langword="null"/> if the attempt has no permit of one.</summary>
    internal Endpoint? Origin { get; set; }

    internal WebhookSendResult? LastResult { get; set; }

    /// <summary>Gets or sets the W3C id of the span of the acceptance; <see langword="null"/> if there is no listener.</summary>
    internal string? TraceParent { get; set; }

    /// <summary>Gets or sets the span of the attempt under way.</summary>
    internal System.Diagnostics.Activity? Span { get; set; }

    /// <summary>Gets the token that ends the delivery: by the caller, the deadline or the shutdown.</summary>
    internal CancellationToken Token { get; }

    /// <summary>Gets the reason why <see cref="Token"/> is cancelled.</summary>
    internal CancellationCause Cause => (CancellationCause)Volatile.Read(ref _cause);

    internal long StartedAt { get; private set; }

    internal long AttemptStartedAt { get; set; }

    /// <summary>
    /// Gets the longest time from <see cref="StartedAt"/> within which an attempt may begin; <see langword="null"/> for no limit.
    /// </summary>
    internal TimeSpan? TimeLimit { get; private set; }

    internal long SequenceNumber { get; set; }

    internal int Attempt { get; set; }

    internal CircuitPermit Permit { get; set; }

    internal CircuitPermit OriginPermit { get; set; }

    internal bool HoldsPermits { get; set; }

    /// <summary>Gets or sets the call of an inline sink; completed unless the sink is inline. The delivery waits for it.</summary>
    internal Task Recorded { get; set; } = Task.CompletedTask;

    /// <summary>Gets or sets the payload's exception, which the caller gets in place of an outcome.</summary>
    internal Exception? Fault { get; set; }

    /// <summary>
    /// Gets a task that completes when the delivery has ended. It is read before the first attempt begins, and awaited
    /// once.
    /// </summary>
    internal ValueTask<DeliveryOutcome> Outcome => new(this, _outcome.Version);

    /// <summary>
    /// Gets <see cref="Outcome"/> for a caller that reads the result from this instance and returns it to the pool
    /// itself.
    /// </summary>
    internal ValueTask Ended => new(this, _outcome.Version);

    /// <summary>Gets the webhook if it is frozen. A payload whose sequence number was never drawn has no frozen form yet.</summary>
    internal PreparedWebhook? Frozen => Unnumbered is null ? Webhook : null;

    /// <summary>Gets the result of the last attempt.</summary>
    internal ref AttemptStep Step => ref _step;

    /// <summary>Begins a delivery: with an engine, which makes further attempts, or without one for a single attempt.</summary>
    internal void Begin(
        DeliveryEngine? engine,
        PreparedWebhook webhook,
        WebhookPayload? unnumbered,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        long startedAt,
        TimeSpan? timeLimit)
    {
        _engine = engine;
        Webhook = webhook;
        Unnumbered = unnumbered;
        Options = options;
        Retry = retry;
        Endpoint = endpoint;
        StartedAt = startedAt;
        AttemptStartedAt = startedAt;
        TimeLimit = timeLimit;
        TraceParent = null;
        Volatile.Write(ref _active, true);
    }

    /// <summary>Settles the attempt when the sender has answered, or when it is abandoned.</summary>
    /// <returns><see langword="true"/> if the attempt has ended; <see langword="false"/> if the delivery continues by
    /// itself when it ends, which may have happened already.</returns>
    internal bool AwaitAnswer(in ValueTask<WebhookSendResult> sending)
    {
        Volatile.Write(ref _answerState, AnswerDue);
        ConfiguredValueTaskAwaitable<WebhookSendResult>.ConfiguredValueTaskAwaiter answer = sending.ConfigureAwait(false).GetAwaiter();
        _answer = answer;
        if (answer.IsCompleted)
        {
            return TakeAnswer();
        }

        try
        {
            // Not UnsafeOnCompleted: the continuation must run in the delivery's context, not in that of the answering
            // thread.
            answer.OnCompleted(_onAnswered);
            return false;
        }
        catch (Exception fault)
        {
            return EndAttempt(null, fault);
        }
    }

    /// <summary>
    /// Continues after an attempt: waits for its record if the sink is inline, then begins the next attempt or ends the
    /// delivery.
    /// </summary>
    internal void GoOn()
    {
        do
        {
            if (!Recorded.IsCompleted)
            {
                Recorded.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_goOn);
                return;
            }

            if (Fault is not null || _step.Ends || _engine is null)
            {
                Complete();
                return;
            }
        }
        while (_engine.Next(this));
    }

    /// <summary>Returns the outcome of a delivery that has ended, and the instance to its pool.</summary>
    internal DeliveryOutcome TakeOutcome(int thread)
    {
        // Read first and assembled last, in the returned expression, so that the outcome is written once to the
        // caller's location.
        AttemptStep step = _step;
        PreparedWebhook? frozen = Frozen;
        WebhookSendResult? result = LastResult;
        int attempts = Attempt;
        long number = SequenceNumber;
        _runner.Pool.Return(this, thread);
        return new DeliveryOutcome(step.Status, frozen, result, attempts, number, step.Code, step.RetryAtTicks, step.Fault);
    }

    /// <summary>Ends the delivery: its token and its deadline can no longer cancel it.</summary>
    internal void End()
    {
        Volatile.Write(ref _active, false);
        bool quiet = _caller == default || _caller.Unregister();
        if (_deadlineArmed)
        {
            // Under the lock, so that a timer that is firing now either cancels before this or never.
            lock (_deadlineLock)
            {
                _deadlineArmed = false;
                _deadlineTimer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }

        _reusable = quiet && Volatile.Read(ref _cause) == (int)CancellationCause.None && _cancellation.TryReset();
        if (!_reusable)
        {
            Dispose();
        }
    }

    /// <summary>Clears the delivery.</summary>
    /// <returns><see langword="true"/> if the instance may serve another delivery.</returns>
    internal bool TryReset()
    {
        if (!_reusable)
        {
            return false;
        }

        // Members that are small and live long anyway are not cleared: options, policy and endpoint.
        Webhook = null!;
        Unnumbered = null;
        LastResult = null;
        SequenceNumber = 0;
        Attempt = 0;
        _caller = default;
        _step = default;
        return true;
    }

    /// <summary>
    /// Stops the timers. The source is not disposed: it has neither a timer nor a wait handle, and a sender may still use its
    /// token.
    /// </summary>
    public void Dispose()
    {
        _deadlineTimer?.Dispose();
        _abandonmentTimer?.Dispose();
    }

    void IValueTaskSource.GetResult(short token)
    {
        _outcome.GetResult(token);
        _outcome.Reset();
        if (Fault is { } fault)
        {
            Fault = null;
            ExceptionDispatchInfo.Throw(fault);
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _outcome.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _outcome.OnCompleted(continuation, state, token, flags);

    DeliveryOutcome IValueTaskSource<DeliveryOutcome>.GetResult(short token)
    {
        int taking = (ushort)token + 1;
        if (_outcome.GetStatus(token) == ValueTaskSourceStatus.Pending || Interlocked.CompareExchange(ref _takeable, 0, taking) != taking)
        {
            throw new InvalidOperationException("The delivery has not ended, or its outcome was taken already. Await the ValueTask, once.");
        }

        Exception? fault = Fault;
        Fault = null;
        _outcome.Reset();
        if (fault is not null)
        {
            _runner.Pool.Return(this, ThreadStripe.Index);
            ExceptionDispatchInfo.Throw(fault);
        }

        return TakeOutcome(ThreadStripe.Index);
    }

    ValueTaskSourceStatus IValueTaskSource<DeliveryOutcome>.GetStatus(short token) => _outcome.GetStatus(token);

    void IValueTaskSource<DeliveryOutcome>.OnCompleted(Action<object?> continuation, object? state, short token,
        ValueTaskSourceOnCompletedFlags flags) =>
        _outcome.OnCompleted(continuation, state, token, flags);

    private void Complete()
    {
        _engine?.End(this);
        Volatile.Write(ref _takeable, (ushort)_outcome.Version + 1);

        // The caller continues in here and may return this to the pool: no code may follow.
        _outcome.SetResult(true);
    }

    private void OnAnswered()
    {
        if (TakeAnswer())
        {
            GoOn();
        }
    }

    private bool TakeAnswer()
    {
        WebhookSendResult? result = null;
        Exception? fault = null;
        try
        {
            result = _answer.GetResult();
        }
        catch (Exception thrown)
        {
            fault = thrown;
        }

        _answer = default;
        return EndAttempt(result, fault);
    }

    /// <summary>Settles the attempt, unless it was abandoned before.</summary>
    /// <returns><see langword="true"/> if it ended in this call.</returns>
    private bool EndAttempt(WebhookSendResult? result, Exception? fault)
    {
        int state = Interlocked.CompareExchange(ref _answerState, NoAnswerDue, AnswerDue);
        if (state == AnswerDue)
        {
            try
            {
                _runner.Settle(this, result, fault);
            }
            catch (Exception unexpected)
            {
                Fault = unexpected;
            }

            return true;
        }

        if (state == Abandoned)
        {
            _runner.ReleaseAbandoned(this);
        }

        return false;
    }
}
