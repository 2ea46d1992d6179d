using Adcp.Aot.Platform;
using Microsoft.Extensions.DependencyInjection;

namespace Adcp.Aot.Hosting;

/// <summary>Completes a seller that <c>AddAdcpSeller</c> registered.</summary>
public sealed class AdcpSellerBuilder
{
    private readonly SellerRegistration _registration;

    internal AdcpSellerBuilder(IServiceCollection services, string name, SellerRegistration registration)
    {
        Services = services;
        Name = name;
        _registration = registration;
    }

    /// <summary>Gets the application's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Gets the seller's name, the key of its services; empty for the default seller.</summary>
    public string Name { get; }

    /// <summary>Changes the options that settings do not have, such as the limits.</summary>
    /// <param name="configure">Returns the changed options.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpSellerBuilder Configure(Func<IServiceProvider, PlatformOptions, PlatformOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _registration.Steps.Add(configure);
        return this;
    }

    /// <summary>
    /// Continues, when the host has started, the tasks that were open when the last process ended, by
    /// <see cref="TaskHandOff.Run"/>. The services are of a scope that ends with the call.
    /// </summary>
    /// <param name="resume">Finds the tasks and continues them.</param>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public AdcpSellerBuilder ResumeBy(Func<IServiceProvider, TaskHandOff, CancellationToken, ValueTask> resume)
    {
        ArgumentNullException.ThrowIfNull(resume);
        _registration.Resume.Add(resume);
        return this;
    }
}
