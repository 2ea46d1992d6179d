using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Microsoft.Extensions.ObjectPool;

namespace Adcp.Aot.Delivery;

/// <summary>
/// One delivery that does not go straight: all that is known of it, and where its sender waits, the promise that its caller holds. Kept and used again, so that nothing is allocated and
/// nothing is copied from road to road. Used by one thread at a time.
/// </summary>
internal sealed class PendingDelivery : IValueTaskSource<DeliveryOutcome>
{
    private static readonly DefaultObjectPool<PendingDelivery> Pool = new(new DefaultPooledObjectPolicy<PendingDelivery>(), maximumRetained: 1024);

    [ThreadStatic]
    private static PendingDelivery? _spare;

    private readonly Action _onAnswered;
    private readonly Action _onFinished;
    /// <summary>Kept with true where the outcome is what the last step led to, with false where it is <see cref="_rest"/>'s.</summary>
    private ManualResetValueTaskSourceCore<bool> _promise;
    private ConfiguredValueTaskAwaitable<WebhookDeliveryResult>.ConfiguredValueTaskAwaiter _answer;
    private ConfiguredValueTaskAwaitable<DeliveryOutcome>.ConfiguredValueTaskAwaiter _rest;
    private DeliveryEngine _engine = null!;
    private AttemptStep _step;

    public PendingDelivery()
    {
        _onAnswered = OnAnswered;
        _onFinished = OnFinished;
    }

    internal PreparedWebhook Webhook { get; set; } = null!;

    /// <summary>A payload that carries its number and has not drawn it yet; <see cref="Webhook"/> is then a stand-in that is never sent.</summary>
    internal WebhookPayload? Numbered { get; set; }

    internal DeliveryOptions Options { get; private set; } = null!;

    internal RetryPolicy Retry { get; private set; } = null!;

    internal Endpoint Endpoint { get; private set; } = null!;

    internal WebhookDeliveryResult? LastResult { get; set; }

    /// <summary>The caller's token, to tell its cancellation from the others'.</summary>
    internal CancellationToken Caller { get; private set; }

    /// <summary>What ends the delivery: shutdown, and where there is one the caller's token and the deadline.</summary>
    internal CancellationToken Token { get; set; }

    internal long StartedAt { get; private set; }

    internal long AttemptStartedAt { get; set; }

    internal long Number { get; set; }

    internal int Attempt { get; set; }

    internal CircuitPermit Permit { get; set; }

    /// <summary>True while an attempt counts among those that wait.</summary>
    internal bool HoldsPlaces { get; set; }

    /// <summary>True where a caller holds this as its promise: it is used again once the caller has taken the outcome, not before.</summary>
    internal bool IsPromised { get; private set; }

    /// <summary>The webhook where it is frozen. A payload whose number was never drawn has no frozen form yet.</summary>
    internal PreparedWebhook? Frozen => Numbered is null ? Webhook : null;

    /// <summary>What the last attempt led to.</summary>
    internal ref AttemptStep Step => ref _step;

    internal static PendingDelivery Rent(
        DeliveryEngine engine,
        PreparedWebhook webhook,
        WebhookPayload? numbered,
        DeliveryOptions options,
        RetryPolicy retry,
        Endpoint endpoint,
        long startedAt,
        CancellationToken caller,
        CancellationToken token)
    {
        PendingDelivery delivery = _spare ?? Pool.Get();
        _spare = null;
        delivery._engine = engine;
        delivery.Webhook = webhook;
        delivery.Numbered = numbered;
        delivery.Options = options;
        delivery.Retry = retry;
        delivery.Endpoint = endpoint;
        delivery.Caller = caller;
        delivery.Token = token;
        delivery.StartedAt = startedAt;
        delivery.AttemptStartedAt = startedAt;
        return delivery;
    }

    /// <summary>Gives this back to be used again. Nobody may hold it any more.</summary>
    internal void Return()
    {
        _engine = null!;
        Webhook = null!;
        Numbered = null;
        Options = null!;
        Retry = null!;
        Endpoint = null!;
        LastResult = null;
        Caller = default;
        Token = default;
        Number = 0;
        Attempt = 0;
        HoldsPlaces = false;
        _step = default;
        if (IsPromised)
        {
            IsPromised = false;
            _promise.Reset();
            _rest = default;
        }

        if (_spare is null)
        {
            _spare = this;
        }
        else
        {
            Pool.Return(this);
        }
    }

    internal DeliveryOutcome Outcome() => new(_step.Status, Frozen, LastResult, Attempt, Number, _step.Code, fault: _step.Fault);

    /// <summary>The outcome, and <see cref="Return"/>. Inlined, so that its parts stay apart until they are where the caller wants them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal DeliveryOutcome TakeOutcome()
    {
        DeliveryOutcome outcome = Outcome();
        Return();
        return outcome;
    }

    /// <summary>Promises the outcome to the caller; the engine goes on when the sender has answered.</summary>
    internal ValueTask<DeliveryOutcome> Promise(in ValueTask<WebhookDeliveryResult> sending)
    {
        IsPromised = true;
        short version = _promise.Version;

        // A copy, since the answer may come on another thread before this call is back.
        ConfiguredValueTaskAwaitable<WebhookDeliveryResult>.ConfiguredValueTaskAwaiter answer = sending.ConfigureAwait(false).GetAwaiter();
        _answer = answer;
        if (answer.IsCompleted)
        {
            OnAnswered();
        }
        else
        {
            answer.UnsafeOnCompleted(_onAnswered);
        }

        return new(this, version);
    }

    DeliveryOutcome IValueTaskSource<DeliveryOutcome>.GetResult(short token)
    {
        // Whoever asks too early or a second time gets the exception and must not set this free.
        if (_promise.GetStatus(token) == ValueTaskSourceStatus.Pending)
        {
            throw new InvalidOperationException("The delivery has not ended; await it.");
        }

        try
        {
            return _promise.GetResult(token) ? Outcome() : _rest.GetResult();
        }
        finally
        {
            Return();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<DeliveryOutcome>.GetStatus(short token) => _promise.GetStatus(token);

    void IValueTaskSource<DeliveryOutcome>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _promise.OnCompleted(continuation, state, token, flags);

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
        bool ended;
        ValueTask<DeliveryOutcome> rest;
        try
        {
            ended = _engine.Answered(this, result, fault, out rest);
        }
        catch (Exception thrown)
        {
            _promise.SetException(thrown);
            return;
        }

        // The caller goes on in here and may set this free: nothing comes after it.
        if (ended)
        {
            _promise.SetResult(true);
            return;
        }

        ConfiguredValueTaskAwaitable<DeliveryOutcome>.ConfiguredValueTaskAwaiter end = rest.ConfigureAwait(false).GetAwaiter();
        _rest = end;
        if (end.IsCompleted)
        {
            OnFinished();
        }
        else
        {
            end.UnsafeOnCompleted(_onFinished);
        }
    }

    private void OnFinished() => _promise.SetResult(false);
}
