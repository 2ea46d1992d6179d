using System.Collections.Concurrent;
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

    private const int MaxKeysLogged = 100;

    private static readonly TimeSpan KeyLogInterval = TimeSpan.FromMinutes(1);

    private readonly AttemptRunner _runner;
    private readonly OutboxSeal _seal;
    private readonly OutboxLease _lease;
    private readonly OutboxSchedule _schedule;
    private readonly OutboxSettlement _settlement;
    private readonly RetryPolicy _retry;
    private readonly TimeSpan _horizon;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, (long LoggedAt, int Skipped)> _unknownKeys = new(StringComparer.Ordinal);
    private readonly WaitCallback _attempt;
    private Guid _installation;
    private long _delivered;
    private int _pumps;
    private volatile bool _isStopped;

    internal OutboxDelivery(
        AttemptRunner runner, OutboxSeal seal, OutboxLease lease, OutboxSchedule schedule, OutboxSettlement settlement, RetryPolicy retry,
        TimeSpan horizon, TimeProvider time, ILogger logger)
    {
        _runner = runner;
        _seal = seal;
        _lease = lease;
        _schedule = schedule;
        _settlement = settlement;
        _retry = retry;
        _horizon = horizon;
        _time = time;
        _logger = logger;
        _attempt = row => _ = AttemptAsync((OutboxRow)row!);
        lease.Changed += Pump;
    }

    /// <summary>Gets the number of rows delivered since the start.</summary>
    internal long Delivered => Volatile.Read(ref _delivered);

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
            while (!_isStopped && _installation != default && _settlement.UnsettledAttempts < MaxUnsettled && _lease.AllowsAttempts
                && _schedule.TryTake(out OutboxRow? row))
            {
                ThreadPool.UnsafeQueueUserWorkItem(_attempt, row);
            }
        }
        while (Interlocked.Add(ref _pumps, -seen) != 0);
    }

    /// <summary>Cancels the attempts under way and gives the queued audit records to the sink.</summary>
    public ValueTask DisposeAsync()
    {
        _lease.Changed -= Pump;
        _isStopped = true;
        return _runner.DisposeAsync();
    }

    private async Task AttemptAsync(OutboxRow row)
    {
        OutboxChange? change = null;
        try
        {
            CancellationToken lost = _lease.Lost;
            if (row.Epoch == _lease.Current.Epoch)
            {
                change = await AttemptAsync(row, lost).ConfigureAwait(false);
            }
        }
        catch (Exception fault)
        {
            OwnFault(_logger, row.Id, $"{fault.GetType().Name}: {fault.Message}");
            change = OutboxChanges.Wait(row, OutboxChanges.OwnFaultDelay, OutboxReasons.OwnFault);
        }

        _schedule.Complete(row, isDelivered: change?.Kind == OutboxChangeKind.Delivered, changeFollows: change is not null);
        if (change is not null)
        {
            _settlement.Add(change, endsAttempt: true);
        }

        Pump();
    }

    private async ValueTask<OutboxChange?> AttemptAsync(OutboxRow row, CancellationToken lost)
    {
        TimeSpan? left = row.TimeLeft - _time.GetElapsedTime(row.ReadAt);
        if (left <= TimeSpan.Zero)
        {
            return OutboxChanges.Expired(row);
        }

        if (!TryOpen(row, out OutboxWebhook? webhook, out PreparedWebhook? prepared, out OutboxChange? instead))
        {
            return instead;
        }

        AttemptRequest request = new(prepared!)
        {
            Options = webhook!.ToOptions(_retry),
            AttemptNumber = Math.Min(row.Attempts + 1, ushort.MaxValue),
            SequenceNumber = webhook.SequenceNumber == 0 ? null : webhook.SequenceNumber,
            TimeLeft = row.Attempts > 0 ? left : _horizon,
            TraceParent = webhook.TraceParent,
        };
        AttemptResult result = await _runner.RunAsync(request, lost).ConfigureAwait(false);
        return Decide(row, webhook, prepared!.Destination, result);
    }

    private OutboxChange? Decide(OutboxRow row, OutboxWebhook webhook, WebhookDestination destination, in AttemptResult result)
    {
        int status = result.Result?.StatusCode ?? 0;
        switch (result.Status)
        {
            case DeliveryStatus.Delivered:
                Interlocked.Increment(ref _delivered);
                return new OutboxChange { Row = row, Kind = OutboxChangeKind.Delivered, Attempts = result.AttemptsMade };
            case DeliveryStatus.Cancelled or DeliveryStatus.ShutDown:
                return null;
            case DeliveryStatus.CircuitOpen:
                return Blocked(row, result);
            case null:
                bool isOwnFault = IsOwnFault(result);
                return new OutboxChange
                {
                    Row = row,
                    Kind = OutboxChangeKind.Park,
                    Delay = result.Delay,
                    Attempts = isOwnFault ? row.Attempts : result.AttemptsMade,
                    Horizon = _horizon,
                    Reason = result.Code ?? OutboxReasons.Failed,
                    StatusCode = status,
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
                    Horizon = _horizon,
                    Reason = reason,
                    StatusCode = status,
                };
        }
    }

    /// <summary>The circuit refused: the endpoint's rows wait in the store, and one timer asks again.</summary>
    private OutboxChange Blocked(OutboxRow row, in AttemptResult result)
    {
        TimeSpan wait = result.NextAttemptAt is { } at ? at - _time.GetUtcNow() : IsolatedDelay;
        wait = wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
        foreach (OutboxRow other in _schedule.Block(row, wait))
        {
            _settlement.Add(OutboxChanges.Wait(other, TimeSpan.Zero, OutboxReasons.CircuitOpen), endsAttempt: false);
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
            instead = OutboxChanges.Dead(row, OutboxReasons.Unreadable);
            return false;
        }
    }

    private void LogUnknownKey(string keyId)
    {
        long now = _time.GetTimestamp();
        if (_unknownKeys.Count >= MaxKeysLogged)
        {
            _unknownKeys.Clear();
        }

        (long loggedAt, int skipped) = _unknownKeys.GetOrAdd(keyId, static _ => (0, 0));
        if (loggedAt != 0 && _time.GetElapsedTime(loggedAt, now) < KeyLogInterval)
        {
            _unknownKeys[keyId] = (loggedAt, skipped + 1);
            return;
        }

        _unknownKeys[keyId] = (Math.Max(1, now), 0);
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

    [LoggerMessage(
        StorageEventIds.OutboxKeyUnknown, LogLevel.Error,
        "Webhooks in the outbox wait for encryption key {KeyId}, which this process does not have. Give the key to "
            + "SecretsAtRest.EncryptedWith among the older ones. Not logged before this line: {Skipped}")]
    private static partial void KeyUnknown(ILogger logger, string keyId, int skipped);

    [LoggerMessage(
        StorageEventIds.OutboxRowUnreadable, LogLevel.Error,
        "Row {Id} of the outbox cannot be read: {Reason}. It is kept as a dead letter.")]
    private static partial void RowUnreadable(ILogger logger, long id, string reason);

    [LoggerMessage(
        StorageEventIds.OutboxOwnFault, LogLevel.Error,
        "The attempt of row {Id} of the outbox failed by a fault of this process: {Fault}. It is made again and does not count.")]
    private static partial void OwnFault(ILogger logger, long id, string fault);

    [LoggerMessage(
        StorageEventIds.OutboxDeadLetter, LogLevel.Warning,
        "Webhook {IdempotencyKey} to {Endpoint} of tenant {Tenant} ended undelivered after {Attempts} attempts: {Reason}, last status "
        + "{Status}. "
            + "It is kept as dead letter {Id}; redrive it when the receiver is repaired.")]
    private static partial void DeadLetter(
        ILogger logger, string idempotencyKey, string endpoint, string tenant, int attempts, string reason, int status, long id);
}
