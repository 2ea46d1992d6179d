namespace Adcp.Aot.Platform;

/// <content>One delivery, from the task to its end.</content>
internal sealed partial class WebhookEmitter
{
    private const string Cure = "for a receiver on this machine or network set WebhookSenderOptions.AllowHttp and AllowPrivateNetworks";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);
    private static readonly TimeSpan PauseOfDrain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPauseOfReading = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPauseOfReading = TimeSpan.FromSeconds(10);

    private DeliveryOptions Delivery(string tenant, PushRegistration registration)
    {
        DeliveryOptions delivery = new() { Tenant = tenant };
        try
        {
            return _options.BreakerKeyOf is { } keyOf ? delivery with { BreakerKey = keyOf(tenant, registration.Destination) } : delivery;
        }
        catch (Exception fault)
        {
            PlatformLog.BreakerKeyFailed(_options.Log, fault.GetType().Name);

            return delivery;
        }
    }

    /// <summary>
    /// Returns the part of a fault that may be logged: the rule that a payload broke, otherwise the type, because a
    /// message may hold a url or a secret.
    /// </summary>
    private static string Reason(Exception fault) =>
        fault is WebhookPayloadException payload ? $"{payload.Code}: {payload.Message}" : fault.GetType().Name;

    /// <summary>
    /// Returns why a delivery ended, with the result of its last attempt: an HTTP status, or the rule that refused the
    /// destination.
    /// </summary>
    private static string Reason(DeliveryOutcome outcome)
    {
        string attempts = outcome.Attempts == 1 ? "attempt" : "attempts";
        string reason = $"{outcome.Code ?? outcome.Status.ToString()} after {outcome.Attempts} {attempts}";
        return outcome.LastResult is { } last ? $"{reason}, {Reason(last)}"
            : outcome.Fault is { } fault ? $"{reason}, {Reason(fault)}"
            : reason;
    }

    private static string Reason(WebhookSendResult result) => result.Error switch
    {
        WebhookSendError.None => $"HTTP {result.StatusCode}",
        WebhookSendError.DestinationRefused => $"destination refused: {result.ErrorDetail}; {Cure}",
        _ => result.ErrorDetail ?? result.Error.ToString(),
    };

    private async Task DeliverAsync(PendingWebhook pending, SellerTask? task)
    {
        // The answer to the call must not wait for the delivery, even if the delivery completes synchronously.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            task ??= await ReadAsync(pending).ConfigureAwait(false);
            if (task is null
                || TaskWebhooks.Registrations(task).FirstOrDefault(each => each.Channel == pending.Channel) is not { } registration)
            {
                Lost(pending, "the task or its registration is gone");
                return;
            }

            pending.Endpoint = registration.Destination.Target.Authority;
            WebhookPayload? payload = TaskWebhooks.Of(task, registration, pending.Message);

            // Task and payload must not live as long as the delivery: the frozen webhook has a copy of both.
            task = null;
            if (_target.Supervisor is { } supervisor)
            {
                DeliveryOptions delivery = Delivery(pending.Tenant, registration);
                ValueTask<DeliveryOutcome> first = supervisor.SendAsync(registration.Destination, payload, delivery);
                payload = null;
                await SuperviseAsync(pending, supervisor, delivery, await first.ConfigureAwait(false)).ConfigureAwait(false);
                return;
            }

            if (_target.Sender is not { } sender)
            {
                Lost(pending, "the seller has neither a sender nor a supervisor");
                return;
            }

            PreparedWebhook frozen = sender.Prepare(registration.Destination, payload);
            payload = null;
            WebhookSendResult result = await sender.SendAsync(frozen, _stopToken).ConfigureAwait(false);
            if (!result.Ok)
            {
                Lost(pending, Reason(result));
            }
        }
        catch (OperationCanceledException)
        {
            Lost(pending, Shutdown);
        }
        catch (Exception fault)
        {
            // A user's sender or supervisor may throw anything. The call was answered long ago.
            Lost(pending, Reason(fault));
        }
    }

    private async Task SuperviseAsync(
        PendingWebhook pending, IWebhookDeliverySupervisor supervisor, DeliveryOptions delivery, DeliveryOutcome outcome)
    {
        long started = _options.TimeProvider.GetTimestamp();
        TimeSpan pause = FirstPause;
        while (outcome.Status is DeliveryStatus.Exhausted or DeliveryStatus.CircuitOpen && outcome.Webhook is { } frozen)
        {
            TimeSpan? hint = outcome.RetryAt - _options.TimeProvider.GetUtcNow();
            if (!await PauseAsync(hint > TimeSpan.Zero ? hint.Value : null, pause, started).ConfigureAwait(false))
            {
                break;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            outcome = await supervisor.DeliverAsync(frozen, delivery, CancellationToken.None).ConfigureAwait(false);
        }

        if (!outcome.IsDelivered)
        {
            Lost(pending, outcome.Status == DeliveryStatus.ShutDown ? Shutdown : Reason(outcome));
        }
    }

    /// <summary>Waits for the next try. A drain ends the wait and shortens the next ones.</summary>
    /// <returns><c>false</c> if the time for tries is over.</returns>
    private async ValueTask<bool> PauseAsync(TimeSpan? hint, TimeSpan pause, long started)
    {
        if (Draining is { } ends)
        {
            TimeSpan wait = hint ?? PauseOfDrain;
            if (_options.TimeProvider.GetElapsedTime(_options.TimeProvider.GetTimestamp(), ends) <= wait)
            {
                return false;
            }

            await Task.Delay(wait, _options.TimeProvider, _stopToken).ConfigureAwait(false);
            return true;
        }

        // An open circuit is asked again each minute otherwise, for as long as the window lasts: one call would direct a
        // thousand requests at a host that fails.
        TimeSpan longer = hint > pause ? hint.Value : pause;
        if (_options.TimeProvider.GetElapsedTime(started) + longer > _options.RedeliveryWindow)
        {
            return false;
        }

        try
        {
            await Task.Delay(longer, _options.TimeProvider, _wakeToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!_stopToken.IsCancellationRequested)
        {
            // A drain began, so the next try is now.
        }

        return true;
    }

    /// <summary>Reads the task of a webhook that waited for room. Retries until the registry answers.</summary>
    private async ValueTask<SellerTask?> ReadAsync(PendingWebhook pending)
    {
        long started = _options.TimeProvider.GetTimestamp();
        for (TimeSpan pause = FirstPauseOfReading; ; pause = pause * 2 < LongestPauseOfReading ? pause * 2 : LongestPauseOfReading)
        {
            try
            {
                return await _options.Tasks.FindAsync(pending.Tenant, pending.TaskId, _stopToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (
                fault is not OperationCanceledException
                    && _options.TimeProvider.GetElapsedTime(started) + pause <= _options.RedeliveryWindow)
            {
                await Task.Delay(pause, _options.TimeProvider, _stopToken).ConfigureAwait(false);
            }
        }
    }
}
