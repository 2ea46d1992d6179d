using System.Runtime.CompilerServices;
using Adcp.Aot.Resilience;
using Adcp.Aot.Threading;

namespace Adcp.Aot.Delivery;

/// <summary>The in-memory delivery loop: attempts and the waits between them, and an orderly stop.</summary>
/// <remarks>
/// Every delivery takes the same steps:
/// <code>
/// path                                  concurrency permits      ends the delivery             returns the pooled object
/// refused as it begins                  none taken               BeginAsync                    none rented
/// first attempt ends it at once         returned by the runner   BeginAsync                    BeginAsync
/// first attempt ends it later           returned by the runner   InFlightDelivery.GoOn       the caller that takes the outcome
/// further attempts, waits, cancelled    returned by the runner   InFlightDelivery.GoOn       the caller that takes the outcome
/// payload throws                        returned by the runner   InFlightDelivery.GoOn       the caller that takes the exception
/// abandoned (deaf sender)               kept until it ends       InFlightDelivery.GoOn       dropped: the sender may still answer
/// </code>
/// </remarks>
internal sealed class DeliveryEngine(AttemptRunner runner, WebhookSupervisorOptions options) : IAsyncDisposable
{
    private readonly DrainLatch _latch = new();

    internal int InFlight => _latch.Count;

    /// <summary>Delivers one webhook.</summary>
    /// <param name="webhook">The frozen webhook, or a stand-in for <paramref name="unnumbered"/> that is never sent.</param>
    /// <param name="unnumbered">A payload that contains its sequence number, to be frozen when the number is drawn;
    /// otherwise <see langword="null"/>.</param>
    /// <param name="delivery">The delivery's options.</param>
    /// <param name="cancellationToken">The caller's token.</param>
    internal ValueTask<DeliveryOutcome> BeginAsync(
        PreparedWebhook webhook, WebhookPayload? unnumbered, DeliveryOptions delivery, CancellationToken cancellationToken)
    {
        // The code after each check is in a separate method: otherwise the structs of one path would be cleared in the
        // frame of every delivery.
        Endpoint endpoint = runner.EndpointOf(webhook, delivery);
        int thread = ThreadStripe.Index;
        if (!_latch.TryEnter(thread))
        {
            return ShutDownAsync(unnumbered is null ? webhook : null);
        }

        if (runner.Circuits.MayRefuse(endpoint) && !cancellationToken.IsCancellationRequested)
        {
            long now = runner.Clock.Coarse();
            if (runner.Circuits.FindRefusing(endpoint, now) is { } refusing)
            {
                return RefuseAsync(webhook, unnumbered, delivery, endpoint, refusing, now, thread);
            }
        }

        return StartAsync(webhook, unnumbered, delivery, endpoint, thread, cancellationToken);
    }

    /// <summary>Ends a delivery. Its outcome is then taken, and it returns to the pool.</summary>
    internal void End(InFlightDelivery delivery)
    {
        delivery.End();
        DeliveryMeter.Delivery(delivery.Step.Status);
        _latch.Exit(ThreadStripe.Index);
    }

    /// <summary>Makes the next attempt of a delivery when it is due.</summary>
    /// <returns><see langword="true"/> if the attempt has ended; <see langword="false"/> if the delivery continues by
    /// itself when it ends.</returns>
    internal bool Next(InFlightDelivery delivery)
    {
        // A delay that is over already is not waited for, so that a delivery continues in the caller's loop and the
        // call stack does not grow.
        if (delivery.Cause == CancellationCause.None && Left(delivery) <= TimeSpan.Zero)
        {
            return runner.Run(delivery);
        }

        _ = WaitAndRunAsync(delivery);
        return false;
    }

    /// <summary>
    /// Stops: new deliveries are refused. Those in flight may finish until <paramref name="grace"/> is cancelled and are then cut
    /// short. Callable more than once, also concurrently.
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

                // If a sender ignores cancellation, it is abandoned after the cancellation timeout. Only a sender that
                // blocks the thread of its call lasts longer.
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ValueTask<DeliveryOutcome> ShutDownAsync(PreparedWebhook? webhook) =>
        new(new DeliveryOutcome(DeliveryStatus.ShutDown, webhook, code: "shutdown"));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> RefuseAsync(
        PreparedWebhook webhook, WebhookPayload? unnumbered, DeliveryOptions delivery, Endpoint endpoint, Endpoint refusing,
        long now, int thread)
    {
        Refusal refused = new(webhook, delivery, delivery.Retry ?? runner.Retry, endpoint);
        (string code, long retryAt) = runner.Refuse(refused, refusing, now, out Task recorded);
        PreparedWebhook? frozen = unnumbered is null ? webhook : null;
        if (!recorded.IsCompletedSuccessfully)
        {
            return EndAsync(recorded, new DeliveryOutcome(DeliveryStatus.CircuitOpen, frozen, code: code, retryAtTicks: retryAt));
        }

        DeliveryMeter.Delivery(DeliveryStatus.CircuitOpen);
        _latch.Exit(thread);
        return new(new DeliveryOutcome(DeliveryStatus.CircuitOpen, frozen, code: code, retryAtTicks: retryAt));
    }

    private async ValueTask<DeliveryOutcome> EndAsync(Task recorded, DeliveryOutcome outcome)
    {
        await recorded.ConfigureAwait(false);
        DeliveryMeter.Delivery(outcome.Status);
        _latch.Exit(ThreadStripe.Index);
        return outcome;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ValueTask<DeliveryOutcome> StartAsync(
        PreparedWebhook webhook, WebhookPayload? unnumbered, DeliveryOptions delivery, Endpoint endpoint, int thread,
        CancellationToken cancellationToken)
    {
        RetryPolicy retry = delivery.Retry ?? runner.Retry;
        long startedAt = runner.Clock.Exact();
        InFlightDelivery inFlight = runner.Pool.Rent(thread);
        inFlight.Begin(this, webhook, unnumbered, delivery, retry, endpoint, startedAt, retry.Deadline);
        if (DeliveryTrace.IsOn)
        {
            inFlight.TraceParent = DeliveryTrace.Accept(webhook);
        }

        runner.Bind(inFlight, cancellationToken);

        // Read now: an attempt that waits may end on another thread before this call returns.
        ValueTask<DeliveryOutcome> outcome = inFlight.Outcome;
        if (!runner.Run(inFlight))
        {
            return outcome;
        }

        if (!inFlight.Step.Ends || inFlight.Fault is not null || !inFlight.Recorded.IsCompleted)
        {
            inFlight.GoOn();
            return outcome;
        }

        End(inFlight);
        return new(inFlight.TakeOutcome(thread));
    }

    /// <summary>Returns how much of the delay before the next attempt is left.</summary>
    private TimeSpan Left(InFlightDelivery delivery) => delivery.Step.Delay == TimeSpan.Zero
        ? TimeSpan.Zero
        : delivery.Step.Delay - runner.Clock.Time.GetElapsedTime(delivery.Step.EndedAt);

    /// <summary>
    /// Waits until the next attempt is due, which is never before the recorded time, and makes it. Never throws.
    /// </summary>
    private async Task WaitAndRunAsync(InFlightDelivery delivery)
    {
        bool hasEnded;
        try
        {
            TimeSpan left;
            while (delivery.Cause == CancellationCause.None && (left = Left(delivery)) > TimeSpan.Zero)
            {
                // Timers count in whole milliseconds, and other timers of the process can make one fire early: hence the loop.
                TimeSpan whole = TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds));
                await Task.Delay(whole, runner.Clock.Time, delivery.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            hasEnded = delivery.Cause == CancellationCause.None ? runner.Run(delivery) : runner.Interrupt(delivery);
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
}
