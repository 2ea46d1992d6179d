using Adcp.Aot.Auditing;

#if PLAIN
namespace Adcp.Aot.Storage.Tests.Sinks.Plain;
#else
namespace Adcp.Aot.Storage.Tests.Sinks;
#endif

/// <summary>Every field of an attempt and its tenant, on any database.</summary>
[SqlDeliveryLog("webhook_delivery_log", Principal = "tenant_id", Subscriber = "subscriber_id")]
[DeliveryLogColumn("tenant_id", nameof(TenantOf))]
[DeliveryLogColumn("subscriber_id", nameof(SubscriberOf))]
internal sealed partial class AuditLog : ITestAuditLog
{
    public List<(string? Tenant, Exception Reason)> Rejected { get; } = [];

    private static string TenantOf(DeliveryAttempt attempt) => attempt.SequenceKey switch
    {
        "broken" => throw new TimeoutException("The directory of tenants does not answer."),
        null => null!,
        string tenant => tenant,
    };

    private static string? SubscriberOf(DeliveryAttempt attempt) => attempt.SequenceKey == "acme" ? "subscriber_1" : null;

    partial void OnRejected(DeliveryAttempt attempt, Exception reason) => Rejected.Add((attempt.SequenceKey, reason));
}
