using System.Data.Common;
using System.Transactions;

namespace Adcp.Aot.Storage;

/// <summary>
/// The connection that a reader, a settler or the renewals keep. It is opened when it is first used, dropped after a fault, and opened
/// again by the next call.
/// </summary>
internal sealed class PostgreSqlOutboxConnection(StoreDatabase database) : IAsyncDisposable
{
    private DbConnection? _connection;

    /// <summary>Runs work on the connection, outside of the caller's ambient transaction. For one call at a time.</summary>
    internal async ValueTask<T> RunAsync<T>(
        Func<DbConnection, CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken)
    {
        using TransactionScope? outside = ExpiringTable.Outside();
        DbConnection connection = _connection ??=
            await database.Source.OpenLiveAsync(SqlDialect.PostgreSql, cancellationToken).ConfigureAwait(false);
        try
        {
            return await work(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // A transaction may be open on it, or aborted.
            _connection = null;
            await ReleaseAsync(connection, fault).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Runs work that may be repeated on the connection, and again on another if it was lost. Thread-safe: while a call uses the
    /// connection, others take one of the pool.
    /// </summary>
    internal ValueTask<T> RepeatableAsync<T>(
        Func<DbConnection, CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken) =>
        OnceAsync(database, mayRepeat: true, work, cancellationToken, keeper: this);

    /// <summary>
    /// Runs work on a connection of its own, and again on another if the connection was lost and the work may be repeated.
    /// </summary>
    internal static async ValueTask<T> OnceAsync<T>(
        StoreDatabase database, bool mayRepeat, Func<DbConnection, CancellationToken, ValueTask<T>> work,
        CancellationToken cancellationToken, PostgreSqlOutboxConnection? keeper = null)
    {
        using TransactionScope? outside = ExpiringTable.Outside();
        for (int lost = 0; ; lost++)
        {
            // Work that may be repeated shows itself whether the connection lives.
            DbConnection connection = mayRepeat
                ? keeper?.Take() ?? await database.Source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false)
                : await database.Source.OpenLiveAsync(SqlDialect.PostgreSql, cancellationToken).ConfigureAwait(false);
            T result;
            try
            {
                result = await work(connection, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault)
            {
                bool again = mayRepeat && lost < SqlConnections.MaxReopened && fault is not OperationCanceledException
                    && SqlFaults.IsLost(fault, connection);
                await ReleaseAsync(connection, fault).ConfigureAwait(false);
                if (again)
                {
                    continue;
                }

                throw;
            }

            if (keeper is null || !keeper.TryKeep(connection))
            {
                await SqlConnections.DropAsync(connection).ConfigureAwait(false);
            }

            return result;
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    /// <summary>Closes the connection unless a call uses it. The next call opens another one.</summary>
    internal async ValueTask CloseAsync()
    {
        if (Take() is { } connection)
        {
            await SqlConnections.DropAsync(connection).ConfigureAwait(false);
        }
    }

    private DbConnection? Take() => Interlocked.Exchange(ref _connection, null);

    private bool TryKeep(DbConnection connection) => Interlocked.CompareExchange(ref _connection, connection, null) is null;

    /// <summary>Closes a connection. If its server only reads, the pool must not hand it out again.</summary>
    private static ValueTask ReleaseAsync(DbConnection connection, Exception fault) => SqlFaults.IsDemoted(fault)
        ? SqlConnections.RetireAsync(connection, SqlDialect.PostgreSql)
        : SqlConnections.DropAsync(connection);
}
