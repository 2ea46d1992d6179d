using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>A source that prepares each connection after it was opened, as with settings of SQLite that belong to a connection.</summary>
internal sealed class PreparedSource(DbDataSource inner, Action<DbConnection> prepare) : DbDataSource
{
    public override string ConnectionString => inner.ConnectionString;

    protected override DbConnection CreateDbConnection() => inner.CreateConnection();

    protected override DbConnection OpenDbConnection() => Prepare(inner.OpenConnection());

    protected override async ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default) =>
        Prepare(await inner.OpenConnectionAsync(cancellationToken));

    private DbConnection Prepare(DbConnection connection)
    {
        try
        {
            prepare(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
