using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Storage;

/// <summary>Creates the store of a database.</summary>
internal static partial class OutboxStores
{
    /// <exception cref="NotSupportedException">
    /// The database is MySQL or MariaDB, or another one than SQLite is to follow the clock of the process.
    /// </exception>
    internal static OutboxStore Create(StoreDatabase database, SqlWebhookOutboxOptions options)
    {
        RequireSupported(database.Dialect);
        OutboxTables tables = new(options.TablePrefix);
        ILogger logger = GuardedLogger.Of(options.Logger);
        if (options.FollowsTimeProvider)
        {
            database = database.Dialect == SqlDialect.Sqlite
                ? new StoreDatabase(database.Source, database.Dialect, database.Time) { Clock = options.TimeProvider }
                : throw new NotSupportedException(
                    "Only an outbox on SQLite can follow the clock of the process (SqlWebhookOutboxOptions.FollowsTimeProvider). On "
                    + "PostgreSQL the server's clock decides: shorten the delays of a test instead.");
        }

        return database.Dialect == SqlDialect.Sqlite
            ? new SqliteOutboxStore(database, tables, warning => Warn(logger, warning), deadKept: options.DeadLetterRetention)
            : new PostgreSqlOutboxStore(
                database, tables, database.Time, warning => Warn(logger, warning), options.DeadLetterRetention);
    }

    /// <exception cref="NotSupportedException">The database is MySQL or MariaDB.</exception>
    internal static void RequireSupported(SqlDialect dialect)
    {
        if (dialect is not (SqlDialect.Sqlite or SqlDialect.PostgreSql))
        {
            throw new NotSupportedException(
                "The outbox runs on SQLite and PostgreSQL. MySQL and MariaDB have no way to find rows that were committed late: use one of "
                + "the other two for the outbox, or deliver in memory.");
        }
    }

    [LoggerMessage(StorageEventIds.OutboxNotDurable, LogLevel.Warning, "The outbox may lose committed webhooks: {Reason}")]
    private static partial void Warn(ILogger logger, string reason);
}
