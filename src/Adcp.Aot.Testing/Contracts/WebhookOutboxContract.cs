using System.Data.Common;
using Adcp.Aot.Delivery;

namespace Adcp.Aot.Testing;

/// <summary>
/// The contract of <see cref="IWebhookOutbox"/> for its callers. Derive a test class from it, and call <see cref="CheckAsync"/> in a test
/// for each name in <see cref="Rules"/>. Use one instance and one empty outbox, whose worker does not run, for each rule.
/// </summary>
public abstract class WebhookOutboxContract
{
    private const string Tenant = "t1";
    private const string Id = "delivery-1";

    private static readonly RuleTable<WebhookOutboxContract> Table = new(
        nameof(IWebhookOutbox),
        new("Each webhook has a receipt in order with a key of its own", static (c, token) => c.ReceiptsAsync(token)),
        new("Without a transaction a webhook is kept when the call returns", static (c, token) => c.OwnTransactionAsync(token)),
        new("A webhook is kept if and only if the transaction of the caller commits", static (c, token) => c.TransactionAsync(token)),
        new("A delivery id is enqueued once and keeps its key", static (c, token) => c.RepeatedAsync(token)),
        new("A delivery id with another payload or destination is a conflict", static (c, token) => c.ConflictAsync(token)),
        new("Each tenant has delivery ids of its own", static (c, token) => c.TenantsAsync(token)),
        new("Of many calls with one delivery id one enqueues it", static (c, token) => c.RaceAsync(token)),
        new("Numbers of a stream have no gap although a transaction was rolled back", static (c, token) => c.NumbersAsync(token)),
        new("A webhook that breaks a rule is refused with all others of its call", static (c, token) => c.RefusedAsync(token)),
        new("An unknown delivery is null and an empty id is refused", static (c, token) => c.UnknownAsync(token)));

    /// <summary>Gets the names of the rules, each a sentence.</summary>
    public static IReadOnlyList<string> Rules => Table.Names;

    /// <summary>Checks a rule.</summary>
    /// <param name="rule">The name of the rule.</param>
    /// <param name="cancellationToken">Ends the check. It is passed to the outbox.</param>
    /// <exception cref="ArgumentException"><paramref name="rule"/> is not in <see cref="Rules"/>.</exception>
    /// <exception cref="ContractException">The outbox breaks the rule.</exception>
    public Task CheckAsync(string rule, CancellationToken cancellationToken = default) => Table.CheckAsync(this, rule, cancellationToken);

    /// <summary>
    /// Opens the outbox, as another process would: a later call opens the same webhooks.
    /// The derived class disposes the outboxes after the check; the contract does not.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<IWebhookOutbox> OpenAsync(CancellationToken cancellationToken);

    /// <summary>Opens a connection of the caller's own to the database of the outbox. The rule disposes it.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    protected abstract ValueTask<DbConnection> ConnectAsync(CancellationToken cancellationToken);

    private static OutboxItem Item(
        string? id = null, string tenant = Tenant, string? stream = null, AdcpTaskStatus status = AdcpTaskStatus.Completed,
        string path = "hook", bool keepsOrder = false) =>
        new(
            new WebhookDestination($"https://buyer.example/{path}", "op-1", "a-token-of-16-chars"),
            new McpWebhook { TaskId = "task-1", TaskType = TaskType.CreateMediaBuy, Status = status },
            new OutboxOptions { Tenant = tenant, DeliveryId = id, SequenceKey = stream, KeepsOrder = keepsOrder });

    private static async Task<OutboxReceipt> EnqueueAsync(IWebhookOutbox outbox, OutboxItem item, CancellationToken token) =>
        Expect.Single(await outbox.EnqueueAsync(null, [item], token));

    private async Task InTransactionAsync(Func<DbTransaction, Task> work, bool commits, CancellationToken token)
    {
        await using DbConnection connection = await ConnectAsync(token);
        await using DbTransaction transaction = await connection.BeginTransactionAsync(token);
        await work(transaction);
        await (commits ? transaction.CommitAsync(token) : transaction.RollbackAsync(token));
    }

    private async Task ReceiptsAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);
        string[] ids = ["a", "b", "c"];
        await EnqueueAsync(outbox, Item("b"), token);

        IReadOnlyList<OutboxReceipt> receipts = await outbox.EnqueueAsync(null, [.. ids.Select(static id => Item(id))], token);

        Expect.Sequence(
            [EnqueueStatus.Enqueued, EnqueueStatus.AlreadyEnqueued, EnqueueStatus.Enqueued],
            receipts.Select(static receipt => receipt.Status));
        Expect.Equal(ids.Length, receipts.Select(static receipt => receipt.IdempotencyKey).Distinct().Count());
        Expect.True(receipts.All(static receipt => !string.IsNullOrEmpty(receipt.IdempotencyKey)));
        Expect.True(receipts.All(static receipt => receipt.SequenceNumber is null));
    }

    private async Task OwnTransactionAsync(CancellationToken token)
    {
        await EnqueueAsync(await OpenAsync(token), Item(Id), token);

        Expect.Equal(OutboxDeliveryState.Waiting, await (await OpenAsync(token)).FindAsync(Tenant, Id, token));
    }

    private async Task TransactionAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);
        IWebhookOutbox other = await OpenAsync(token);
        foreach (bool commits in (bool[])[false, true])
        {
            await InTransactionAsync(
                async transaction =>
                {
                    OutboxReceipt receipt = Expect.Single(await outbox.EnqueueAsync(transaction, [Item(Id)], token));
                    Expect.Equal(EnqueueStatus.Enqueued, receipt.Status);
                    Expect.Null(await other.FindAsync(Tenant, Id, token));
                },
                commits,
                token);

            Expect.Equal(commits ? OutboxDeliveryState.Waiting : null, await other.FindAsync(Tenant, Id, token));
        }
    }

    private async Task RepeatedAsync(CancellationToken token)
    {
        OutboxReceipt first = await EnqueueAsync(await OpenAsync(token), Item(Id), token);

        OutboxReceipt again = await EnqueueAsync(await OpenAsync(token), Item(Id), token);

        Expect.Equal(EnqueueStatus.Enqueued, first.Status);
        Expect.Equal((EnqueueStatus.AlreadyEnqueued, first.IdempotencyKey), (again.Status, again.IdempotencyKey));
    }

    private async Task ConflictAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);
        await EnqueueAsync(outbox, Item(Id), token);

        Expect.Equal(EnqueueStatus.Conflict, (await EnqueueAsync(outbox, Item(Id, status: AdcpTaskStatus.Failed), token)).Status);
        Expect.Equal(EnqueueStatus.Conflict, (await EnqueueAsync(outbox, Item(Id, path: "another"), token)).Status);
        Expect.Equal(EnqueueStatus.AlreadyEnqueued, (await EnqueueAsync(outbox, Item(Id), token)).Status);
    }

    private async Task TenantsAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);
        await EnqueueAsync(outbox, Item(Id), token);

        foreach (string tenant in (string[])["t2", "T1", "t1 "])
        {
            Expect.Null(await outbox.FindAsync(tenant, Id, token));
            Expect.Equal(EnqueueStatus.Enqueued, (await EnqueueAsync(outbox, Item(Id, tenant), token)).Status);
        }
    }

    private async Task RaceAsync(CancellationToken token)
    {
        const int Callers = 8;
        IWebhookOutbox[] processes = [await OpenAsync(token), await OpenAsync(token)];

        OutboxReceipt[] receipts = await Task.WhenAll(Enumerable.Range(0, Callers).Select(i => Task.Run(
            () => EnqueueAsync(processes[i % 2], Item(Id), token), token)));

        Expect.Equal(1, receipts.Count(static receipt => receipt.Status == EnqueueStatus.Enqueued));
        Expect.Equal(Callers - 1, receipts.Count(static receipt => receipt.Status == EnqueueStatus.AlreadyEnqueued));
        Expect.Equal(1, receipts.Select(static receipt => receipt.IdempotencyKey).Distinct().Count());
    }

    private async Task NumbersAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);

        OutboxReceipt first = await EnqueueAsync(outbox, Item(stream: "s"), token);
        await InTransactionAsync(
            async transaction => await outbox.EnqueueAsync(transaction, [Item(stream: "s")], token), commits: false, token);
        OutboxReceipt second = await EnqueueAsync(outbox, Item("d", stream: "s"), token);
        OutboxReceipt again = await EnqueueAsync(await OpenAsync(token), Item("d", stream: "s"), token);
        OutboxReceipt third = await EnqueueAsync(outbox, Item(stream: "s"), token);
        OutboxReceipt foreign = await EnqueueAsync(outbox, Item(tenant: "t2", stream: "s"), token);

        Expect.Sequence<long?>(
            [1, 2, 2, 3, 1], new[] { first, second, again, third, foreign }.Select(static receipt => receipt.SequenceNumber));
    }

    private async Task RefusedAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);

        // An order needs a stream.
        OutboxItem bad = Item("bad", keepsOrder: true);
        await Expect.ThrowsAsync<ArgumentException>(() => outbox.EnqueueAsync(null, [Item("good"), bad], token).AsTask());
        Expect.Null(await outbox.FindAsync(Tenant, "good", token));
        await InTransactionAsync(
            async transaction =>
            {
                await Expect.ThrowsAsync<ArgumentException>(() => outbox.EnqueueAsync(transaction, [Item("good"), bad], token).AsTask());
                await outbox.EnqueueAsync(transaction, [Item("later")], token);
            },
            commits: true,
            token);

        Expect.Null(await outbox.FindAsync(Tenant, "good", token));
        Expect.Equal(OutboxDeliveryState.Waiting, await outbox.FindAsync(Tenant, "later", token));
    }

    private async Task UnknownAsync(CancellationToken token)
    {
        IWebhookOutbox outbox = await OpenAsync(token);

        Expect.Null(await outbox.FindAsync(Tenant, Id, token));
        await Expect.ThrowsAsync<ArgumentException>(() => outbox.FindAsync("", Id, token).AsTask());
        await Expect.ThrowsAsync<ArgumentException>(() => outbox.FindAsync(Tenant, "", token).AsTask());
        await Expect.ThrowsAsync<ArgumentException>(() => outbox.FindAsync(Tenant, null!, token).AsTask());
    }
}
