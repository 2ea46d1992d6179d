using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>The AdCP protocol to which each task type belongs.</summary>
internal static class TaskProtocols
{
    /// <summary>Returns the protocol of a task type.</summary>
    internal static AdcpProtocol Of(TaskType type)
    {
        string name = type.ToWire();
        return name.Contains("property_list", StringComparison.Ordinal) ? AdcpProtocol.Governance
            : name.Contains("signal", StringComparison.Ordinal) ? AdcpProtocol.Signals
            : name.Contains("creative", StringComparison.Ordinal) ? AdcpProtocol.Creative
            : name.Contains("rights", StringComparison.Ordinal) || name.Contains("brand", StringComparison.Ordinal) ? AdcpProtocol.Brand
            : AdcpProtocol.MediaBuy;
    }

    /// <summary>Returns the <c>domain</c> of <c>list_tasks</c>, which knows three. Tasks of other protocols are media-buy's.</summary>
    internal static string DomainOf(TaskType type) =>
        (Of(type) is AdcpProtocol.Signals or AdcpProtocol.Creative ? Of(type) : AdcpProtocol.MediaBuy).ToWire();
}
