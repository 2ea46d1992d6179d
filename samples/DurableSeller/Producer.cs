using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Threading.Channels;
using Adcp.Aot;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads.Reporting;

namespace DurableSeller;

/// <summary>
/// The seller's business: an order and the webhooks that report it are committed together. Some transactions are rolled back, and
/// nothing of them may be sent. Each fourth webhook is a delivery report, numbered in a stream that all producers share.
/// </summary>
internal static class Producer
{
    private const int OrdersPerTransaction = 10;

    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    public static async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        Settings settings = Settings.FromEnvironment();
        Dictionary<string, string> frozen = new(StringComparer.Ordinal);
        await using Store store = Store.Open(
            settings, webhook => frozen[webhook.IdempotencyKey] = Convert.ToHexStringLower(SHA256.HashData(webhook.Body.Span)));
        await using LineWriter accepted = new(settings.AcceptedPart);
        Buyer[] buyers = [.. settings.Origins.Select(static (origin, i) => new Buyer(origin, i))];

        // Its orders are every n-th of all.
        int[] orders = [.. Enumerable.Range(0, settings.Deliveries).Where(i => i % settings.Producers == settings.Producer)];
        Channel<int> allowances = Channel.CreateUnbounded<int>();
        _ = ReadAllowancesAsync(allowances.Writer);
        int placed = 0, allowed = 0;
        for (int turn = 0; placed < orders.Length; turn++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (placed >= allowed && await allowances.Reader.WaitToReadAsync(cancellationToken))
            {
                allowed = Math.Min(orders.Length, await allowances.Reader.ReadAsync(cancellationToken));
            }

            if (allowances.Reader.Completion.IsCompleted)
            {
                // The coordinator is gone, so that there is no reason to go on.
                return 1;
            }

            int[] some = orders[placed..Math.Min(placed + OrdersPerTransaction, allowed)];
            OutboxItem[] items = [.. some.Select(i => Item(settings.Run, buyers[i % buyers.Length], i))];
            bool commits = turn % 20 != 19;
            IReadOnlyList<OutboxReceipt> receipts;
            try
            {
                receipts = await PlaceAsync(store, items, some[0], commits, cancellationToken);
            }
            catch (Exception fault) when (fault is DbException or IOException or InvalidOperationException or TimeoutException)
            {
                // The database is away, or its answer was lost. The delivery ids make the repetition harmless.
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
                continue;
            }

            if (!commits)
            {
                continue;
            }

            foreach (OutboxReceipt receipt in receipts)
            {
                await accepted.WriteAsync(receipt.IdempotencyKey, frozen[receipt.IdempotencyKey]);
            }

            frozen.Clear();
            placed += some.Length;
        }

        return 0;
    }

    /// <summary>
    /// Reads how many orders the coordinator allows. The input ends when the coordinator does. A fault is thrown by the channel's reader.
    /// </summary>
    private static async Task ReadAllowancesAsync(ChannelWriter<int> allowances)
    {
        try
        {
            using StreamReader input = new(Console.OpenStandardInput());
            while (await input.ReadLineAsync() is { } line)
            {
                allowances.TryWrite(int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out int allowed)
                    ? allowed
                    : throw new RunFault($"The input of a producer has one number in each line, and '{line}' is none."));
            }

            allowances.Complete();
        }
        catch (Exception fault)
        {
            allowances.Complete(fault);
        }
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
                $"INSERT INTO {store.Orders} (number, status) VALUES ({number}, 'completed') ON CONFLICT DO NOTHING");
            await order.ExecuteNonQueryAsync(cancellationToken);
        }

        IReadOnlyList<OutboxReceipt> receipts = await store.Outbox.EnqueueAsync(transaction, items, cancellationToken);
        await (commits ? transaction.CommitAsync(cancellationToken) : transaction.RollbackAsync(cancellationToken));
        store.Outbox.Wake();
        return receipts;
    }

    private static OutboxItem Item(string run, Buyer buyer, int number)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{run}/task_{number}");
        return number / 16 % 4 == 3
            ? new OutboxItem(
                buyer.Reports,
                new DeliveryReport
                {
                    TaskId = string.Create(CultureInfo.InvariantCulture, $"report_{number}"),
                    ReportType = DeliveryReportType.Scheduled,
                    Period = new ReportingPeriod(Noon, Noon.AddHours(1)),
                    Currency = "EUR",
                    MediaBuys = [],
                },
                new OutboxOptions { Tenant = buyer.Tenant, DeliveryId = id, SequenceKey = "reports " + buyer.Number })
            : new OutboxItem(
                buyer.Hook,
                new McpWebhook
                {
                    TaskId = string.Create(CultureInfo.InvariantCulture, $"task_{number}"),
                    TaskType = TaskType.CreateMediaBuy,
                    Status = AdcpTaskStatus.Completed,
                    Result = """{"media_buy_id":"mb_1","packages":[]}"""u8.ToArray(),
                },
                new OutboxOptions { Tenant = buyer.Tenant, DeliveryId = id });
    }

    private sealed class Buyer(string origin, int number)
    {
        public string Number { get; } = number.ToString(CultureInfo.InvariantCulture);

        public string Tenant { get; } = string.Create(CultureInfo.InvariantCulture, $"tenant_{number % 7}");

        public WebhookDestination Hook { get; } = new($"{origin}/buyers/{number}/hook", $"op_{number}");

        public WebhookDestination Reports { get; } = new($"{origin}/buyers/{number}/reports", $"op_{number}");
    }
}
