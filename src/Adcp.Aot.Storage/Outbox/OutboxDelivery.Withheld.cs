using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;

namespace Adcp.Aot.Storage;

/// <content>Rows on trial, rows that the authorizer decides about, and rows that end without an attempt.</content>
internal sealed partial class OutboxDelivery
{
    /// <summary>Attempts rows that may have killed processes: they are marked as under way before.</summary>
    private async Task TryAsync(IReadOnlyList<OutboxRow> rows)
    {
        CancellationToken lost = _lease.Lost;
        List<OutboxRow> marked = [];
        List<OutboxChange> changes = [];
        foreach (OutboxRow row in rows)
        {
            if (row.Epoch != _lease.Current.Epoch)
            {
                Finish(row, null);
                continue;
            }

            OutboxChange change = OutboxChanges.Trial(row);
            changes.Add(change);
            _settlement.Add(change);
        }

        foreach (OutboxChange change in changes)
        {
            Task<bool> committed = change.Marked!.Task;
            await ((Task)committed.WaitAsync(lost)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (committed.IsCompletedSuccessfully && await committed.ConfigureAwait(false))
            {
                marked.Add(change.Row);
            }
            else
            {
                Finish(change.Row, null);
            }
        }

        if (_authorization is not null && marked.Count > 0)
        {
            await AuthorizeAsync(marked).ConfigureAwait(false);
            return;
        }

        foreach (OutboxRow row in marked)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_attempt, row);
        }
    }

    /// <summary>Asks the authorizer about rows, and attempts those that it allows.</summary>
    private async Task AuthorizeAsync(List<OutboxRow> rows)
    {
        CancellationToken lost = _lease.Lost;
        List<(OutboxRow Row, OutboxWebhook Webhook, PreparedWebhook Prepared)> opened = [];
        foreach (OutboxRow row in rows)
        {
            if (row.Epoch != _lease.Current.Epoch)
            {
                Finish(row, null);
            }
            else if (TryOpen(row, out OutboxWebhook? webhook, out PreparedWebhook? prepared, out OutboxChange? instead))
            {
                opened.Add((row, webhook!, prepared!));
            }
            else
            {
                Finish(row, instead);
            }
        }

        if (opened.Count == 0)
        {
            return;
        }

        AttemptDecision[] decisions;
        try
        {
            decisions = await _authorization!.DecideAsync(
                [.. opened.Select(static planned => planned.Webhook.ToPlanned(planned.Prepared, planned.Row.Attempts + 1))], lost)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            opened.ForEach(planned => Finish(planned.Row, null));
            return;
        }

        for (int i = 0; i < decisions.Length; i++)
        {
            (OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared) = opened[i];
            AttemptDecision decision = decisions[i];
            if (decision.Kind == AttemptDecisionKind.Allow)
            {
                PreparedWebhook allowed = decision.Authentication is { } own ? webhook.ToPrepared(own) : prepared;
                ThreadPool.UnsafeQueueUserWorkItem(_ => _ = AttemptAsync(row, webhook, allowed), null);
            }
            else
            {
                Finish(row, await WithholdAsync(row, webhook, prepared, decision).ConfigureAwait(false));
            }
        }
    }

    /// <summary>Records an attempt that the authorizer did not allow.</summary>
    private async ValueTask<OutboxChange> WithholdAsync(
        OutboxRow row, OutboxWebhook webhook, PreparedWebhook prepared, AttemptDecision decision)
    {
        AttemptRequest request = Request(row, webhook, prepared, null);
        if (decision.Kind == AttemptDecisionKind.Suppress)
        {
            await _runner.RecordNotMadeAsync(request, AttemptOutcome.Suppressed, decision.Reason).ConfigureAwait(false);
            OutboxChange ended = OutboxChanges.Dead(row, OutboxReasons.Suppressed).Of(webhook);
            ended.Horizon = _rules.Horizon;
            LogDead(row, webhook, prepared, ended);
            return ended;
        }

        Interlocked.Increment(ref _deferred);
        TimeSpan delay = decision.Delay ?? OutboxChanges.OwnFaultDelay;
        await _runner.RecordNotMadeAsync(request, AttemptOutcome.Deferred, decision.Reason ?? OutboxAuthorization.Undecided, delay)
            .ConfigureAwait(false);
        return OutboxChanges.Wait(row, delay, OutboxReasons.Deferred).Of(webhook);
    }

    /// <summary>
    /// Parks a row that was not attempted. One that comes from the log is opened, so that it is found by its idempotency key.
    /// </summary>
    private void Park(OutboxChange change)
    {
        if (!change.Row.IsParked && _seal.Open(change.Row, _installation, out OutboxWebhook? webhook) == OutboxSealStatus.Opened)
        {
            change.Of(webhook!);
        }

        _settlement.Add(change);
    }

    /// <summary>Records the end of a delivery without an attempt, and settles it.</summary>
    private async Task EndAsync(OutboxChange change)
    {
        OutboxRow row = change.Row;
        change.Horizon = _rules.Horizon;
        try
        {
            await RecordEndAsync(change).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            OwnFault(_logger, row.Id, $"{fault.GetType().Name}: {fault.Message}");
        }

        _settlement.Add(change);
    }

    private async ValueTask RecordEndAsync(OutboxChange change)
    {
        OutboxRow row = change.Row;
        if (_seal.Open(row, _installation, out OutboxWebhook? webhook) != OutboxSealStatus.Opened)
        {
            return;
        }

        change.Of(webhook!);
        PreparedWebhook prepared;
        try
        {
            prepared = webhook!.ToPrepared();
        }
        catch (ArgumentException)
        {
            return;
        }

        AttemptOutcome outcome = change.Reason is OutboxReasons.Expired or OutboxReasons.TooOld
            ? AttemptOutcome.Expired
            : AttemptOutcome.Refused;
        await _runner.RecordNotMadeAsync(Request(row, webhook, prepared, null), outcome, change.Reason).ConfigureAwait(false);
        LogDead(row, webhook, prepared, change);
    }
}
