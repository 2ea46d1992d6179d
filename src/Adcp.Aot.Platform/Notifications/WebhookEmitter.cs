using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>
/// Delivers the webhooks of tasks in the background. Drain it at the end. If a delivery cannot be made now, its frozen
/// webhook is kept and delivered later.
/// </summary>
/// <remarks>
/// Webhooks under way are bounded in count and bytes, per tenant and in total. A terminal webhook over a bound is not
/// lost: only its ids wait, and the task is read from the registry when there is room. So does a webhook whose status
/// may have been committed although the registry threw: it is sent if the registry then has that status and result. Such
/// doubts have a bound of their own, so that webhooks to a dead endpoint do not keep a doubt from being settled.
/// </remarks>
internal sealed partial class WebhookEmitter : IAsyncDisposable
{
    private const string Shutdown = "shutdown";
    private const string InDoubt = "it is not known whether the status was committed";

    /// <summary>The most webhooks of one tenant whose ids wait for room.</summary>
    private const int MaxDeferredPerTenant = 1_000_000;

    /// <summary>The most changes in doubt.</summary>
    private const int MaxDoubts = 100_000;

    /// <summary>The most changes in doubt whose tasks are read at a time: a registry that is back is not flooded.</summary>
    private const int MaxDoubtsRead = 64;

    /// <summary>The most bytes of messages for people that wait for room. Further webhooks wait without their message.</summary>
    private const int MaxWaitingMessageBytes = 16 << 20;

    private readonly CancellationTokenSource _wake = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<PendingWebhook> _running = [];
    private readonly Dictionary<string, Queue<PendingWebhook>> _deferred = new(StringComparer.Ordinal);
    private readonly Queue<string> _turns = new();
    private readonly Dictionary<(string Tenant, string TaskId), TaskCompletionSource<bool>> _doubts = [];
    private readonly Queue<Doubt> _unread = new();
    private readonly Lock _lock = new();
    private readonly DeliveryTarget _target;
    private readonly PlatformOptions _options;
    private readonly TenantBudget _budget;
    private readonly CancellationToken _wakeToken;
    private readonly CancellationToken _stopToken;
    private TaskCompletionSource? _idle;
    private long _waitingMessageBytes;
    private int _reading;
    private long? _drainEnds;

    internal WebhookEmitter(DeliveryTarget target, PlatformOptions options)
    {
        PlatformLimits limits = options.Limits;
        _target = target;
        _options = options;
        _budget = new TenantBudget(
            limits.MaxPendingWebhooksPerTenant,
            limits.MaxPendingWebhooks,
            limits.MaxPendingWebhookBytesPerTenant,
            limits.MaxPendingWebhookBytes);
        _wakeToken = _wake.Token;
        _stopToken = _stop.Token;
    }

    internal int Pending
    {
        get
        {
            lock (_lock)
            {
                return Count();
            }
        }
    }

    /// <summary>Returns whether one more webhook of a tenant may be promised.</summary>
    internal bool HasRoom(string tenant)
    {
        lock (_lock)
        {
            return !_deferred.ContainsKey(tenant) && _budget.HasRoom(tenant);
        }
    }

    /// <summary>
    /// Keeps the webhooks of a status in the outbox, in the registry's transaction. If a webhook cannot be created, it
    /// is logged and left out: it must not keep the task from ending.
    /// </summary>
    internal async ValueTask EnqueueAsync(SellerTask task, string? message, DbTransaction? transaction, CancellationToken cancellationToken)
    {
        foreach (PushRegistration registration in TaskWebhooks.Registrations(task))
        {
            try
            {
                TaskWebhooks.Probe(task, registration, message, _options.Version);
                WebhookPayload payload = TaskWebhooks.Of(task, registration, message);
                OutboxOptions delivery = new()
                {
                    Tenant = task.Tenant,
                    BreakerKey = Delivery(task.Tenant, registration).BreakerKey,

                    // A task ends once. It may enter other statuses again, each with its own webhook.
                    DeliveryId = task.Status.IsTerminal() ? $"{task.TaskId}/{registration.Channel}" : null,
                };
                OutboxReceipt receipt = await _options.Outbox!
                    .EnqueueAsync(transaction, registration.Destination, payload, delivery, cancellationToken).ConfigureAwait(false);
                if (receipt.Status is EnqueueStatus.Conflict or EnqueueStatus.Retired)
                {
                    Lost(PendingWebhook.Of(task, registration, message), $"the outbox answered {receipt.Status} for its delivery id");
                }
            }
            catch (ArgumentException fault) when (fault.ParamName != nameof(transaction))
            {
                // An outbox that checks the payload throws the same exception. Other faults are those of its store, or of the transaction,
                // and roll the status back.
                Lost(PendingWebhook.Of(task, registration, message), Reason(fault));
            }
        }
    }

    /// <summary>
    /// Keeps the webhooks of a call that was answered in the outbox. The call has been performed, so that a fault of the outbox is
    /// logged and does not fail it.
    /// </summary>
    internal async ValueTask EnqueueAnsweredAsync(SellerTask task, CancellationToken cancellationToken)
    {
        try
        {
            await EnqueueAsync(task, null, null, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            foreach (PushRegistration registration in TaskWebhooks.Registrations(task))
            {
                Lost(PendingWebhook.Of(task, registration, null), Reason(fault));
            }
        }
    }

    /// <summary>Starts the deliveries of a status and returns at once. Never throws.</summary>
    /// <param name="task">The task.</param>
    /// <param name="message">A text for people; null for none.</param>
    /// <param name="isKept">Whether the registry has the task, so that its webhook can wait there for room.</param>
    internal void Start(SellerTask task, string? message = null, bool isKept = true) => Start(task, message, isKept, isPromised: false);

    /// <summary>
    /// Takes over a change whose commit was not answered. The task is read until the registry answers. If it has this
    /// status and result, the change was entered, and its webhooks are started. Never throws.
    /// </summary>
    /// <param name="entered">The task as the change would leave it.</param>
    /// <param name="message">A text for people; null for none.</param>
    /// <param name="tells">Whether webhooks are started; <c>false</c> if an outbox has them.</param>
    /// <returns>Whether the change was entered. Faulted if that cannot be known.</returns>
    internal Task<bool> StartInDoubt(SellerTask entered, string? message, bool tells)
    {
        PendingWebhook pending = new(entered.Tenant, entered.TaskId, entered.Status, PushChannel.Adcp, message, PendingWebhook.Overhead);
        Doubt doubt = new(pending, TaskRules.Fingerprint(entered.Result.Span), tells);
        bool isTaken;
        bool isRead;
        lock (_lock)
        {
            isTaken = !_stopToken.IsCancellationRequested && _doubts.Count < MaxDoubts
                && _doubts.TryAdd((entered.Tenant, entered.TaskId), doubt.Entered);
            isRead = isTaken && _reading < MaxDoubtsRead;
            if (isTaken)
            {
                _running.Add(pending);
                _reading += isRead ? 1 : 0;
                if (!isRead)
                {
                    Wait(pending);
                    _unread.Enqueue(doubt);
                }
            }
        }

        if (isRead)
        {
            _ = SettleAsync(doubt);
        }
        else if (!isTaken)
        {
            Lost(pending, InDoubt);
            Fail(doubt, new InvalidOperationException(InDoubt));
        }

        return doubt.Entered.Task;
    }

    /// <summary>Returns the pending result if a change of the task is in doubt; <c>null</c> if none is.</summary>
    internal Task<bool>? DoubtOf(string tenant, string taskId)
    {
        lock (_lock)
        {
            return _doubts.TryGetValue((tenant, taskId), out TaskCompletionSource<bool>? doubt) ? doubt.Task : null;
        }
    }

    /// <summary>
    /// Accepts no more webhooks and waits for those that are pending. If a webhook waits for a later try, it is tried
    /// at once. When the time is over, each remaining webhook is logged. If a supervisor has it, the supervisor records
    /// it when it is stopped.
    /// </summary>
    internal async ValueTask DrainAsync(TimeSpan patience)
    {
        Task idle;
        lock (_lock)
        {
            _drainEnds = _options.TimeProvider.GetTimestamp() + (long)(patience.TotalSeconds * _options.TimeProvider.TimestampFrequency);
            if (Count() == 0)
            {
                return;
            }

            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            idle = _idle.Task;
        }

        if (patience > TimeSpan.Zero)
        {
            await _wake.CancelAsync().ConfigureAwait(false);
            try
            {
                await idle.WaitAsync(patience, _options.TimeProvider).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException)
            {
                // The rest is logged below.
            }
        }

        GiveUp(patience);
        await _stop.CancelAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _wake.CancelAsync().ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
        _wake.Dispose();
        _stop.Dispose();
    }

    private int Count() => _running.Count + _deferred.Values.Sum(queue => queue.Count);

    private void Start(SellerTask task, string? message, bool isKept, bool isPromised)
    {
        foreach (PushRegistration registration in TaskWebhooks.Registrations(task))
        {
            PendingWebhook pending = PendingWebhook.Of(task, registration, message);
            if (TryStart(pending, task, isKept, isPromised) is { } reason)
            {
                Lost(pending, reason);
            }
        }
    }

    /// <returns>The reason why the webhook is lost; <c>null</c> if it is under way or waits for room.</returns>
    private string? TryStart(PendingWebhook pending, SellerTask task, bool isKept, bool isPromised)
    {
        lock (_lock)
        {
            if (_stopToken.IsCancellationRequested || (_drainEnds is not null && !isPromised))
            {
                return Shutdown;
            }

            if (!isKept)
            {
                _budget.Take(pending.Tenant, pending.Bytes);
                Run(pending, task);
                return null;
            }

            if (!_deferred.TryGetValue(pending.Tenant, out Queue<PendingWebhook>? queue))
            {
                if (_budget.TryTake(pending.Tenant, pending.Bytes))
                {
                    Run(pending, task);
                    return null;
                }

                _deferred.Add(pending.Tenant, queue = new Queue<PendingWebhook>());
                _turns.Enqueue(pending.Tenant);
            }

            // An interim status does not wait: the next one supersedes it.
            if (!pending.Status.IsTerminal() || queue.Count >= MaxDeferredPerTenant)
            {
                Next();
                return "too many webhooks of the tenant are pending";
            }

            Wait(pending);
            queue.Enqueue(pending);
            return null;
        }
    }

    /// <summary>Starts the webhooks that waited for room, one tenant after another. The caller has the lock.</summary>
    private void Next()
    {
        for (int left = _turns.Count; left > 0; left--)
        {
            string tenant = _turns.Dequeue();
            Queue<PendingWebhook> queue = _deferred[tenant];
            while (queue.TryPeek(out PendingWebhook? first) && _budget.TryTake(tenant, first.Bytes))
            {
                _waitingMessageBytes -= first.MessageBytes;
                Run(queue.Dequeue(), null);
            }

            if (queue.Count > 0)
            {
                _turns.Enqueue(tenant);
            }
            else
            {
                _deferred.Remove(tenant);
            }
        }
    }

    private void Run(PendingWebhook pending, SellerTask? task)
    {
        _running.Add(pending);
        _ = EndAsync(pending, DeliverAsync(pending, task));
    }

    private async Task EndAsync(PendingWebhook pending, Task delivery)
    {
        await delivery.ConfigureAwait(false);
        lock (_lock)
        {
            _running.Remove(pending);
            _budget.Return(pending.Tenant, pending.Bytes);
            if (!_stopToken.IsCancellationRequested)
            {
                Next();
            }

            if (Count() == 0)
            {
                _idle?.TrySetResult();
            }
        }
    }

    private void GiveUp(TimeSpan patience)
    {
        PendingWebhook[] left;
        lock (_lock)
        {
            left = [.. _running, .. _deferred.Values.SelectMany(queue => queue)];
            _running.Clear();
            _deferred.Clear();
            _turns.Clear();
            _waitingMessageBytes = _unread.Sum(static doubt => (long)doubt.Pending.MessageBytes);
        }

        foreach (PendingWebhook pending in left)
        {
            Lost(pending, Shutdown);
        }

        if (left.Length > 0)
        {
            PlatformLog.LeftAtShutdown(_options.Log, left.Length, patience);
        }
    }

    /// <summary>Settles a change in doubt, and then those that waited, one after another.</summary>
    private async Task SettleAsync(Doubt? doubt)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (doubt is not null)
        {
            PendingWebhook pending = doubt.Pending;
            Exception? unknown = null;
            bool isEntered = false;
            try
            {
                SellerTask? task = await ReadAsync(pending).ConfigureAwait(false);
                isEntered = task?.Status == pending.Status
                    && TaskRules.Fingerprint(task.Result.Span).AsSpan().SequenceEqual(doubt.Result);
                if (isEntered && doubt.Tells)
                {
                    Start(task!, pending.Message, isKept: true, isPromised: true);
                }
            }
            catch (Exception fault)
            {
                unknown = fault;
                Lost(pending, $"{InDoubt} ({Reason(fault)})");
            }

            Doubt? next;
            lock (_lock)
            {
                _doubts.Remove((pending.Tenant, pending.TaskId));
                _running.Remove(pending);
                if (_unread.TryDequeue(out next))
                {
                    _waitingMessageBytes -= next.Pending.MessageBytes;
                }
                else
                {
                    _reading--;
                }

                if (Count() == 0)
                {
                    _idle?.TrySetResult();
                }
            }

            if (unknown is null)
            {
                doubt.Entered.TrySetResult(isEntered);
            }
            else
            {
                Fail(doubt, unknown);
            }

            doubt = next;
        }
    }

    private static void Fail(Doubt doubt, Exception fault)
    {
        doubt.Entered.TrySetException(fault);

        // No caller may wait any more: reading the exception marks it as observed.
        _ = doubt.Entered.Task.Exception;
    }

    /// <summary>Counts the message of a webhook that begins to wait, or leaves it out. The caller has the lock.</summary>
    private void Wait(PendingWebhook pending)
    {
        if (_waitingMessageBytes + pending.MessageBytes > MaxWaitingMessageBytes)
        {
            pending.Message = null;
        }

        _waitingMessageBytes += pending.MessageBytes;
    }

    private long? Draining
    {
        get
        {
            lock (_lock)
            {
                return _drainEnds;
            }
        }
    }

    private void Lost(PendingWebhook pending, string reason)
    {
        lock (_lock)
        {
            if (pending.IsReported)
            {
                return;
            }

            pending.IsReported = true;
        }

        PlatformLog.NotDelivered(
            _options.Log, pending.TaskId, pending.Status.ToWire(), pending.Tenant, pending.Endpoint ?? "its endpoint", reason);
    }

    /// <summary>A change whose commit was not answered.</summary>
    /// <param name="Pending">The task, and the webhook that reports the change.</param>
    /// <param name="Result">The fingerprint of the result.</param>
    /// <param name="Tells">Whether webhooks are started.</param>
    private sealed record Doubt(PendingWebhook Pending, byte[] Result, bool Tells)
    {
        /// <summary>Completes with true if the change was entered.</summary>
        public TaskCompletionSource<bool> Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
