using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;
using Npgsql;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/sinks.md.</summary>
internal static class SinksDocs
{
    public static async Task UseAsync(IWebhookSender sender, string connectionString)
    {
        // snippet: use-audit-log
        await using AuditLog audit = new(NpgsqlDataSource.Create(connectionString));
        await audit.CreateIfAbsentAsync(); // leaves an existing table alone; throws if a mapped column is missing
        await using InMemoryWebhookDeliverySupervisor webhooks = new(sender, new WebhookSupervisorOptions { Sink = audit });

        IReadOnlyList<WebhookActivityRecord> activity = await audit.ReadRecentAsync("acme", limit: 50);
        // end

        _ = activity;
    }

    // snippet: own-sink
    public sealed class FailureCounter : IDeliveryLogSink
    {
        private long _failures;

        public long Failures => Interlocked.Read(ref _failures);

        public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
        {
            foreach (DeliveryAttempt attempt in attempts.Span)
            {
                Interlocked.Add(ref _failures, attempt.Outcome == AttemptOutcome.Failure ? 1 : 0);
            }

            return ValueTask.CompletedTask;
        }
    }
    // end
}

// snippet: audit-log
[SqlDeliveryLog("webhook_delivery_log", Dialect = SqlDialect.PostgreSql, Principal = "tenant_id")]
[DeliveryLogColumn(AttemptField.Url, "endpoint", MaxLength = 512)]                             // renamed, cut
[DeliveryLogColumn(AttemptField.OccurredAt, "at_ms", Type = ColumnType.UnixMilliseconds)]
[DeliveryLogColumn(AttemptField.OperationId, Redaction = Redaction.Hash)]                      // hidden
[DeliveryLogColumn("tenant_id", nameof(TenantOf))]                                             // computed
[DeliveryLogIgnore(AttemptField.SkippedBefore, AttemptField.BreakerKey)]                       // left out
public sealed partial class AuditLog
{
    private static string TenantOf(DeliveryAttempt attempt) => Tenants.ByOperation(attempt.OperationId);
}
// end

/// <summary>Stands for the reader's own look-up.</summary>
internal static class Tenants
{
    public static string ByOperation(string? operationId) => operationId ?? "";
}
