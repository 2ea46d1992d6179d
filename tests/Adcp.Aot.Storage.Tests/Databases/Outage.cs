using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>Takes a database away and gives it back: servers lose their road, SQLite is locked by somebody who does not let go.</summary>
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

    /// <summary>What the sink under test uses.</summary>
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
