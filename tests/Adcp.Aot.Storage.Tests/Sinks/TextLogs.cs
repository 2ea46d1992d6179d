using Adcp.Aot.Auditing;

namespace Adcp.Aot.Storage.Tests.Sinks;

[JsonLinesDeliveryLog(OnlyMapped = true)]
[DeliveryLogColumn(AttemptField.IdempotencyKey, "key")]
[DeliveryLogColumn(AttemptField.HttpStatusCode, "status")]
[DeliveryLogColumn(AttemptField.ErrorMessage, "error")]
[DeliveryLogColumn(AttemptField.WillRetry)]
[DeliveryLogColumn("tenant", nameof(TenantOf))]
internal sealed partial class JsonLog
{
    public int NotComputed { get; private set; }

    private static string TenantOf(DeliveryAttempt attempt) =>
        attempt.SequenceKey == "broken" ? throw new InvalidOperationException("No such tenant.") : attempt.SequenceKey ?? "none";

    partial void OnNotComputed(DeliveryAttempt attempt, string column, Exception reason) => NotComputed++;
}

[LoggerDeliveryLog(OnlyMapped = true, EventId = 77)]
[DeliveryLogColumn(AttemptField.IdempotencyKey, "key")]
[DeliveryLogColumn(AttemptField.HttpStatusCode, "status")]
[DeliveryLogColumn(AttemptField.OperationId, "operation", Redaction = Redaction.Mask)]
internal sealed partial class LoggerLog;

[FanOutDeliveryLog(typeof(JsonLog), typeof(LoggerLog))]
internal sealed partial class BothLogs;
