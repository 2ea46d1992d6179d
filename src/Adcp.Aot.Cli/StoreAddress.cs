using System.Globalization;
using Npgsql;

namespace Adcp.Aot.Cli;

/// <summary>The database that a command line, a file or the environment names. Its text may hold a password and is never shown.</summary>
internal sealed class StoreAddress
{
    private const string SqlitePrefix = "sqlite:";
    private const string PostgreSqlPrefix = "postgres:";

    private StoreAddress(string? file, NpgsqlConnectionStringBuilder? postgreSql)
    {
        File = file;
        PostgreSql = postgreSql;
    }

    /// <summary>Gets the file of SQLite; <c>null</c> for PostgreSQL.</summary>
    internal string? File { get; }

    /// <summary>Gets the connection to PostgreSQL; <c>null</c> for SQLite.</summary>
    internal NpgsqlConnectionStringBuilder? PostgreSql { get; }

    /// <summary>Gets whether it names a file of SQLite that does not exist.</summary>
    internal bool IsAbsent => File is not null && !System.IO.File.Exists(File);

    /// <summary>Gets the database in words, without user and password.</summary>
    internal string Name => PostgreSql is { } server
        ? string.Create(CultureInfo.InvariantCulture, $"postgres {server.Database ?? "?"} at {server.Host ?? "?"}:{server.Port}")
        : $"sqlite {File}";

    /// <exception cref="CommandException">The text names no database, or others can read a password in it.</exception>
    internal static StoreAddress Parse(string text, string option, bool isOnCommandLine)
    {
        if (text.StartsWith(SqlitePrefix, StringComparison.Ordinal) && text.Length > SqlitePrefix.Length)
        {
            return new StoreAddress(text[SqlitePrefix.Length..], null);
        }

        if (!text.StartsWith(PostgreSqlPrefix, StringComparison.Ordinal))
        {
            throw new CommandException(ExitCode.Usage, $"{option}: a database is sqlite:FILE or postgres:CONNECTION.");
        }

        NpgsqlConnectionStringBuilder server;
        try
        {
            server = new NpgsqlConnectionStringBuilder(text[PostgreSqlPrefix.Length..]);
        }
        catch (ArgumentException)
        {
            // The exception's message repeats a part of the text, which may be one of a password.
            throw new CommandException(
                ExitCode.Usage,
                $"{option}: after 'postgres:' comes a connection string of Npgsql, such as Host=db;Username=adcp;Database=adcp.");
        }

        return isOnCommandLine && !string.IsNullOrEmpty(server.Password)
            ? throw new CommandException(
                ExitCode.Usage,
                $"{option}: other users of this machine can read a password on the command line. Put the text into a file for --store-file "
                + $"or into {StoreOptions.Variable}, or the password alone into PGPASSWORD or a file that PGPASSFILE names.")
            : new StoreAddress(null, server);
    }
}
