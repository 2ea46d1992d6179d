using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>
/// What is known of one delivery, its cancellation, the awaitable end of its attempt under way, and the outcome that its caller
/// awaits. Pooled, so that a delivery allocates nothing.
/// </summary>
/// <remarks>
/// <para>
/// The delivery's steps use it one after the other, never at the same time. Three events of other threads may come at any moment:
/// a cancellation, the sender's answer, and the
/// abandonment of a sender that goes on although it was cancelled. The first cancellation counts (<see cref="Cause"/>). The
/// answer and the abandonment compete for
/// <see cref="_answerState"/>, and the winner ends the attempt.
/// </para>
/// <para>
/// A caller can take the outcome once and not before the delivery has ended; anything else throws. The task of a pooled async
/// method would not do: a caller that takes its result
/// too early or twice returns the method's state to its pool while it is in use, and another delivery's webhook could reach it.
/// An instance returns to the pool when its outcome is
/// taken. A caller that never awaits leaves it to the garbage collector.
/// </para>
/// <para>
/// An instance that was cancelled or abandoned is not pooled again: a late callback could otherwise reach the next delivery. <see
/// cref="DeliveryPool"/> knows every instance, so
/// that a shutdown reaches those under way and no delivery has to register with a source that all share.
/// </para>
/// </remarks>
internal sealed class InFlightDelivery : IValueTaskSource, IValueTaskSource<DeliveryOutcome>, IDisposable
{
    private const int NoAnswerDue = 0;
    private const int AnswerDue = 1;
    private const int Abandoned = 2;

    private readonly AttemptRunner _runner;
    private readonly Action _onAnswered;
    private readonly Action _onPending;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Lock _deadlineLock = new();
    private ManualResetValueTaskSourceCore<bool> _ended;
    private ManualResetValueTaskSourceCore<bool> _outcome;
    private ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter _pending;
    private DeliveryEngine? _engine;
    private ConfiguredValueTaskAwaitable<WebhookDeliveryResult>.ConfiguredValueTaskAwaiter _answer;
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

    /// <summary>What the payload threw, which the caller gets in place of an outcome.</summary>
    private Exception? _fault;

    internal InFlightDelivery(AttemptRunner runner)
    {
        _runner = runner;
        _onAnswered = OnAnswered;
        _onPending = OnPending;
        Token = _cancellation.Token;
    }

    internal PreparedWebhook Webhook { get; set; } = null!;

    /// <summary>
    /// Gets or sets a payload that carries its sequence number and has not drawn it yet; <see cref="Webhook"/> is then a stand-in
    /// that is never sent.
    /// </summary>
    internal WebhookPayload? Unnumbered { get; set; }

    internal DeliveryOptions Options { get; private set; } = null!;

    internal RetryPolicy Retry { get; private set; } = null!;

    internal Endpoint Endpoint { get; set; } = null!;

    /// <summary>Gets or sets the row of the endpoint's origin; <see langword="null"/> if the attempt has no permit of one.</summary>
    internal Endpoint? Origin { get; set; }

    internal WebhookDeliveryResult? LastResult { get; set; }

    /// <summary>Gets the token that ends the delivery: by the caller, the deadline or the shutdown.</summary>
    internal CancellationToken Token { get; }

    /// <summary>Gets why <see cref="Token"/> is cancelled.</summary>
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

    /// <summary>Gets or sets the call of an inline sink; completed unless the sink is inline.</summary>
    internal Task Recorded { get; set; } = Task.CompletedTask;

    /// <summary>Gets the webhook if it is frozen. A payload whose sequence number was never drawn has no frozen form yet.</summary>
    internal PreparedWebhook? Frozen => Unnumbered is null ? Webhook : null;

    /// <summary>Gets what the last attempt led to.</summary>
    internal ref AttemptStep Step => ref _step;

    internal void Begin(
        PreparedWebhook webhook, WebhookPayload? unnumbered, DeliveryOptions options, RetryPolicy retry, Endpoint endpoint, long startedAt, TimeSpan? timeLimit)
    {
        Webhook = webhook;
        Unnumbered = unnumbered;
        Options = options;
        Retry = retry;
        Endpoint = endpoint;
        StartedAt = startedAt;
        AttemptStartedAt = startedAt;
        TimeLimit = timeLimit;
        Volatile.Write(ref _active, true);
    }

    /// <summary>Lets the caller's token and the policy's deadline cancel the delivery.</summary>
    internal void Bind(CancellationToken caller)
    {
        if (caller.CanBeCanceled)
        {
            _caller = caller.UnsafeRegister(static state => ((InFlightDelivery)state!).Cancel(CancellationCause.Caller), this);
        }

        if (Retry.Deadline is { } deadline)
        {
            _deadlineTimer ??= AttemptRunner.CreateTimer(_runner.Clock.Time, static state => ((InFlightDelivery)state!).OnDeadline(), this);
            lock (_deadlineLock)
            {
                _deadlineArmed = true;
                _deadlineTimer.Change(deadline, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>
    /// Cancels the delivery, unless it is cancelled already. Callbacks that the sender has registered run on the thread pool: they
    /// may block or throw, and the thread that cancels is not theirs. An attempt that goes on for the cancellation timeout is
    /// abandoned.
    /// </summary>
    internal void Cancel(CancellationCause cause)
    {
        if (Interlocked.CompareExchange(ref _cause, (int)cause, (int)CancellationCause.None) != (int)CancellationCause.None)
        {
            return;
        }

        // The machine's clock: this bounds code that misbehaves, and a clock that a test holds still must not keep it waiting.
        _abandonmentTimer = AttemptRunner.CreateTimer(TimeProvider.System, static state => ((InFlightDelivery)state!).Abandon(), this);
        _abandonmentTimer.Change(_runner.CancellationTimeout, _runner.CancellationTimeout);
        _runner.Observe(_cancellation.CancelAsync());
    }

    /// <summary>Cancels the delivery if one is under way.</summary>
    internal void ShutDown()
    {
        if (Volatile.Read(ref _active))
        {
            Cancel(CancellationCause.Shutdown);
        }
    }

    /// <summary>Returns a task that completes when the sender has answered, or is abandoned, and the attempt is settled.</summary>
    internal ValueTask AwaitAnswerAsync(in ValueTask<WebhookDeliveryResult> sending)
    {
        _ended.Reset();
        short version = _ended.Version;
        Volatile.Write(ref _answerState, AnswerDue);
        ConfiguredValueTaskAwaitable<WebhookDeliveryResult>.ConfiguredValueTaskAwaiter answer = sending.ConfigureAwait(false).GetAwaiter();
        _answer = answer;
        if (answer.IsCompleted)
        {
            OnAnswered();
        }
        else
        {
            try
            {
                // Not UnsafeOnCompleted: what follows must run in the delivery's context, not in that of the thread that answers.
                answer.OnCompleted(_onAnswered);
            }
            catch (Exception fault)
            {
                EndAttempt(null, fault);
            }
        }

        return new ValueTask(this, version);
    }

    /// <summary>Returns the caller's task for a delivery that goes on when <paramref name="pending"/> completes.</summary>
    internal ValueTask<DeliveryOutcome> OutcomeAfter(in ValueTask pending, DeliveryEngine engine)
    {
        _engine = engine;
        ValueTask<DeliveryOutcome> outcome = new(this, _outcome.Version);
        if (IsCompleted(pending))
        {
            OnPending();
        }

        return outcome;
    }

    /// <summary>Returns the outcome of a delivery that has ended, and the instance to its pool.</summary>
    internal DeliveryOutcome TakeOutcome(int thread)
    {
        // Read first and put together last, in the returned expression, so that the outcome is written once and where the caller wants it.
        AttemptStep step = _step;
        PreparedWebhook? frozen = Frozen;
        WebhookDeliveryResult? result = LastResult;
        int attempts = Attempt;
        long number = SequenceNumber;
        _runner.Pool.Return(this, thread);
        return new DeliveryOutcome(step.Status, frozen, result, attempts, number, step.Code, step.RetryAtTicks, step.Fault);
    }

    /// <summary>Ends the delivery: neither its token nor its deadline can cancel it any more.</summary>
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

    /// <summary>Forgets the delivery.</summary>
    /// <returns><see langword="true"/> if the instance may serve another delivery.</returns>
    internal bool TryReset()
    {
        if (!_reusable)
        {
            return false;
        }

        // What is small and lives long anyway is not cleared: options, policy and endpoint.
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

    void IValueTaskSource.GetResult(short token) => _ended.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _ended.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _ended.OnCompleted(continuation, state, token, flags);

    DeliveryOutcome IValueTaskSource<DeliveryOutcome>.GetResult(short token)
    {
        int taking = (ushort)token + 1;
        if (_outcome.GetStatus(token) == ValueTaskSourceStatus.Pending || Interlocked.CompareExchange(ref _takeable, 0, taking) != taking)
        {
            throw new InvalidOperationException("The delivery has not ended, or its outcome was taken already. Await the ValueTask, once.");
        }

        Exception? fault = _fault;
        _fault = null;
        _outcome.Reset();
        if (fault is not null)
        {
            _runner.Pool.Return(this, ThreadStripe.Index);
            ExceptionDispatchInfo.Throw(fault);
        }

        return TakeOutcome(ThreadStripe.Index);
    }

    ValueTaskSourceStatus IValueTaskSource<DeliveryOutcome>.GetStatus(short token) => _outcome.GetStatus(token);

    void IValueTaskSource<DeliveryOutcome>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _outcome.OnCompleted(continuation, state, token, flags);

    /// <summary>Returns true if a task is complete, else false and goes on when it is.</summary>
    private bool IsCompleted(in ValueTask pending)
    {
        // A copy, since it may complete on another thread before this call is back.
        ConfiguredValueTaskAwaitable.ConfiguredValueTaskAwaiter awaiter = pending.ConfigureAwait(false).GetAwaiter();
        _pending = awaiter;
        if (awaiter.IsCompleted)
        {
            return true;
        }

        awaiter.UnsafeOnCompleted(_onPending);
        return false;
    }

    /// <summary>An attempt has ended: begins the next one, or ends the delivery.</summary>
    private void OnPending()
    {
        Exception? fault;
        while ((fault = TakePending()) is null && !_step.Ends)
        {
            if (!IsCompleted(_engine!.NextAsync(this)))
            {
                return;
            }
        }

        _engine!.End(this);
        _fault = fault;
        Volatile.Write(ref _takeable, (ushort)_outcome.Version + 1);

        // The caller goes on in here and may return this to the pool: nothing comes after it.
        _outcome.SetResult(true);
    }

    private Exception? TakePending()
    {
        try
        {
            _pending.GetResult();
            return null;
        }
        catch (Exception fault)
        {
            return fault;
        }
        finally
        {
            _pending = default;
        }
    }

    private void OnAnswered()
    {
        WebhookDeliveryResult? result = null;
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
        EndAttempt(result, fault);
    }

    private void EndAttempt(WebhookDeliveryResult? result, Exception? fault)
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
                _ended.SetException(unexpected);
                return;
            }

            _ended.SetResult(true);
        }
        else if (state == Abandoned)
        {
            _runner.ReleaseAbandoned(this);
        }
    }

    /// <summary>
    /// Called every cancellation timeout until the delivery ends, since an attempt may only just begin when it is first called.
    /// </summary>
    private void Abandon()
    {
        if (Interlocked.CompareExchange(ref _answerState, Abandoned, AnswerDue) == AnswerDue)
        {
            _runner.SettleAbandoned(this);
            _ended.SetResult(true);
        }
        else if (!Volatile.Read(ref _active))
        {
            _abandonmentTimer?.Dispose();
        }
    }

    /// <summary>A timer may fire late, for a delivery that has ended. The deadline of the present one decides.</summary>
    private void OnDeadline()
    {
        lock (_deadlineLock)
        {
            if (!_deadlineArmed)
            {
                return;
            }

            TimeSpan left = Retry.Deadline!.Value - _runner.Clock.Time.GetElapsedTime(StartedAt);
            if (left > TimeSpan.Zero)
            {
                _deadlineTimer!.Change(left, Timeout.InfiniteTimeSpan);
            }
            else
            {
                Cancel(CancellationCause.Deadline);
            }
        }
    }
}
