using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.PostgreSql;
using Adcp.Aot.Storage;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/outbox.md.</summary>
internal static class OutboxDocs
{
    public static async Task RunAsync(
        WebhookSender sender, byte[] key, WebhookDestination destination, McpWebhook payload, CancellationToken cancellationToken)
    {
        // snippet: outbox-start
        await using DbDataSource database = SqliteDataSource.Create(SqliteFactory.Instance, "seller.db");
        SecretsAtRest secrets = SecretsAtRest.EncryptedWith(new EncryptionKey("2026-01", key)); // 32 bytes from a secret store
        await using SqlWebhookOutbox outbox = new(new StoreDatabase(database, SqlDialect.Sqlite), sender, secrets);
        await outbox.CreateIfAbsentAsync(cancellationToken);

        await using OutboxWorker worker = new(outbox, sender);
        await worker.StartAsync(cancellationToken);
        // end

        // snippet: outbox-enqueue
        await using DbConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using DbTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await SaveOrderAsync(transaction, cancellationToken); // your own change

        IReadOnlyList<OutboxReceipt> receipts = await outbox.EnqueueAsync(
            transaction,
            [new OutboxItem(destination, payload, new OutboxOptions { Tenant = "acme", DeliveryId = "task_1/completed" })],
            cancellationToken);

        await transaction.CommitAsync(cancellationToken);
        outbox.Wake(); // optional: delivery begins at once instead of at the next poll
        // end

        // snippet: outbox-stop
        OutboxStopReport report = await worker.StopAsync(TimeSpan.FromSeconds(10));
        // end

        // snippet: outbox-dead-letters
        IReadOnlyList<DeadLetter> rejected =
            await outbox.DeadLetters.ListAsync(new DeadLetterQuery { Tenant = "acme", Reason = "rejected" }, cancellationToken);
        DeadLetterReport redriven =
            await outbox.DeadLetters.RedriveAsync([.. rejected.Select(letter => letter.Id)], cancellationToken: cancellationToken);
        // end

        _ = (receipts, report, redriven);
    }

    public static async Task EnqueueWithEntityFrameworkAsync(
        SqlWebhookOutbox outbox, DbContext context, Order order, WebhookDestination destination, McpWebhook payload,
        CancellationToken cancellationToken)
    {
        // snippet: outbox-ef-core
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        context.Add(order);
        await context.SaveChangesAsync(cancellationToken);

        OutboxItem item = new(destination, payload, new OutboxOptions { Tenant = "acme", DeliveryId = $"{order.Id}/completed" });
        await outbox.EnqueueAsync(transaction.GetDbTransaction(), [item], cancellationToken);

        await transaction.CommitAsync(cancellationToken);
        outbox.Wake();
        // end
    }

    public static async Task EnqueueWithDapperAsync(
        SqlWebhookOutbox outbox, DbDataSource database, Order order, WebhookDestination destination, McpWebhook payload,
        CancellationToken cancellationToken)
    {
        // snippet: outbox-dapper
        await using DbConnection connection = await database.OpenConnectionAsync(cancellationToken);
        await using DbTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            "INSERT INTO orders (id, status) VALUES (@Id, @Status)", order, transaction, cancellationToken: cancellationToken));

        OutboxItem item = new(destination, payload, new OutboxOptions { Tenant = "acme", DeliveryId = $"{order.Id}/completed" });
        await outbox.EnqueueAsync(transaction, [item], cancellationToken);

        await transaction.CommitAsync(cancellationToken);
        outbox.Wake();
        // end
    }

    public static async Task OperateAsync(OutboxOperations operations, string endpointId)
    {
        // snippet: outbox-isolate
        OperatorAction action = new("alice", "buyer is down");
        await operations.IsolateAsync(endpointId, action); // until ResetAsync
        await operations.PauseAsync(action); // all deliveries, until ResumeAsync
        // end
    }

    public static async Task MoveAsync(SqlWebhookOutbox outbox, DbConnection connection, CancellationToken cancellationToken)
    {
        // snippet: outbox-move
        bool hasMore = true;
        while (hasMore)
        {
            await using DbTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
            IReadOnlyList<OldWebhook> waiting = await TakeWaitingAsync(transaction, 500, cancellationToken); // and mark them as moved
            if (waiting.Count > 0)
            {
                await outbox.EnqueueAsync(
                    transaction,
                    [.. waiting.Select(old => new OutboxItem(
                        old.Destination,
                        old.Payload,
                        new OutboxOptions { Tenant = old.Tenant, DeliveryId = $"{old.TaskId}/{old.Status}" }))],
                    cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            hasMore = waiting.Count > 0;
        }

        // end
        outbox.Wake();
    }

    public static async Task ListenAsync(DbDataSource database, string connectionString, WebhookSender sender, SecretsAtRest secrets)
    {
        // snippet: outbox-listen
        await using NpgsqlDataSource direct = NpgsqlDataSource.Create(connectionString); // not through a pooler
        await using PostgreSqlWakeUp wakeUp = new(direct);
        await using SqlWebhookOutbox outbox = new(
            new StoreDatabase(database, SqlDialect.PostgreSql), sender, secrets, new SqlWebhookOutboxOptions { WakeUp = wakeUp });
        // end
        _ = outbox;
    }

    private static Task SaveOrderAsync(DbTransaction transaction, CancellationToken cancellationToken) =>
        transaction is null ? Task.FromCanceled(cancellationToken) : Task.CompletedTask;

    private static Task<IReadOnlyList<OldWebhook>> TakeWaitingAsync(
        DbTransaction transaction, int most, CancellationToken cancellationToken) => transaction is null || most == 0
            ? Task.FromCanceled<IReadOnlyList<OldWebhook>>(cancellationToken)
            : Task.FromResult<IReadOnlyList<OldWebhook>>([]);

    internal sealed record Order(string Id, string Status);

    private sealed record OldWebhook(string Tenant, string TaskId, string Status, WebhookDestination Destination, McpWebhook Payload);
}

// snippet: outbox-authorizer
internal sealed class Subscriptions(ISet<string> active) : IAttemptAuthorizer
{
    public ValueTask AuthorizeAsync(
        IReadOnlyList<PlannedAttempt> attempts, Memory<AttemptDecision> decisions, CancellationToken cancellationToken)
    {
        for (int i = 0; i < attempts.Count; i++)
        {
            decisions.Span[i] = active.Contains(attempts[i].Context!)
                ? AttemptDecision.Allow()
                : AttemptDecision.Suppress("subscription_inactive"); // or AttemptDecision.Later(TimeSpan.FromMinutes(1))
        }

        return ValueTask.CompletedTask;
    }
}
// end
