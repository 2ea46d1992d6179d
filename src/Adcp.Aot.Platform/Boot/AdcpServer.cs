namespace Adcp.Aot.Platform;

/// <summary>
/// Creates a wired and validated seller from a platform in one call. Adcp.Aot.AspNetCore adds <c>Serve</c>.
/// </summary>
public sealed class AdcpServer
{
    // Not a static class, so that Serve can be an extension of it.
    private AdcpServer()
    {
    }

    /// <summary>Wires and validates a seller.</summary>
    /// <param name="platform">The tools.</param>
    /// <param name="options">The seller's options.</param>
    /// <param name="sender">Makes single attempts; ignored if there is a supervisor.</param>
    /// <param name="supervisor">Delivers.</param>
    /// <exception cref="PlatformBootException">The wiring cannot keep the promises. Lists every gap.</exception>
    public static PlatformHandler CreateFromPlatform(
        IAdcpPlatform platform, PlatformOptions options, IWebhookSender? sender = null, IWebhookDeliverySupervisor? supervisor = null) =>
        new(platform, options, sender, supervisor);
}
