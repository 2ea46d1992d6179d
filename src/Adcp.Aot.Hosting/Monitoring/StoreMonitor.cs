using System.Data.Common;
using Adcp.Aot.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>Reads whether a database can be reached, for the health check of an instance without an outbox or of a receiver.</summary>
/// <param name="services">The container.</param>
/// <param name="owner">The words for the owner of the database, for the log.</param>
/// <param name="find">Finds the database; <see langword="null"/> if nothing is kept in one.</param>
internal sealed partial class StoreMonitor(IServiceProvider services, string owner, Func<IServiceProvider, StoreSource?> find)
    : DatabaseMonitor(services)
{
    private readonly Lazy<StoreSource?> _source = new(() => find(services));

    /// <summary>Registers a monitor under a key.</summary>
    internal static void Add(IServiceCollection services, string key, string owner, Func<IServiceProvider, StoreSource?> find)
    {
        services.AddKeyedSingleton(key, (provider, _) => new StoreMonitor(provider, owner, find));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<StoreMonitor>(key));
    }

    /// <summary>Gets whether nothing is kept in a database.</summary>
    internal bool HasNoDatabase => _source.Value is null;

    protected override bool HasDatabase() => !HasNoDatabase;

    protected override bool IsNeeded() => true;

    protected override async ValueTask ReadAsync(CancellationToken cancellationToken)
    {
        StoreSource source = _source.Value!;
        DbConnection connection = await source.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            DbCommand command = connection.CreateCommand();
            await using (command.ConfigureAwait(false))
            {
                // SQLite opens its file with the first statement that reads it.
                command.CommandText = source.Dialect == SqlDialect.Sqlite ? "SELECT count(*) FROM sqlite_schema" : "SELECT 1";
                await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    protected override void LogFault(Exception fault) => LogUnreadable(Logger, fault, owner);

    [LoggerMessage(HostingEventIds.StoreUnreadable, LogLevel.Warning,
        "The database of {Owner} cannot be read. Check it. This line is written once until it can be read again.")]
    private static partial void LogUnreadable(ILogger logger, Exception fault, string owner);
}
