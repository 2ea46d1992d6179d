using Adcp.Aot.Auditing;
using Adcp.Aot.Storage;

namespace Seller;

/// <summary>
/// Keeps every attempt in a table whose reader serves <c>webhook_activity</c>. The stream names the owner of a row: one
/// media buy of one caller. Task webhooks have no stream.
/// </summary>
[SqlDeliveryLog("webhook_delivery_log", Dialect = SqlDialect.Sqlite, Principal = "media_buy")]
[DeliveryLogColumn("media_buy", nameof(MediaBuyOf))]
internal sealed partial class AuditLog
{
    /// <summary>
    /// Returns the stream of a media buy's reports. An id has no slash, so no two streams are the same.
    /// </summary>
    public static string StreamOf(string tenant, string mediaBuyId) => tenant + "/" + mediaBuyId;

    private static string MediaBuyOf(DeliveryAttempt attempt) => attempt.SequenceKey ?? "";
}
