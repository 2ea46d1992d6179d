using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;

namespace Seller;

/// <summary>
/// Every attempt, in a table whose reader serves <c>webhook_activity</c>: whose a row is says the stream, which is one
/// media buy of one caller. Task webhooks belong to no stream.
/// </summary>
[SqlDeliveryLog("webhook_delivery_log", Dialect = SqlDialect.Sqlite, Principal = "media_buy")]
[DeliveryLogColumn("media_buy", nameof(MediaBuyOf))]
internal sealed partial class AuditLog
{
    /// <summary>The stream of a media buy's reports. An id has no slash, so that no two read alike.</summary>
    public static string StreamOf(string tenant, string mediaBuyId) => tenant + "/" + mediaBuyId;

    private static string MediaBuyOf(DeliveryAttempt attempt) => attempt.SequenceKey ?? "";
}
