using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Adcp.Aot.Auditing;
using Microsoft.Extensions.DependencyInjection;

namespace Adcp.Aot.Hosting;

/// <summary>Creates sinks by their constructor.</summary>
internal static class Sinks
{
    /// <summary>Creates a sink with the database for its parameters that take one, and with services for the others.</summary>
    internal static MadeSink Create<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        IServiceProvider services, StoreSource? database)
        where T : class, IDeliveryLogSink
    {
        if (services.GetService<T>() is { } registered)
        {
            return new MadeSink(registered, IsOwned: false);
        }

        ParameterInfo[] parameters = [.. typeof(T).GetConstructors().SelectMany(static constructor => constructor.GetParameters())];
        object[] given = database is null ? [] : [database.Source, database.Dialect];
        object[] fitting =
            [.. given.Where(value => Array.Exists(parameters, parameter => parameter.ParameterType.IsInstanceOfType(value)))];
        return new MadeSink(ActivatorUtilities.CreateInstance<T>(services, fitting), IsOwned: true);
    }
}
