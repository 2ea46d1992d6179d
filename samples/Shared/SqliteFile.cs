using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Samples;

/// <summary>A SQLite file with a write-ahead log.</summary>
internal static class SqliteFile
{
    public static async Task<DbDataSource> OpenAsync(string path)
    {
        // SQLite would create the file with the umask's mode; what it holds is its owners' business. Its -wal and -shm files take the mode of this one.
        if (!File.Exists(path))
        {
            await using FileStream created = PrivateFile.Create(path);
        }

        DbDataSource source = SqliteFactory.Instance.CreateDataSource(new SqliteConnectionStringBuilder { DataSource = path }.ConnectionString);
        await using DbCommand wal = source.CreateCommand("PRAGMA journal_mode = WAL");
        await wal.ExecuteNonQueryAsync();
        return source;
    }
}
