using Adcp.Aot.Platform;

namespace Adcp.Aot.Hosting;

/// <summary>A registered seller, for the endpoints that serve it. Immutable.</summary>
public sealed class AdcpSeller
{
    private readonly SellerRuntime _runtime;

    internal AdcpSeller(SellerRuntime runtime) => _runtime = runtime;

    /// <summary>Gets the handler of the calls.</summary>
    public PlatformHandler Handler => _runtime.Handler;

    /// <summary>Gets the options that the handler has.</summary>
    public PlatformOptions Options => _runtime.Options;

    /// <summary>Gets the settings of the endpoints.</summary>
    public SellerSettings Settings => _runtime.Settings;
}
