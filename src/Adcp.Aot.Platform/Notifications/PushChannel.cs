namespace Adcp.Aot.Platform;

/// <summary>The channel on which a webhook was registered. It decides the envelope.</summary>
public enum PushChannel
{
    /// <summary>AdCP's <c>push_notification_config</c>: the MCP envelope.</summary>
    Adcp = 0,

    /// <summary>A2A's <c>taskPushNotificationConfig</c>: A2A's own envelope.</summary>
    A2A = 1,
}
