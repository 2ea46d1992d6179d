using System.Runtime.CompilerServices;
using Adcp.Aot.Delivery;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>
/// Makes the attempts of rows that are ready. It takes a row only under a lease with a margin left, and while few results are
/// unsettled. Breaker, retry delays, signing and audit records are those of <see cref="AttemptRunner"/>.
/// </summary>
internal sealed partial class OutboxDelivery : IAsyncDisposable
{
    /// <summary>While so many results are not committed, no attempt starts: a crash repeats them.</summary>
    internal const int MaxUnsettled = 256;

    /// <summary>The wait of an endpoint that an operator isolated, so that its circuit does not say when it may be asked again.</summary>
    private static readonly TimeSpan IsolatedDelay = TimeSpan.FromSeconds(30);

    /// <summary>The wait of an endpoint whose circuit refused because probes are under way.</summary>
    private static readonly TimeSpan ProbedDelay = TimeSpan.FromSeconds(1);

    private const string Isolated = "circuit_isolated";

    private static readonly TimeSpan LeaseWait = TimeSpan.FromMilliseconds(20);

    private const int MaxKeysLogged = 100;

    private static readonly TimeSpan KeyLogInterval = TimeSpan.FromMinutes(1);

    private readonly AttemptRunner _runner;
    private readonly OutboxAuthorization? _authorization;
    private readonly OutboxSeal _seal;
    private readonly OutboxLease _lease;
    private readonly OutboxSchedule _schedule;
    private readonly OutboxSettlement _settlement;
    private readonly OutboxDeliveryRules _rules;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<string, (long LoggedAt, int Skipped)> _unknownKeys = new(StringComparer.Ordinal);
    private readonly Func<bool> _hasRoom;
    private readonly WaitCallback _attempt;
    private readonly WaitCallback _authorize;
    private readonly WaitCallback _try;
    private readonly WaitCallback _end;
    private RetryPolicy _retry;
    private Guid _installation;
    private long _delivered;
    private long _deferred;
    private int _pumps;
    private volatile bool _isStopped;

    internal OutboxDelivery(
        AttemptRunner runner, OutboxAuthorization? authorization, OutboxSeal seal, OutboxLease lease, OutboxSchedule schedule,
        OutboxSettlement settlement, OutboxDeliveryRules rules, TimeProvider time, ILogger logger)
    {
        _runner = runner;
        _authorization = authorization;
        _seal = seal;
        _lease = lease;
        _schedule = schedule;
        _settlement = settlement;
        _rules = rules;
        _retry = rules.Retry;
        _time = time;
        _logger = logger;
        _hasRoom = () => HasRoom;
        _attempt = row => _ = AttemptAsync((OutboxRow)row!);
        _authorize = rows => _ = AuthorizeAsync((List<OutboxRow>)rows!);
        _try = rows => _ = TryAsync((IReadOnlyList<OutboxRow>)rows!);
        _end = change => _ = EndAsync((OutboxChange)change!);
        lease.Changed += Pump;
    }

    /// <summary>Gets or sets the delays between attempts.</summary>
    internal RetryPolicy Retry
    {
        get => Volatile.Read(ref _retry);
        set => Volatile.Write(ref _retry, value);
    }

    /// <summary>Gets the number of rows delivered since the start.</summary>
    internal long Delivered => Volatile.Read(ref _delivered);

    /// <summary>Gets how many attempts were not made since the start because the authorizer said "later" or failed.</summary>
    internal long Deferred => Volatile.Read(ref _deferred);

    private bool MayStart => !_isStopped && _installation != default && HasRoom && _lease.AllowsAttempts;

    /// <summary>Gets whether a result may be added to those that wait for their commit.</summary>
    private bool HasRoom => _settlement.UnsettledAttempts < MaxUnsettled;

    /// <summary>Begins to take rows.</summary>
    internal void Start(Guid installation)
    {
        _installation = installation;
        Pump();
    }

    /// <summary>Takes no further row.</summary>
    internal void Stop() => _isStopped = true;

    /// <summary>Starts the attempts that may start now. Calls from several threads are made one after the other by one of them.</summary>
    internal void Pump()
    {
        if (Interlocked.Increment(ref _pumps) != 1)
        {
            return;
        }

        int seen;
        do
        {
            seen = Volatile.Read(ref _pumps);
            StartAttempts();
        }
        while (Interlocked.Add(ref _pumps, -seen) != 0);
    }

    /// <summary>Ends or parks a row that is not attempted, and records that its delivery has ended.</summary>
    internal void End(OutboxChange change)
    {
        if (change.Kind == OutboxChangeKind.Dead)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_end, change);
        }
        else
        {
            Park(change);
        }
    }

    /// <summary>Cancels the attempts under way and gives the queued audit records to the sink.</summary>
    public ValueTask DisposeAsync()
    {
        _lease.Changed -= Pump;
        _isStopped = true;
        return _runner.DisposeAsync();
    }

    private void StartAttempts()
    {
        List<OutboxRow>? batch = null;
        while (MayStart && _schedule.TryTake(out OutboxRow? row, _hasRoom))
        {
            if (_authorization is null)
            {
                ThreadPool.UnsafeQueueUserWorkItem(_attempt, row);
                continue;
            }

            (batch ??= []).Add(row!);
            if (batch.Count == OutboxAuthorization.MaxBatch)
            {
                ThreadPool.UnsafeQueueUserWorkItem(_authorize, batch);
                batch = null;
            }
        }

        if (batch is not null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_authorize, batch);
        }

        if (MayStart && _schedule.TakeSuspects(_hasRoom) is { Count: > 0 } suspects)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_try, suspects);
        }
    }

    /// <summary>
    /// Attempts a row, and continues with the next one that may start: the end of an attempt makes room for one, and the thread is free
    /// for it.
    /// </summary>
    private async Task AttemptAsync(OutboxRow row)
    {
        for (OutboxRow? next = row; next is not null; next = TakeNext())
        {
            if (next.Epoch != _lease.Current.Epoch)
            {
                Complete(next, null);
            }
            else if (TryOpen(next, out OutboxWebhook? webhook, out PreparedWebhook? prepared, out OutboxChange? instead))
            {
                Complete(next, await MakeAsync(next, webhook!, prepared!).ConfigureAwait(false));
            }
            else
            {
                Complete(next, instead);
            }
        }
    }

    /// <summary>Takes the row that the caller attempts next, and starts the other attempts that may start.</summary>
    private OutboxRow? TakeNext()
    {
        OutboxRow? next = null;
        if (_authorization is null && MayStart)
        {
            _schedule.TryTake(out next, _hasRoom);
        }

        Pump();
        return next;
    }

    private async Task AttemptAsync(OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared) =>
        Finish(row, await MakeAsync(row, webhook, prepared).ConfigureAwait(false));

    /// <summary>Makes an attempt under a lease that allows it.</summary>
    /// <returns>The change of the row; <see langword="null"/> if the attempt was not made, or is made by another worker.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<OutboxChange?> MakeAsync(OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared)
    {
        try
        {
            CancellationToken lost = _lease.Lost;
            while (!_lease.AllowsAttempts && row.Epoch == _lease.Current.Epoch)
            {
                // The authorizer took so long that the lease needs its renewal first.
                await Task.Delay(LeaseWait, _time, lost).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            // An operator may have acted since the row was taken.
            return row.Epoch != _lease.Current.Epoch ? null
                : _schedule.StopOf(row.Endpoint) is { } stop ? OutboxChanges.Wait(row, TimeSpan.Zero, stop).Of(webhook)
                : (await MakeAsync(row, webhook, prepared, lost).ConfigureAwait(false))?.Of(webhook);
        }
        catch (Exception fault)
        {
            OwnFault(_logger, row.Id, $"{fault.GetType().Name}: {fault.Message}");
            return OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.OwnFault).Of(webhook);
        }
    }

    /// <summary>Ends an attempt, and starts the attempts for which it makes room.</summary>
    private void Finish(OutboxRow row, OutboxChange? change)
    {
        Complete(row, change);
        Pump();
    }

    private void Complete(OutboxRow row, OutboxChange? change)
    {
        if (change is not null)
        {
            // Before the attempt makes room for another one, which counts the results.
            _settlement.EndAttempt(change);
        }

        _schedule.Complete(row, isDelivered: change?.Kind == OutboxChangeKind.Delivered, changeFollows: change is not null);
        if (change is not null)
        {
            _settlement.Add(change);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<OutboxChange?> MakeAsync(
        OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared, CancellationToken lost)
    {
        TimeSpan? left = row.TimeLeft - _time.GetElapsedTime(row.ReadAt);
        if (left <= TimeSpan.Zero)
        {
            OutboxChange expired = OutboxChanges.Expired(row);
            await RecordEndAsync(expired).ConfigureAwait(false);
            return expired;
        }

        long begun = _time.GetTimestamp();
        AttemptResult result = await _runner
            .RunAsync(Request(row, webhook, prepared, row.Attempts > 0 ? left : _rules.Horizon), lost).ConfigureAwait(false);
        OutboxChange? change = Decide(row, webhook, prepared.Destination, result, left, begun);
        change?.AttemptedAt = begun;
        return change;
    }

    private AttemptRequest Request(OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared, TimeSpan? left) => new(prepared)
    {
        Options = webhook.ToOptions(Retry),
        AttemptNumber = Math.Min(row.Attempts + 1, ushort.MaxValue),
        SequenceNumber = webhook.SequenceNumber == 0 ? null : webhook.SequenceNumber,
        IsProbe = row.IsProbe,
        TimeLeft = left,
        TraceParent = webhook.TraceParent,
    };

    private OutboxChange? Decide(
        OutboxRow row, OutboxWebhook webhook, WebhookDestination destination, in AttemptResult result, TimeSpan? left, long begun)
    {
        int status = result.Result?.StatusCode ?? 0;
        if (IsOwnFault(result) && result.Status is (null or DeliveryStatus.Exhausted or DeliveryStatus.DeadlineExceeded))
        {
            // It does not count, and if the horizon is over, the next read says so.
            return OutboxChanges.Wait(
                row, result.Delay > TimeSpan.Zero ? result.Delay : OutboxChanges.OwnFaultDelay, OutboxReasons.OwnFault);
        }

        switch (result.Status)
        {
            case DeliveryStatus.Delivered:
                Interlocked.Increment(ref _delivered);
                return new OutboxChange { Row = row, Kind = OutboxChangeKind.Delivered, Attempts = result.AttemptsMade };
            case DeliveryStatus.Cancelled or DeliveryStatus.ShutDown:
                return null;
            case DeliveryStatus.CircuitOpen:
                return Blocked(row, result, begun);
            case null:
                return new OutboxChange
                {
                    Row = row,
                    Kind = OutboxChangeKind.Park,
                    Delay = result.Delay,
                    Attempts = result.AttemptsMade,
                    Horizon = _rules.Horizon,
                    Reason = result.Code ?? OutboxReasons.Failed,
                    StatusCode = status,
                    LeavesOrder = LeavesOrder(row, webhook, left),
                };
            case DeliveryStatus.Refused when result.Result?.Error != WebhookSendError.DestinationRefused:
                OwnFault(_logger, row.Id, result.Fault?.Message ?? result.Result?.ErrorDetail ?? result.Code ?? "unknown");
                return OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.OwnFault);
            default:
                string reason = ReasonOf(result);
                DeadLetter(
                    _logger, webhook.IdempotencyKey, destination.ToString(), webhook.Tenant, result.AttemptsMade, reason, status, row.Id);
                return new OutboxChange
                {
                    Row = row,
                    Kind = OutboxChangeKind.Dead,
                    Attempts = result.AttemptsMade,
                    Horizon = _rules.Horizon,
                    Reason = reason,
                    StatusCode = status,
                };
        }
    }

    /// <summary>Returns whether the first webhook of an ordered stream has blocked it for too long.</summary>
    private bool LeavesOrder(OutboxRow row, OutboxWebhook webhook, TimeSpan? left)
    {
        if (row.Stream is null || _rules.HeadOfLineLimit is not { } limit
            || (row.Attempts == 0 ? TimeSpan.Zero : _rules.Horizon - left) < limit)
        {
            return false;
        }

        PassedOver(_logger, webhook.IdempotencyKey, webhook.Tenant, limit);
        return true;
    }

    private void LogDead(OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared, OutboxChange change) => DeadLetter(
        _logger, webhook.IdempotencyKey, prepared.Destination.ToString(), webhook.Tenant, row.Attempts, change.Reason!,
        change.StatusCode ?? 0, row.Id);

    /// <summary>The circuit refused: the endpoint's rows wait in the store, and one timer asks again.</summary>
    private OutboxChange Blocked(OutboxRow row, in AttemptResult result, long begun)
    {
        TimeSpan wait = result.NextAttemptAt is { } at ? at - _time.GetUtcNow()
            : result.Code == Isolated ? IsolatedDelay
            : ProbedDelay;
        wait = wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
        foreach (OutboxRow other in _schedule.Block(row, wait, begun))
        {
            Park(OutboxChanges.Wait(other, TimeSpan.Zero, OutboxReasons.CircuitOpen));
        }

        return OutboxChanges.Wait(row, TimeSpan.Zero, OutboxReasons.CircuitOpen);
    }

    private bool TryOpen(OutboxRow row, out OutboxWebhook? webhook, out PreparedWebhook? prepared, out OutboxChange? instead)
    {
        prepared = null;
        instead = null;
        OutboxSealStatus status = _seal.Open(row, _installation, out webhook);
        switch (status)
        {
            case OutboxSealStatus.UnknownKey:
                LogUnknownKey(row.KeyId);
                instead = OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.UnknownKey);
                return false;
            case OutboxSealStatus.UnknownFormat:
                LogUnknownKey(OutboxReasons.UnknownFormat);
                instead = OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.UnknownFormat);
                return false;
            case OutboxSealStatus.Damaged:
                RowUnreadable(_logger, row.Id, "it is damaged, or was copied from another row");
                instead = OutboxChanges.Dead(row, OutboxReasons.Unreadable);
                return false;
            case OutboxSealStatus.Opened when webhook!.IsOfLaterProgram:
                LogUnknownKey(OutboxReasons.UnknownFormat);
                instead = OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.UnknownFormat).Of(webhook);
                return false;
            default:
                break;
        }

        try
        {
            prepared = webhook!.ToPrepared();
            return true;
        }
        catch (ArgumentException fault)
        {
            RowUnreadable(_logger, row.Id, fault.Message);
            instead = OutboxChanges.Dead(row, OutboxReasons.Unreadable).Of(webhook!);
            return false;
        }
        catch (Exception fault)
        {
            OwnFault(_logger, row.Id, $"{fault.GetType().Name}: {fault.Message}");
            instead = OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.OwnFault).Of(webhook!);
            return false;
        }
    }

    private void LogUnknownKey(string keyId)
    {
        long now = _time.GetTimestamp();
        int skipped = 0;
        lock (_unknownKeys)
        {
            if (_unknownKeys.TryGetValue(keyId, out (long LoggedAt, int Skipped) known))
            {
                if (_time.GetElapsedTime(known.LoggedAt, now) < KeyLogInterval)
                {
                    _unknownKeys[keyId] = (known.LoggedAt, known.Skipped + 1);
                    return;
                }

                skipped = known.Skipped;
            }
            else if (_unknownKeys.Count >= MaxKeysLogged)
            {
                _unknownKeys.Clear();
            }

            _unknownKeys[keyId] = (now, 0);
        }

        KeyUnknown(_logger, keyId, skipped);
    }

    /// <summary>Returns whether nothing was sent because of this process or machine.</summary>
    private static bool IsOwnFault(in AttemptResult result) =>
        result.Result?.Error is WebhookSendError.SignerUnavailable or WebhookSendError.LocalNetwork or WebhookSendError.SigningFailed;

    private static string ReasonOf(in AttemptResult result) => result.Status switch
    {
        DeliveryStatus.Rejected => result.Result?.StatusCode == 409 ? OutboxReasons.Conflict : OutboxReasons.Rejected,
        DeliveryStatus.Refused => OutboxReasons.Refused,
        DeliveryStatus.DeadlineExceeded => OutboxReasons.Expired,
        _ => OutboxReasons.Exhausted,
    };
}
