using System.Data.Common;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Adcp.Aot.Hosting;

/// <summary>The parts of a container that settings refer to: files, connection strings and the database.</summary>
/// <param name="ContentRoot">The folder in which relative paths of files begin.</param>
/// <param name="Configuration">The configuration; <see langword="null"/> if the container has none.</param>
/// <param name="HasDatabase">Whether the container has a <see cref="DbDataSource"/> for the instance.</param>
internal sealed record SettingsSource(string ContentRoot, IConfiguration? Configuration, bool HasDatabase)
{
    /// <summary>Returns the source of an instance's settings.</summary>
    internal static SettingsSource Of(IServiceProvider services, string name) => new(
        services.GetService<IHostEnvironment>()?.ContentRootPath ?? AppContext.BaseDirectory,
        services.GetService<IConfiguration>(),
        services.GetService<IServiceProviderIsService>()?.IsService(typeof(DbDataSource)) == true
            || (name.Length > 0
                && services.GetService<IServiceProviderIsKeyedService>()?.IsKeyedService(typeof(DbDataSource), name) == true));

    /// <summary>Returns the connection string of a database; <see langword="null"/> if there is none.</summary>
    internal string? ConnectionOf(DatabaseSettings database) => Configuration?.GetConnectionString(database.ConnectionName);

    /// <summary>Finds the faults of the way to a database.</summary>
    internal void Check(DatabaseSettings database, DatabaseOpening? opening, SettingFaults faults)
    {
        if (string.IsNullOrEmpty(database.ConnectionName))
        {
            faults.Add("Database:ConnectionName", "must not be empty. The default is adcp.");
        }
        else if (opening is { NeedsConnection: true } && string.IsNullOrEmpty(ConnectionOf(database)))
        {
            faults.All.Add(
                $"ConnectionStrings:{database.ConnectionName}: missing. Set the connection string of the database, or name another one in "
                + $"{faults.PathOf("Database:ConnectionName")}.");
        }
        else if (opening is null && !HasDatabase)
        {
            faults.Add("Database",
                "missing. Register a DbDataSource, such as by AddNpgsqlDataSource, or open a database in UseDatabase.");
        }
    }

    /// <summary>Opens the database of an instance, or takes that of the container.</summary>
    /// <param name="services">The container.</param>
    /// <param name="name">The name of the instance.</param>
    /// <param name="database">The settings, which have a dialect.</param>
    /// <param name="opening">The function that opens it; <see langword="null"/> for that of the container.</param>
    /// <param name="owned">The database, if it was opened here.</param>
    internal StoreSource Open(
        IServiceProvider services, string name, DatabaseSettings database, DatabaseOpening? opening, out DbDataSource? owned)
    {
        owned = opening is null
            ? null
            : opening.Open(services, ConnectionOf(database))
                ?? throw new InvalidOperationException("The function of UseDatabase returned null.");
        return new StoreSource(
            owned ?? (name.Length > 0 ? services.GetKeyedService<DbDataSource>(name) : null) ?? services.GetRequiredService<DbDataSource>(),
            database.Dialect!.Value);
    }
}

/// <summary>The way in which an application opens a database.</summary>
/// <param name="Open">Opens it by its connection string, which is not null if it is needed.</param>
/// <param name="NeedsConnection">Whether it needs a connection string.</param>
internal sealed record DatabaseOpening(Func<IServiceProvider, string?, DbDataSource> Open, bool NeedsConnection);

/// <summary>A database and its SQL.</summary>
internal sealed record StoreSource(DbDataSource Source, Storage.SqlDialect Dialect);
