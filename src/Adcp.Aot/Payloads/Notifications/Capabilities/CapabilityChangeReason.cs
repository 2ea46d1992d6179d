namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The reason why the capability document changed. The wire name is the member's in snake case.</summary>
public enum CapabilityChangeReason
{
    /// <summary><c>configuration_changed</c></summary>
    ConfigurationChanged = 0,

    /// <summary><c>deployment_changed</c></summary>
    DeploymentChanged = 1,

    /// <summary><c>capability_enabled</c></summary>
    CapabilityEnabled = 2,

    /// <summary><c>capability_disabled</c></summary>
    CapabilityDisabled = 3,

    /// <summary><c>protocol_versions_changed</c></summary>
    ProtocolVersionsChanged = 4,

    /// <summary><c>manual_refresh</c></summary>
    ManualRefresh = 5,

    /// <summary><c>other</c></summary>
    Other = 6,
}
