namespace Adcp.Aot.Json;

/// <summary>Converts AdCP's enums to and from their wire names.</summary>
public static class WireNames
{
    private static readonly string[] TaskTypes =
    [
        "create_media_buy",
        "update_media_buy",
        "buy_products",
        "accept_proposal",
        "control_media_buy",
        "media_buy_delivery",
        "sync_creatives",
        "build_creative",
        "preview_creative",
        "activate_signal",
        "get_products",
        "request_proposals",
        "refine_proposals",
        "decline_proposals",
        "get_signals",
        "create_property_list",
        "update_property_list",
        "get_property_list",
        "list_property_lists",
        "delete_property_list",
        "sync_accounts",
        "get_account_financials",
        "get_creative_delivery",
        "sync_event_sources",
        "sync_audiences",
        "sync_catalogs",
        "log_event",
        "get_brand_identity",
        "search_brands",
        "get_rights",
        "acquire_rights",
        "update_rights",
        "sync_agent_notification_configs",
        "get_creative_features",
        "sync_principal",
        "get_principal",
        "sync_reporting_status",
        "sync_reporting_receipts",
    ];

    private static readonly AdcpVersion[] TaskTypeSince =
    [
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V31,
        AdcpVersion.V30,
        AdcpVersion.V31,
        AdcpVersion.V32,
        AdcpVersion.V30,
        AdcpVersion.V31,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V31,
        AdcpVersion.V30,
        AdcpVersion.V30,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
        AdcpVersion.V32,
    ];

    private static readonly string[] Statuses =
        ["submitted", "working", "input-required", "completed", "canceled", "failed", "rejected", "auth-required", "unknown"];

    private static readonly string[] Protocols =
        ["media-buy", "signals", "governance", "creative", "brand", "sponsored-intelligence", "measurement"];

    /// <summary>Returns the wire name of a task type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a task type.</exception>
    public static string ToWire(this TaskType taskType) => Name(TaskTypes, (int)taskType, nameof(taskType));

    /// <summary>Returns the wire name of a status.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public static string ToWire(this AdcpTaskStatus status) => Name(Statuses, (int)status, nameof(status));

    /// <summary>Returns the wire name of a protocol.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a protocol.</exception>
    public static string ToWire(this AdcpProtocol protocol) => Name(Protocols, (int)protocol, nameof(protocol));

    /// <summary>
    /// Returns whether a task webhook may report on this task type in this AdCP version: 20 types in 3.0, 24 in 3.1, 38
    /// in 3.2.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a task type.</exception>
    public static bool IsEligible(this TaskType taskType, AdcpVersion version)
    {
        _ = taskType.ToWire();
        return TaskTypeSince[(int)taskType] <= version;
    }

    /// <summary>Returns whether the status is final: completed, failed, canceled or rejected.</summary>
    public static bool IsTerminal(this AdcpTaskStatus status) =>
        status is AdcpTaskStatus.Completed or AdcpTaskStatus.Failed or AdcpTaskStatus.Canceled or AdcpTaskStatus.Rejected;

    /// <summary>Reads a task type's wire name.</summary>
    /// <param name="wire">The wire name.</param>
    /// <param name="taskType">The task type.</param>
    public static bool TryParse(string? wire, out TaskType taskType)
    {
        int index = Array.IndexOf(TaskTypes, wire);
        taskType = (TaskType)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>Reads a status's wire name.</summary>
    /// <param name="wire">The wire name.</param>
    /// <param name="status">The status.</param>
    public static bool TryParse(string? wire, out AdcpTaskStatus status)
    {
        int index = Array.IndexOf(Statuses, wire);
        status = (AdcpTaskStatus)Math.Max(index, 0);
        return index >= 0;
    }

    private static string Name(string[] names, int value, string paramName) => (uint)value < (uint)names.Length
        ? names[value]
        : throw new ArgumentOutOfRangeException(paramName, value, "Must be a defined value of the enum.");
}
