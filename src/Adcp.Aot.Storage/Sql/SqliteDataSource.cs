using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>
/// Opens a SQLite file with the settings that stores and sinks need: write-ahead log, full synchronisation, short waits
/// for a lock, and files that only their owner can read. Thread-safe.
/// </summary>
/// <remarks>
/// The file is created with mode 0600 on Unix before SQLite opens it. SQLite gives its <c>-wal</c> and <c>-shm</c>
/// files the same mode. A file that exists keeps its mode. Put it on a local disk: network file systems have no shared
/// memory for the log.
/// </remarks>
public sealed class SqliteDataSource : DbDataSource
{
    /// <summary>
    /// The time that SQLite itself waits, in steps that begin with 1 ms. After that the driver polls every 150 ms.
    /// </summary>
    private const int BusyMilliseconds = 100;

    private static readonly string EachConnection =
        string.Create(CultureInfo.InvariantCulture, $"PRAGMA busy_timeout = {BusyMilliseconds}; PRAGMA synchronous = FULL");

    private readonly DbProviderFactory _factory;

    private SqliteDataSource(DbProviderFactory factory, string connectionString)
    {
        _factory = factory;
        ConnectionString = connectionString;
    }

    /// <inheritdoc/>
    public override string ConnectionString { get; }

    /// <summary>Opens a file, creates it if absent, and switches it to a write-ahead log.</summary>
    /// <param name="factory">The driver: <c>SqliteFactory.Instance</c> of Microsoft.Data.Sqlite.</param>
    /// <param name="path">
    /// The file's path. Its folder must exist. <c>:memory:</c> is refused, because each connection would have its own
    /// database, and so is a <c>file:</c> URI.
    /// </param>
    /// <returns>A source whose connections share the file. Dispose it at the end.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="factory"/> or <paramref name="path"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="path"/> is empty, <c>:memory:</c> or a URI.</exception>
    /// <exception cref="IOException">The file cannot be created, or its file system allows no write-ahead log.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be created.</exception>
    /// <exception cref="DbException">The file is no database, or cannot be opened.</exception>
    public static SqliteDataSource Create(DbProviderFactory factory, string path)
    {
        ArgumentNullException.ThrowIfNull(factory);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path.StartsWith(':') || path.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException(
                "A SQLite data source needs the path of a file: each connection would have a ':memory:' database for itself.",
                nameof(path));
        }

        CreatePrivate(path);
        SqliteDataSource source = new(factory, new DbConnectionStringBuilder { ["Data Source"] = path }.ConnectionString);
        using DbConnection connection = source.OpenConnection();
        using DbCommand wal = connection.CreateCommand();
        wal.CommandText = "PRAGMA journal_mode = WAL";
        return wal.ExecuteScalar() is "wal"
            ? source
            : throw new IOException(
                $"SQLite cannot keep a write-ahead log beside '{path}'. Put the file on a local disk whose folder is writable.");
    }

    /// <inheritdoc/>
    protected override DbConnection CreateDbConnection()
    {
        DbConnection connection =
            _factory.CreateConnection() ?? throw new InvalidOperationException("The driver's factory creates no connections.");
        connection.ConnectionString = ConnectionString;
        return connection;
    }

    /// <inheritdoc/>
    protected override DbConnection OpenDbConnection()
    {
        DbConnection connection = CreateDbConnection();
        try
        {
            connection.Open();
            using DbCommand command = connection.CreateCommand();
            command.CommandText = EachConnection;
            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override async ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default)
    {
        DbConnection connection = CreateDbConnection();
        try
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            DbCommand command = connection.CreateCommand();
            await using (command.ConfigureAwait(false))
            {
                command.CommandText = EachConnection;
                await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Creates the file with its mode at once, so that others can never read it.</summary>
    private static void CreatePrivate(string path)
    {
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            using FileStream created = new(path, options);
        }
        catch (IOException) when (File.Exists(path))
        {
            // The file exists already: it keeps its mode.
        }
    }
}
