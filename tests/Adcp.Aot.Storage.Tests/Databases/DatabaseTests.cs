namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>Runs the same tests on one database; derive once for each dialect.</summary>
public abstract class DatabaseTests(SqlDialect dialect) : IAsyncLifetime
{
    private TestDatabase? _database;

    private protected TestDatabase Database => _database!;

    public SqlDialect Dialect { get; } = dialect;

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync(Dialect);
        await PrepareAsync();
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    /// <summary>Prepares the database before each test.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;
}
