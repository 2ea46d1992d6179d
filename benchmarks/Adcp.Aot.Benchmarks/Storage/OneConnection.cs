using System.Data.Common;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>A source of nothing but one open connection, which its user keeps.</summary>
internal sealed class OneConnection(DbConnection connection) : DbDataSource
{
    public override string ConnectionString => connection.ConnectionString;

    protected override DbConnection CreateDbConnection() => connection;

    protected override ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(connection);
}
