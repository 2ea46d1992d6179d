using System.Data.Common;
using System.Text.Json.Serialization;
using Adcp.Aot.Platform;
using Adcp.Aot.Platform.Idempotency;

namespace Adcp.Aot.Snippets;

internal sealed record Order(string? BuyerRef);

internal sealed record Bought(string MediaBuyId);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Bought))]
internal sealed partial class OnceJson : JsonSerializerContext;

// snippet: reconciler
[AdcpPlatform(typeof(OnceJson))]
internal sealed partial class OnceSeller(DbDataSource database) : IRequestReconciler
{
    [AdcpTool("create_media_buy")]
    public async ValueTask<Bought> CreateMediaBuyAsync(Order order, ToolCall call)
    {
        Bought bought = new("mb_" + Guid.NewGuid().ToString("N"));
        await using DbConnection connection = await database.OpenConnectionAsync();
        await using DbTransaction transaction = await connection.BeginTransactionAsync();
        await InsertAsync(transaction, bought, order, call.RequestId); // the request's id beside the media buy
        await transaction.CommitAsync();
        return bought;
    }

    public async ValueTask<Reconciliation> ReconcileAsync(UnresolvedRequest request, CancellationToken cancellationToken) =>
        await FindAsync(request.Tenant, request.RequestId, cancellationToken) is { } bought
            ? Reconciliation.Committed(bought, OnceJson.Default.Bought)
            : Reconciliation.Unknown; // or NotCommitted, if nothing can commit any more
}
// end

internal sealed partial class OnceSeller
{
    public async ValueTask<Bought> BuyAtomicallyAsync(Order order, ToolCall call, CancellationToken cancellationToken)
    {
        await using DbConnection connection = await database.OpenConnectionAsync(cancellationToken);

        // snippet: keep-answer
        Bought bought = new("mb_" + Guid.NewGuid().ToString("N"));
        await using DbTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await InsertAsync(transaction, bought, order, call.RequestId);
        await call.KeepAnswerAsync(bought, OnceJson.Default.Bought, transaction, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return bought;
        // end
    }

    private static async Task InsertAsync(DbTransaction transaction, Bought bought, Order order, string? requestId)
    {
        _ = (transaction, bought, order, requestId);
        await Task.CompletedTask;
    }

    private async Task<Bought?> FindAsync(string tenant, string requestId, CancellationToken cancellationToken)
    {
        _ = (database, tenant, requestId, cancellationToken);
        return await Task.FromResult<Bought?>(null);
    }
}
