using Adcp.Aot.Telemetry;

namespace Adcp.Aot.Auditing;

/// <summary>
/// Makes a partial class a delivery-log sink that writes structured entries to an <c>ILogger</c>: successes at
/// Information, everything else at Warning. Each kept field is a property of the entry under its name in snake_case,
/// left out if null; <c>[DeliveryLogColumn]</c> renames, cuts, hides and adds, <c>[DeliveryLogIgnore]</c> leaves out.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class LoggerDeliveryLogAttribute : Attribute
{
    /// <summary>
    /// Set it to keep only fields that have a <c>[DeliveryLogColumn]</c>. Default false: all fields are kept.
    /// </summary>
    public bool OnlyMapped { get; set; }

    /// <summary>The event id of the entries. Default 300, that of <see cref="LoggerDeliveryLogSink"/>.</summary>
    public int EventId { get; set; } = AdcpEventIds.Attempted;
}
