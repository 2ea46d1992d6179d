using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;

/// <summary>A delivery log that the generator of the installed package completes.</summary>
[SqlDeliveryLog("webhook_delivery_log", Dialect = SqlDialect.Sqlite, Principal = "tenant_id")]
[DeliveryLogColumn("tenant_id", nameof(TenantOf))]
internal sealed partial class AuditLog
{
    private static string TenantOf(DeliveryAttempt attempt) => "acme";
}
