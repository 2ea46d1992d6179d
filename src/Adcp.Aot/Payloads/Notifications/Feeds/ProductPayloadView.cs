namespace Adcp.Aot.Payloads.Notifications;

/// <summary>Which form of a product a feed event carries.</summary>
public enum ProductPayloadView
{
    /// <summary><c>canonical</c></summary>
    Canonical = 0,

    /// <summary><c>legacy</c></summary>
    Legacy = 1,
}
