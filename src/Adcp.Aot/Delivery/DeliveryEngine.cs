using System.Runtime.CompilerServices;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>The in-memory delivery loop: attempts and the waits between them, and an orderly stop.</summary>
/// <remarks>
/// Every delivery goes the same way:
/// <code>
/// path                           concurrency permits       leaves the latch    returns the pooled delivery
/// refused as it begins           none taken                BeginAsync          none rented
/// begun                          see AttemptRunner         DeliverAsync        DeliverAsync
/// abandoned (deaf sender)        kept until it ends        DeliverAsync        not returned: the sender may still answer
/// payload throws                 returned by the runner    DeliverAsync        DeliverAsync
/// </code>
/// </remarks>
internal sealed class DeliveryEngine(AttemptRunner runner, WebhookDeliveryOptions options) : IAsyncDisposable
{
    private readonly DrainLatch _latch = new();

    internal int InFlight => _latch.Count;

    /// <summary>Delivers one webhook.</summary>
    /// <param name="webhook">The frozen webhook, or a stand-in for <paramref name="unnumbered"/> that is never sent.</param>
    /// <param name="unnumbered">A payload that carries its sequence number, to be frozen when the number is drawn; else <see langword="null"/>.</param>
    /// <param name="delivery">The delivery's options.</param>
    /// <param name="cancellationToken">The caller's token.</param>
    internal ValueTask<DeliveryOutcome> BeginAsync(
        PreparedWebhook webhook, WebhookPayload? unnumbered, DeliveryOptions delivery, CancellationToken cancellationToken)
    {
        RetryPolicy retry = delivery.Retry ?? options.Retry;
        Endpoint endpoint = runner.EndpointOf(webhook, delivery);
        int thread = ThreadStripe.Index;
        if (!_latch.TryEnter(thread))
        {
            return new(new DeliveryOutcome(DeliveryStatus.ShutDown, unnumbered is null ? webhook : null, code: "shutdown"));
        }

        if (runner.MayRefuse(endpoint) && !cancellationToken.IsCancellationRequested)
        {
            long now = runner.Clock.Coarse();
            if (runner.FindRefusing(endpoint, now) is { } refusing)
            {
                Refusal refused = new(webhook, delivery, retry, endpoint);
                (string code, long retryAt) = runner.Refuse(refused, refusing, now, out Task recorded);
                return EndAsync(recorded, new DeliveryOutcome(DeliveryStatus.CircuitOpen, unnumbered is null ? webhook : null, code: code, retryAtTicks: retryAt), thread);
            }
        }

        InFlightDelivery inFlight = runner.Pool.Rent(thread);
        try
        {
            inFlight.Begin(webhook, unnumbered, delivery, retry, endpoint, runner.Clock.Exact(), retry.Deadline);
            runner.Bind(inFlight, cancellationToken);
        }
        catch
        {
            runner.Pool.Return(inFlight, thread);
            _latch.Exit(thread);
            throw;
        }

        ValueTask<DeliveryOutcome> delivering = DeliverAsync(inFlight);
        return delivering.IsCompletedSuccessfully ? new(delivering.Result) : OutcomePromise.Of(delivering);
    }

    /// <summary>
    /// Stops: new deliveries are refused. Those in flight may finish until <paramref name="grace"/> is cancelled and are then cut short. Callable more than once, also concurrently.
    /// </summary>
    internal async Task<DrainReport> DrainAsync(CancellationToken grace)
    {
        int inFlight = _latch.Close();
        int stuck = 0;
        try
        {
            await _latch.Idle.WaitAsync(grace).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!_latch.Idle.IsCompleted)
            {
                runner.Pool.CancelAll();

                // A sender that ignores cancellation is abandoned after the cancellation timeout. Only one that blocks the thread of its call lasts longer.
                TimeSpan patience = options.CancellationTimeout + Later(options.CancellationTimeout, TimeSpan.FromSeconds(1));
                await _latch.Idle.WaitAsync(patience, TimeProvider.System, CancellationToken.None)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                stuck = _latch.Idle.IsCompleted ? 0 : _latch.Count;
            }
        }
        finally
        {
            await runner.DisposeAsync().ConfigureAwait(false);
        }

        int abandoned = runner.AbandonedCount;
        int cutShort = Math.Max(0, runner.ShutDownCount - abandoned);
        return new DrainReport(Math.Max(0, inFlight - cutShort - abandoned - stuck), cutShort, abandoned + stuck, runner.RecordsDropped);
    }

    public async ValueTask DisposeAsync() => await DrainAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);

    private static TimeSpan Later(TimeSpan first, TimeSpan second) => first > second ? first : second;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<DeliveryOutcome> DeliverAsync(InFlightDelivery delivery)
    {
        try
        {
            do
            {
                await runner.RunAsync(delivery).ConfigureAwait(false);
            }
            while (!delivery.Step.Ends && await IsDueAsync(delivery).ConfigureAwait(false));

            if (!delivery.Step.Ends)
            {
                await runner.InterruptAsync(delivery).ConfigureAwait(false);
            }

            ref AttemptStep step = ref delivery.Step;
            DeliveryMeter.Delivery(step.Status);
            return new DeliveryOutcome(
                step.Status, delivery.Frozen, delivery.LastResult, delivery.Attempt, delivery.SequenceNumber, step.Code, step.RetryAtTicks, step.Fault);
        }
        finally
        {
            int thread = ThreadStripe.Index;
            runner.Pool.Return(delivery, thread);
            _latch.Exit(thread);
        }
    }

    private ValueTask<DeliveryOutcome> EndAsync(Task recorded, in DeliveryOutcome outcome, int thread)
    {
        if (!recorded.IsCompletedSuccessfully)
        {
            return EndRecordedAsync(recorded, outcome);
        }

        DeliveryMeter.Delivery(outcome.Status);
        _latch.Exit(thread);
        return new(outcome);
    }

    private async ValueTask<DeliveryOutcome> EndRecordedAsync(Task recorded, DeliveryOutcome outcome)
    {
        await recorded.ConfigureAwait(false);
        DeliveryMeter.Delivery(outcome.Status);
        _latch.Exit(ThreadStripe.Index);
        return outcome;
    }

    /// <summary>Waits until the next attempt is due, which is never before the time that the record shows. Returns false if cancelled.</summary>
    private ValueTask<bool> IsDueAsync(InFlightDelivery delivery) =>
        delivery.Step.Delay == TimeSpan.Zero ? new(delivery.Cause == CancellationCause.None) : WaitAsync(delivery);

    private async ValueTask<bool> WaitAsync(InFlightDelivery delivery)
    {
        TimeProvider time = runner.Clock.Time;
        TimeSpan left;
        while (!delivery.Token.IsCancellationRequested && (left = delivery.Step.Delay - time.GetElapsedTime(delivery.Step.EndedAt)) > TimeSpan.Zero)
        {
            // Timers count in whole milliseconds, and other timers of the process can make one fire early: hence the loop.
            TimeSpan whole = TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds));
            await Task.Delay(whole, time, delivery.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return !delivery.Token.IsCancellationRequested;
    }
}
