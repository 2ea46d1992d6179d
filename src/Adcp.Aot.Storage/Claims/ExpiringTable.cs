using System.Data.Common;
using System.Transactions;

namespace Adcp.Aot.Storage;

/// <summary>
/// A table of rows that expire: creation, check, count and purge. Rows are deleted by the host's purge service, and a
/// few by every <see cref="AddsForEachPurge"/>th row that this process adds, so that the table stays bounded without
/// the service too. Thread-safe.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="table">The table's name.</param>
/// <param name="definition">The statements that create it.</param>
/// <param name="key">The columns of its key.</param>
/// <param name="columns">Its columns.</param>
/// <param name="purge">The statement that deletes up to <c>@limit</c> expired rows.</param>
internal sealed class ExpiringTable(
    StoreDatabase database, string table, string[] definition, string[] key, string columns, string purge)
{
    /// <summary>The maximum number of rows per purge. It keeps the time short for which a purge holds locks.</summary>
    internal const int PurgeBatchSize = 500;

    /// <summary>
    /// The number of added rows after which this process purges. It is less than a purge deletes, so the table cannot
    /// grow faster than it is purged.
    /// </summary>
    internal const int AddsForEachPurge = 64;

    private int _added;

    /// <summary>Creates table and indexes if they are absent.</summary>
    internal ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken) =>
        database.CreateIfAbsentAsync(table, definition, key, cancellationToken);

    /// <summary>Checks the table and its columns. Reads no row.</summary>
    /// <exception cref="InvalidOperationException">The table is missing or lacks a column.</exception>
    internal async ValueTask CheckAsync(CancellationToken cancellationToken)
    {
        using TransactionScope? outside = Outside();
        SqlSchema schema = new(database.Dialect, table, new SqlMigration(definition));
        try
        {
            await schema.RequireAsync(database.Source, $"SELECT {columns} FROM {table} WHERE 1 = 0", cancellationToken)
                .ConfigureAwait(false);
        }
        catch (InvalidOperationException fault) when (fault.InnerException is DbException refusal)
        {
            throw new InvalidOperationException(
                $"Table '{table}' is missing or lacks a column. Call CreateIfAbsentAsync when the application starts. {refusal.Message}",
                refusal);
        }
    }

    /// <summary>Opens a statement.</summary>
    internal ValueTask<StoreCommand> OpenAsync(string sql, CancellationToken cancellationToken) =>
        database.OpenAsync(sql, cancellationToken);

    /// <summary>Deletes a batch of expired rows.</summary>
    /// <returns>The number of deleted rows.</returns>
    internal async ValueTask<int> PurgeAsync(CancellationToken cancellationToken)
    {
        using TransactionScope? outside = Outside();
        StoreCommand command = await database.OpenAsync(purge, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            command.Bind("@limit", PurgeBatchSize);
            return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Counts a row that this process added, and purges if it is time. If the purge fails, the row stays and the next
    /// purge deletes the rest.
    /// </summary>
    internal async ValueTask AddedAsync(CancellationToken cancellationToken)
    {
        if ((uint)Interlocked.Increment(ref _added) % AddsForEachPurge != 0)
        {
            return;
        }

        try
        {
            await PurgeAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The next purge deletes what this one left.
        }
    }

    /// <summary>
    /// Leaves the caller's ambient transaction: a row counts when the call that wrote it returns, even if that
    /// transaction rolls back.
    /// </summary>
    /// <returns><c>null</c> if there is none.</returns>
    internal static TransactionScope? Outside() => Transaction.Current is null ? null : SqlConnections.OutsideTransaction();
}
