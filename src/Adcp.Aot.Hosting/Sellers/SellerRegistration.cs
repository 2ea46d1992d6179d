using Adcp.Aot.Platform;

namespace Adcp.Aot.Hosting;

/// <summary>The parts of a seller that the application gives in code.</summary>
internal sealed class SellerRegistration
{
    internal List<Func<IServiceProvider, PlatformOptions, PlatformOptions>> Steps { get; } = [];

    internal List<Func<IServiceProvider, TaskHandOff, CancellationToken, ValueTask>> Resume { get; } = [];
}
