using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>
/// Takes a database away and restores it: servers lose their network path, SQLite is locked by another connection.
/// </summary>
internal sealed class Outage : IAsyncDisposable
{
    private readonly CuttableRoad? _road;
    private readonly DbConnection? _locker;

    private Outage(DbDataSource source, CuttableRoad? road, DbConnection? locker)
    {
        Source = source;
        _road = road;
        _locker = locker;
    }

    /// <summary>The source of the sink under test.</summary>
    public DbDataSource Source { get; }

    public static async Task<Outage> OfAsync(TestDatabase database)
    {
        if (database.Dialect == SqlDialect.Sqlite)
        {
            return new Outage(database.Source, null, await database.Source.OpenConnectionAsync());
        }

        (DbDataSource source, CuttableRoad road) = database.Cuttable();
        return new Outage(source, road, null);
    }

    public async Task BeginAsync()
    {
        if (_road is not null)
        {
            await _road.CutAsync();
            return;
        }

        await RunAsync("BEGIN EXCLUSIVE");
    }

    public void End()
    {
        if (_road is not null)
        {
            _road.Lay();
            return;
        }

        RunAsync("ROLLBACK").GetAwaiter().GetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (_locker is not null)
        {
            await _locker.DisposeAsync();
            return;
        }

        await Source.DisposeAsync();
        await _road!.DisposeAsync();
    }

    private async Task RunAsync(string sql)
    {
        await using DbCommand command = _locker!.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
