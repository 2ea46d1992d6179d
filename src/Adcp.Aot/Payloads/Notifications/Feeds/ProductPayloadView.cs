namespace Adcp.Aot.Payloads.Notifications;

/// <summary>The form of a product in a feed event.</summary>
public enum ProductPayloadView
{
    /// <summary><c>canonical</c></summary>
    Canonical = 0,

    /// <summary><c>legacy</c></summary>
    Legacy = 1,
}
