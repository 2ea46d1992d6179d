namespace Adcp.Aot.Platform;

/// <summary>
/// The seed's entrance: one call from a platform to a wired, validated seller. <c>Serve</c> is added by
/// Adcp.Aot.AspNetCore.
/// </summary>
public sealed class AdcpServer
{
    // A static class could not be extended by Serve.
    private AdcpServer()
    {
    }

    /// <summary>Wires and validates a seller.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="options">What is promised and spoken.</param>
    /// <param name="sender">Makes single attempts; ignored where there is a supervisor.</param>
    /// <param name="supervisor">Delivers.</param>
    /// <exception cref="PlatformBootException">Promises and wiring do not fit: every gap at once.</exception>
    public static PlatformHandler CreateFromPlatform(
        IAdcpPlatform platform, PlatformOptions options, IWebhookSender? sender = null, IWebhookDeliverySupervisor? supervisor = null) =>
        new(platform, options, sender, supervisor);
}
