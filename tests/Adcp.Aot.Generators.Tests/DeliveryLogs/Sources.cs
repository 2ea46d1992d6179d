namespace Adcp.Aot.Generators.Tests.DeliveryLogs;

/// <summary>Consumers' sources.</summary>
internal static class Sources
{
    public const string Usings = "using Adcp.Aot.Auditing;\nusing Adcp.Aot.Storage;\n\nnamespace Shop;\n\n";

    /// <summary>An existing table of a shop: names, bounds, hidden texts, a tenant.</summary>
    public const string Mapped = Usings +
        """
        [SqlDeliveryLog("shop.hook_log", Dialect = SqlDialect.PostgreSql, Principal = "tenant")]
        [DeliveryLogColumn(AttemptField.Url, "endpoint", MaxLength = 512)]
        [DeliveryLogColumn(AttemptField.OccurredAt, "at_ms", Type = ColumnType.UnixMilliseconds)]
        [DeliveryLogColumn(AttemptField.TaskId, Redaction = Redaction.Hash)]
        [DeliveryLogColumn(AttemptField.BreakerKey, Redaction = Redaction.Mask)]
        [DeliveryLogColumn("tenant", nameof(TenantOf))]
        [DeliveryLogColumn("cost", nameof(CostOf))]
        [DeliveryLogIgnore(AttemptField.SkippedBefore, AttemptField.Code)]
        public sealed partial class HookLog
        {
            private static string TenantOf(DeliveryAttempt attempt) => attempt.OperationId ?? "none";

            private decimal? CostOf(DeliveryAttempt attempt) => attempt.PayloadSizeBytes > 0 ? attempt.PayloadSizeBytes * 0.001m : null;
        }
        """;

    /// <summary>Everything by default, on any database.</summary>
    public const string Plain = Usings + "[SqlDeliveryLog(\"webhook_delivery_log\")]\npublic sealed partial class AuditLog;\n";

    public const string JsonLines = Usings +
        """
        [JsonLinesDeliveryLog(OnlyMapped = true)]
        [DeliveryLogColumn(AttemptField.IdempotencyKey, "key")]
        [DeliveryLogColumn(AttemptField.HttpStatusCode)]
        [DeliveryLogColumn(AttemptField.OccurredAt, "at", Type = ColumnType.UnixMilliseconds)]
        [DeliveryLogColumn("tenant", nameof(TenantOf))]
        public sealed partial class JsonLog
        {
            private string TenantOf(DeliveryAttempt attempt) => "acme";
        }
        """;

    public const string Logger = Usings +
        """
        [LoggerDeliveryLog(EventId = 4711)]
        [DeliveryLogIgnore(AttemptField.SequenceKey)]
        public sealed partial class LoggerLog;
        """;

    public const string FanOut = Usings +
        """
        [JsonLinesDeliveryLog]
        public sealed partial class JsonLog;

        [FanOutDeliveryLog(typeof(JsonLog), typeof(LoggerDeliveryLogSink))]
        public sealed partial class BothLogs;
        """;
}
