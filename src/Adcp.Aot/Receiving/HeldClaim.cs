using Adcp.Aot.Threading;

namespace Adcp.Aot.Receiving;

/// <summary>
/// A claim that this process owns. The claim is lost only if the store says so or its lease ends. If a call of the
/// store fails, it is tried again until then.
/// </summary>
internal sealed class HeldClaim
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50);

    private readonly IWebhookClaimStore _store;
    private readonly CallGuard _guard;
    private readonly WebhookClaim _claim;
    private readonly WebhookReceiverOptions _options;
    private readonly IntakeLog _log;
    private readonly TimeSpan _pause;

    // Read before the store was asked, so that the store's lease never ends earlier than this one.
    private long _heldSince;

    internal HeldClaim(IWebhookClaimStore store, CallGuard guard, WebhookClaim claim, long claimedAt, WebhookReceiverOptions options,
        IntakeLog log)
    {
        _store = store;
        _guard = guard;
        _claim = claim;
        _heldSince = claimedAt;
        _options = options;
        _log = log;
        _pause = options.Lease / 15 > ShortestPause ? options.Lease / 15 : ShortestPause;
    }

    private TimeSpan Left => _options.Lease - _options.TimeProvider.GetElapsedTime(Volatile.Read(ref _heldSince));

    /// <summary>Renews the claim three times a lease until the work is done.</summary>
    /// <param name="lost">Cancelled when the claim is lost.</param>
    /// <param name="done">Cancelled when the work is done.</param>
    internal async Task HoldAsync(CancellationTokenSource lost, CancellationToken done)
    {
        TimeSpan wait = _options.Lease / 3;
        while (true)
        {
            await Task.Delay(Shorter(wait, Left), _options.TimeProvider, done).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (done.IsCancellationRequested)
            {
                return;
            }

            bool? renewed = Left > TimeSpan.Zero ? await TryRenewAsync(done).ConfigureAwait(false) : false;
            if (done.IsCancellationRequested)
            {
                return;
            }

            if (renewed == false)
            {
                await lost.CancelAsync().ConfigureAwait(false);
                return;
            }

            wait = renewed == true ? _options.Lease / 3 : _pause;
        }
    }

    /// <summary>Records that the webhook was processed, and tries again while the lease holds.</summary>
    /// <returns><c>false</c> if the claim is lost.</returns>
    internal async ValueTask<bool> CompleteAsync()
    {
        while (true)
        {
            try
            {
                TimeSpan limit = Left > ShortestPause ? Shorter(_options.CallTimeout, Left) : ShortestPause;
                return await _guard.RunAsync((_store, _claim), static (call, token) => call._store.CompleteAsync(call._claim, token),
                    limit, CancellationToken.None)
                    .ConfigureAwait(false);
            }
            catch (Exception fault)
            {
                _log.StoreFailed(fault, "completion", _claim.Sender, _claim.IdempotencyKey);
                if (Left <= TimeSpan.Zero)
                {
                    return false;
                }
            }

            await Task.Delay(Shorter(_pause, Left), _options.TimeProvider, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Releases the claim, so that a retry is processed at once. If that fails, the lease ends by itself.
    /// </summary>
    internal async ValueTask ReleaseAsync()
    {
        try
        {
            await _guard.RunAsync(
                (_store, _claim), static (call, token) =>
                    call._store.ReleaseAsync(call._claim, token), _options.CallTimeout, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            _log.StoreFailed(fault, "release", _claim.Sender, _claim.IdempotencyKey);
        }
    }

    /// <returns><c>null</c> if the store failed, so that the result is unknown.</returns>
    private async ValueTask<bool?> TryRenewAsync(CancellationToken done)
    {
        long began = _options.TimeProvider.GetTimestamp();
        try
        {
            // If a renewal hangs, there is time for another one.
            TimeSpan limit = Shorter(Shorter(_options.CallTimeout, _options.Lease / 4), Left);
            bool renewed = await _guard.RunAsync(
                (_store, _claim, _options.Lease), static (call, token) =>
                    call._store.RenewAsync(call._claim, call.Lease, token), limit, done).ConfigureAwait(false);
            if (renewed)
            {
                Volatile.Write(ref _heldSince, began);
            }

            return renewed;
        }
        catch (Exception fault)
        {
            if (!done.IsCancellationRequested)
            {
                _log.StoreFailed(fault, "renewal", _claim.Sender, _claim.IdempotencyKey);
            }

            return null;
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other)
    {
        TimeSpan shorter = one < other ? one : other;
        return shorter > TimeSpan.Zero ? shorter : TimeSpan.Zero;
    }
}
