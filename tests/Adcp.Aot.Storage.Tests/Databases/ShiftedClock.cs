using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>A database whose clock a test steps, for all connections of <see cref="Source"/>.</summary>
internal sealed class ShiftedClock : IAsyncDisposable
{
    private readonly TestDatabase _database;
    private double _days;

    private ShiftedClock(TestDatabase database)
    {
        _database = database;

        // A function of the schema hides the one of the system if pg_catalog is not the first to be searched.
        Source = database.Dialect == SqlDialect.Sqlite
            ? new PreparedSource(database.Source, connection => ((SqliteConnection)connection).CreateFunction(
                "julianday", (string _) => DateTime.UtcNow.ToOADate() + 2415018.5 + Volatile.Read(ref _days)))
            : NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString)
            {
                SearchPath = new NpgsqlConnectionStringBuilder(database.ConnectionString).SearchPath + ", pg_catalog",
            });
    }

    public DbDataSource Source { get; }

    public static async Task<ShiftedClock> OfAsync(TestDatabase database)
    {
        if (database.Dialect == SqlDialect.PostgreSql)
        {
            await database.ExecuteAsync("CREATE TABLE shift (by interval NOT NULL)");
            await database.ExecuteAsync("INSERT INTO shift VALUES ('0')");
            foreach (string clock in new[] { "clock_timestamp", "statement_timestamp" })
            {
                await database.ExecuteAsync(
                    $"CREATE FUNCTION {clock}() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT pg_catalog.{clock}() + by FROM shift'");
            }
        }

        return new ShiftedClock(database);
    }

    /// <summary>Steps the clock to a distance from the right time.</summary>
    public async Task StepAsync(TimeSpan shift)
    {
        Volatile.Write(ref _days, shift.TotalDays);
        if (_database.Dialect == SqlDialect.PostgreSql)
        {
            await _database.ExecuteAsync($"UPDATE shift SET by = make_interval(secs => {(long)shift.TotalSeconds})");
        }
    }

    public ValueTask DisposeAsync() => _database.Dialect == SqlDialect.Sqlite ? default : Source.DisposeAsync();
}
