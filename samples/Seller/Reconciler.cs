using Adcp.Aot.Platform.Idempotency;

namespace Seller;

/// <summary>
/// Finds out whether a request was performed whose answer was lost, such as by a process that was killed: each media buy names its request.
/// If the answer is a task, the platform finds the task itself before it asks here.
/// </summary>
internal sealed class Reconciler(MediaBuys buys) : IRequestReconciler
{
    public async ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken)
    {
        // The other tools change nothing that names its request. Their buyers read the current state.
        if (request.Tool != "create_media_buy")
        {
            return Reconciliation.Unknown;
        }

        // A media buy without its task was cut short before the hand-off. The start that follows a crash deletes it. No row at all proves
        // that nothing was bought: one process uses the store, and no other system is called.
        return await buys.OfRequestAsync(request.Tenant, request.RequestId) switch
        {
            { IsActive: true } bought => Reconciliation.Committed(bought.Buy, SellerJson.Default.CreateMediaBuyResponse),
            { } => Reconciliation.Unknown,
            null => Reconciliation.NotCommitted,
        };
    }
}
