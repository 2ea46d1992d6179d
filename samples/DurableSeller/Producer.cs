using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using Adcp.Aot;
using Adcp.Aot.Delivery;

namespace DurableSeller;

/// <summary>
/// The seller's business: an order and the webhook that reports it are committed together. Some transactions are rolled back, and
/// nothing of them may be sent.
/// </summary>
internal static class Producer
{
    private const int OrdersPerTransaction = 10;

    public static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        Settings settings = Settings.FromEnvironment();
        Dictionary<string, string> frozen = new(StringComparer.Ordinal);
        await using Store store = Store.Open(
            settings, webhook => frozen[webhook.IdempotencyKey] = Convert.ToHexStringLower(SHA256.HashData(webhook.Body.Span)));
        await using LineWriter accepted = new(settings.Accepted);
        WebhookDestination[] destinations =
            [.. settings.Origins.Select(static (origin, i) => new WebhookDestination($"{origin}/buyers/{i}/hook", $"op_{i}"))];
        int number = 0;
        for (int turn = 0; number < settings.Deliveries; turn++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(OrdersPerTransaction, settings.Deliveries - number);
            OutboxItem[] items = [.. Enumerable.Range(number, count)
                .Select(i => Item(settings.Run, destinations[i % destinations.Length], i))];
            bool commits = turn % 20 != 19;
            IReadOnlyList<OutboxReceipt> receipts;
            try
            {
                receipts = await PlaceAsync(store, items, number, commits, cancellationToken);
            }
            catch (Exception fault) when (fault is DbException or IOException or InvalidOperationException)
            {
                // The database is away, or its answer was lost. The delivery ids make the repetition harmless.
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
                continue;
            }

            if (!commits)
            {
                continue;
            }

            foreach (OutboxReceipt receipt in receipts.Where(receipt => frozen.ContainsKey(receipt.IdempotencyKey)))
            {
                await accepted.WriteAsync(receipt.IdempotencyKey, frozen[receipt.IdempotencyKey]);
            }

            frozen.Clear();
            number += count;
        }

        return 0;
    }

    private static async Task<IReadOnlyList<OutboxReceipt>> PlaceAsync(
        Store store, OutboxItem[] items, int number, bool commits, CancellationToken cancellationToken)
    {
        await using DbConnection connection = await store.Source.OpenConnectionAsync(cancellationToken);
        await using DbTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (DbCommand order = connection.CreateCommand())
        {
            order.Transaction = transaction;
            order.CommandText = string.Create(
                CultureInfo.InvariantCulture,
                $"INSERT INTO durable_seller_orders (number, status) VALUES ({number}, 'completed') ON CONFLICT DO NOTHING");
            await order.ExecuteNonQueryAsync(cancellationToken);
        }

        IReadOnlyList<OutboxReceipt> receipts = await store.Outbox.EnqueueAsync(transaction, items, cancellationToken);
        await (commits ? transaction.CommitAsync(cancellationToken) : transaction.RollbackAsync(cancellationToken));
        store.Outbox.Wake();
        return receipts;
    }

    private static OutboxItem Item(string run, WebhookDestination destination, int number) => new(
        destination,
        new McpWebhook
        {
            TaskId = $"task_{number}",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.Completed,
            Result = """{"media_buy_id":"mb_1","packages":[]}"""u8.ToArray(),
        },
        new OutboxOptions { Tenant = $"tenant_{number % 7}", DeliveryId = $"{run}/task_{number}/completed" });
}
