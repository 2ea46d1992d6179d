using System.Collections.Concurrent;
using System.Data.Common;
using System.Runtime.CompilerServices;

namespace Adcp.Aot.Storage;

/// <summary>Opens the connections of an outbox on SQLite, and judges those of its callers. Thread-safe.</summary>
internal sealed class SqliteOutboxDatabase(StoreDatabase database, OutboxTables tables, Action<string>? warn, Version minimum)
{
    /// <summary>Before this version a log that is reset while it is checkpointed can damage the file.</summary>
    internal static readonly Version Minimum = new(3, 51, 3);

    private const int FullSynchronous = 2;
    private const int JournalBytes = 64 << 20;

    /// <summary>SQLite's own waiting, in steps that begin with 1 ms. Beyond it the driver polls each 150 ms, up to a second.</summary>
    private const int BusyMilliseconds = 1000;

    private static readonly string[] DurableJournals = ["wal", "delete", "truncate", "persist"];

    private readonly SqlSchema _schema = SqliteOutboxSchema.Create(tables);
    private readonly ConditionalWeakTable<DbConnection, object> _judged = [];
    private readonly ConcurrentDictionary<string, bool> _reported = new(StringComparer.Ordinal);
    private bool _isCurrent;

    internal OutboxTables Tables => tables;

    internal SqlSchema Schema => _schema;

    internal DbDataSource Source => database.Source;

    /// <summary>
    /// Gets the path of the file once a connection was open, as SQLite knows it; empty if there is none. <see langword="null"/> before.
    /// </summary>
    internal string? FilePath { get; private set; }

    /// <exception cref="InvalidOperationException">The library is too old.</exception>
    internal void CheckLibrary()
    {
        if (!_isCurrent)
        {
            OpenReader().Close();
        }
    }

    /// <summary>Refuses missing columns and a newer schema.</summary>
    internal async ValueTask RequireColumnsAsync(CancellationToken cancellationToken)
    {
        await _schema.RequireKnownVersionAsync(Source, cancellationToken).ConfigureAwait(false);
        try
        {
            await _schema.RequireAsync(Source, SqliteOutboxSchema.Columns(tables), cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidOperationException fault)
        {
            throw new InvalidOperationException(
                $"The tables '{tables.Prefix}*' of the outbox are missing or lack a column. Create them with CreateIfAbsentAsync. "
                + fault.Message,
                fault);
        }
    }

    /// <summary>Opens a connection that only reads.</summary>
    internal SqliteOutboxSession OpenReader() => Open(static _ => { });

    /// <summary>Opens the writer's connection: it checkpoints by itself, and its commits survive a loss of power.</summary>
    internal SqliteOutboxSession OpenWriter() => Open(session =>
    {
        RequireLog(session);
        session.Execute($"PRAGMA busy_timeout = {BusyMilliseconds}");
        session.Execute("PRAGMA synchronous = FULL");
        session.Execute("PRAGMA wal_autocheckpoint = 0");
        session.Execute($"PRAGMA journal_size_limit = {JournalBytes}");
    });

    /// <summary>Closes the writer's connection. Its pool may give it to others, whose commits have to checkpoint.</summary>
    internal static void CloseWriter(SqliteOutboxSession session)
    {
        try
        {
            session.Execute("PRAGMA wal_autocheckpoint = 1000");
        }
        catch (Exception fault) when (fault is DbException or InvalidOperationException)
        {
            // The connection is broken and is not used again.
        }

        session.Close();
    }

    /// <summary>Opens a connection whose commits survive a loss of power.</summary>
    internal DbConnection OpenFull()
    {
        using SqliteOutboxSession session = Open(static session => session.Execute("PRAGMA synchronous = FULL"));
        _judged.TryAdd(session.Connection, _judged);
        return session.Connection;
    }

    /// <summary>Uses the connection of a caller's transaction. Disposing the session leaves it open.</summary>
    /// <exception cref="ArgumentException">The transaction is completed.</exception>
    internal SqliteOutboxSession Join(DbTransaction transaction, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SqliteOutboxSession session = new(database, ConnectionOf(transaction), transaction);
        if (warn is not null && _judged.TryAdd(session.Connection, _judged))
        {
            Judge(session, warn);
        }

        return session;
    }

    /// <exception cref="ArgumentException">The transaction is completed, or on another database.</exception>
    internal void RequireSame(DbTransaction transaction)
    {
        DbConnection connection = ConnectionOf(transaction);
        CheckLibrary();

        // Of an open connection the driver says the path that SQLite uses: absolute and without links.
        StringComparison comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        if (!string.Equals(connection.DataSource, FilePath, comparison))
        {
            throw new ArgumentException(
                $"The transaction is on '{connection.DataSource}', and the outbox in '{FilePath}': they cannot commit together. "
                + "Use a connection to the outbox's database.",
                nameof(transaction));
        }
    }

    private static DbConnection ConnectionOf(DbTransaction transaction) =>
        transaction.Connection ?? throw new ArgumentException(
            "The transaction is completed. Enqueue before it is committed or rolled back.", nameof(transaction));

    /// <summary>
    /// Reports each unsafe setting once. A connection is asked when it first enqueues. A setting that it changes later is not seen.
    /// </summary>
    private void Judge(SqliteOutboxSession session, Action<string> warn)
    {
        string journal = (string)session.Scalar("PRAGMA journal_mode")!;
        long synchronous = session.Number("PRAGMA synchronous");
        if (synchronous < FullSynchronous || !DurableJournals.Contains(journal, StringComparer.OrdinalIgnoreCase))
        {
            string warning =
                $"A transaction that enqueues webhooks runs on a SQLite connection with synchronous = {synchronous} and journal_mode = "
                + $"{journal}: a loss of power can undo its commit. Run \"PRAGMA synchronous = FULL\" on such connections and keep "
                + "journal_mode at WAL, as SqliteDataSource does.";
            if (_reported.TryAdd(warning, true))
            {
                warn(warning);
            }
        }
    }

    private static void RequireLog(SqliteOutboxSession session)
    {
        if (session.Scalar("PRAGMA journal_mode") is not string mode || !mode.Equals("wal", StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidOperationException(
                "The outbox's SQLite database does not use a write-ahead log. Open it with SqliteDataSource, or run "
                + "\"PRAGMA journal_mode = WAL\".");
        }
    }

    private SqliteOutboxSession Open(Action<SqliteOutboxSession> configure)
    {
        SqliteOutboxSession session = new(database, Source.OpenConnection());
        try
        {
            if (!_isCurrent)
            {
                RequireVersion((string)session.Scalar("SELECT sqlite_version()")!);
                FilePath = session.Connection.DataSource;
                _isCurrent = true;
            }

            configure(session);
            return session;
        }
        catch
        {
            session.Close();
            throw;
        }
    }

    private void RequireVersion(string version)
    {
        if (Version.Parse(version) < minimum)
        {
            throw new InvalidOperationException(
                $"SQLite {version} can damage a database with a write-ahead log when it is written and checkpointed at once. "
                + $"Use version {minimum} or later: update the package SQLitePCLRaw that provides it, or the system's library.");
        }
    }
}
