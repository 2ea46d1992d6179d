using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;

namespace Adcp.Aot.Platform;

/// <summary>Tells in the background what became of tasks, and is drained at the end. A delivery that cannot be made now keeps its frozen webhook and is made again later.</summary>
internal sealed class WebhookEmitter(DeliveryTarget target, PlatformOptions options) : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<Task> _running = [];
    private readonly Lock _lock = new();
    private bool _draining;

    internal int Pending
    {
        get
        {
            lock (_lock)
            {
                return _running.Count;
            }
        }
    }

    /// <summary>The envelopes of a status: one for each channel that is registered.</summary>
    internal static IEnumerable<(PushRegistration Registration, WebhookPayload Payload)> Envelopes(SellerTask task, string? message)
    {
        if (task.Registration is { } adcp)
        {
            yield return (adcp, new McpWebhook
            {
                TaskId = task.TaskId,
                TaskType = task.TaskType,
                Status = task.Status,
                Message = message,
                Result = task.Result,
                Context = task.Context,
            });
        }

        if (task.A2ARegistration is { } a2a)
        {
            yield return (a2a, A2AEnvelope.Of(task, message, a2a.Destination.Token));
        }
    }

    /// <summary>Keeps the webhooks of a status in the outbox, where there is one, under the registry's transaction.</summary>
    internal async ValueTask EnqueueAsync(SellerTask task, string? message, DbTransaction? transaction, CancellationToken cancellationToken)
    {
        foreach ((PushRegistration registration, WebhookPayload payload) in Envelopes(task, message))
        {
            await options.Outbox!.EnqueueAsync(registration.Destination, payload, Delivery(task.Tenant, registration), transaction, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Starts the deliveries of a status and returns at once.</summary>
    internal void Start(SellerTask task, string? message = null)
    {
        foreach ((PushRegistration registration, WebhookPayload payload) in Envelopes(task, message))
        {
            Task delivery;
            lock (_lock)
            {
                if (_draining)
                {
                    Lost(task, "shut_down");
                    continue;
                }

                delivery = DeliverAsync(task, registration, payload);
                if (delivery.IsCompleted)
                {
                    continue;
                }

                _running.Add(delivery);
            }

            _ = ForgetAsync(delivery);
        }
    }

    /// <summary>Waits for what runs. What waits for a later try is given up and logged.</summary>
    internal async ValueTask DrainAsync(TimeSpan patience)
    {
        Task[] running;
        lock (_lock)
        {
            _draining = true;
            running = [.. _running];
        }

        try
        {
            await Task.WhenAll(running).WaitAsync(patience, options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(running).ConfigureAwait(false);
        }
    }

    public ValueTask DisposeAsync()
    {
        _stop.Dispose();
        return default;
    }

    private static DeliveryOptions Delivery(string tenant, PushRegistration registration) => new() { BreakerKey = tenant + ":" + registration.Destination.Target.Value };

    private async Task ForgetAsync(Task delivery)
    {
        await delivery.ConfigureAwait(false);
        lock (_lock)
        {
            _running.Remove(delivery);
        }
    }

    private async Task DeliverAsync(SellerTask task, PushRegistration registration, WebhookPayload payload)
    {
        // The answer to the call must not wait for what follows, even where it does not wait itself.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            DeliveryOptions delivery = Delivery(task.Tenant, registration);
            if (target.Supervisor is not { } supervisor)
            {
                WebhookDeliveryResult result = await target.Sender!.SendAsync(target.Sender.Prepare(registration.Destination, payload), _stop.Token).ConfigureAwait(false);
                if (!result.Ok)
                {
                    Lost(task, "not_delivered");
                }

                return;
            }

            long started = options.TimeProvider.GetTimestamp();
            TimeSpan pause = FirstPause;
            DeliveryOutcome outcome = await supervisor.SendAsync(registration.Destination, payload, delivery, _stop.Token).ConfigureAwait(false);
            while (outcome.Status is DeliveryStatus.Exhausted or DeliveryStatus.CircuitOpen && outcome.Webhook is { } frozen)
            {
                TimeSpan wait = outcome.RetryAt - options.TimeProvider.GetUtcNow() is { } hint && hint > TimeSpan.Zero ? hint : pause;
                if (Draining || options.TimeProvider.GetElapsedTime(started) + wait > options.RedeliveryWindow)
                {
                    break;
                }

                await Task.Delay(wait, options.TimeProvider, _stop.Token).ConfigureAwait(false);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                outcome = await supervisor.DeliverAsync(frozen, delivery, _stop.Token).ConfigureAwait(false);
            }

            if (!outcome.IsDelivered)
            {
                Lost(task, outcome.Code ?? outcome.Status.ToString());
            }
        }
        catch (OperationCanceledException)
        {
            Lost(task, "shut_down");
        }
        catch (Exception fault)
        {
            // A sender or supervisor that is not ours may throw anything; the call was answered long ago.
            Lost(task, fault.GetType().Name);
        }
    }

    private bool Draining
    {
        get
        {
            lock (_lock)
            {
                return _draining;
            }
        }
    }

    private void Lost(SellerTask task, string reason)
    {
        if (options.Logger is { } logger)
        {
            PlatformLog.NotDelivered(logger, task.TaskId, task.Status.ToWire(), reason);
        }
    }
}
