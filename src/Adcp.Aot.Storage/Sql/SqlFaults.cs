using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;

namespace Adcp.Aot.Storage;

/// <summary>
/// Classifies exceptions through System.Data.Common only. PostgreSQL and MySQL give an SQLSTATE. MySqlConnector puts
/// the server's number into <see cref="Exception.Data"/>. Microsoft.Data.Sqlite gives its result code only in its
/// message, which has read "SQLite Error 19: ..." in all its versions.
/// </summary>
internal static class SqlFaults
{
    private const string SqlitePrefix = "SQLite Error ";
    private const int SqliteError = 1;

    /// <summary>The low byte of an extended result code, such as 517 for a snapshot that is too old.</summary>
    private const int PrimaryCode = 0xFF;

    /// <summary>Returns the cause of a statement's failure.</summary>
    /// <param name="fault">The exception.</param>
    /// <param name="connection">The connection after the failure.</param>
    internal static SqlFault Of(Exception fault, DbConnection connection) => Of(fault, connection.State == ConnectionState.Open);

    /// <summary>Returns the cause of a failure to open a connection: refused permanently, or unavailable.</summary>
    internal static SqlFault OfOpening(Exception fault) => fault switch
    {
        DbException when Of(fault, isOpen: false) == SqlFault.Permanent => SqlFault.Permanent,
        DbException or IOException or TimeoutException or SocketException => SqlFault.Unavailable,
        _ => SqlFault.Permanent,
    };

    /// <summary>Returns whether the connection cannot be used again.</summary>
    internal static bool IsLost(Exception fault, DbConnection connection) =>
        connection.State != ConnectionState.Open || Of(fault, connection) == SqlFault.InDoubt
            || fault is DbException { SqlState: ['5', '7', 'P', ..] };

    /// <summary>Returns whether another connection of the same pool would answer the same, because its server reads only.</summary>
    internal static bool IsReadOnly(Exception fault) =>
        fault is DbException database && SqlFaultTable.IsReadOnly(database.SqlState, MySqlNumber(database));

    /// <summary>
    /// Returns whether a PostgreSQL server that was demoted refuses a write (25006), or the begin of a transaction that may write (0A000).
    /// Other statements are refused by 0A000 too, for reasons of their own.
    /// </summary>
    internal static bool IsDemoted(Exception fault) => IsReadOnly(fault) || fault is DbException { SqlState: "0A000" };

    /// <summary>Returns whether SQLite could not get a lock.</summary>
    internal static bool IsBusy(Exception fault) => fault is DbException database && SqliteCode(database) is 5 or 6;

    /// <summary>
    /// Returns whether PostgreSQL or MySQL waited for a lock for as long as the session allows, or ended a circle of such waits.
    /// </summary>
    internal static bool IsTableLocked(Exception fault) =>
        fault is DbException database && (database.SqlState is "55P03" or "40P01" || MySqlNumber(database) is 1205 or 1213);

    /// <summary>Returns whether MariaDB refused to change a row that was changed since the transaction read it. It rolled back.</summary>
    internal static bool IsChangedSinceRead(Exception fault) => fault is DbException database && MySqlNumber(database) == 1020;

    /// <summary>
    /// Returns whether a value is the cause: it cannot be converted, encoded or kept. A query for such a value finds no
    /// row.
    /// </summary>
    internal static bool IsValue(Exception fault) => fault is DbException database
        ? database.SqlState is ['2', '2', ..] || MySqlNumber(database) == 1366
        : fault is SqlRowException or ArgumentException or OverflowException or FormatException or InvalidCastException;

    internal static SqlFault Of(Exception fault, bool isOpen)
    {
        if (fault is not DbException database)
        {
            return IsValue(fault)
                ? SqlFault.Row
                : fault is OperationCanceledException ? SqlFault.InDoubt : OfTransport(fault, isOpen) ?? SqlFault.Unknown;
        }

        if (SqliteCode(database) is { } code)
        {
            return code == SqliteError ? OfSqliteText(database.Message) : SqlFaultTable.Sqlite.GetValueOrDefault(code, SqlFault.Row);
        }

        if (MySqlNumber(database) is { } number && SqlFaultTable.MySql.TryGetValue(number, out SqlFault known))
        {
            // If a driver gave up waiting, it knows the end of the statement only if the connection survived.
            return known == SqlFault.Slow && !isOpen ? SqlFault.InDoubt : known;
        }

        if (database.SqlState is { Length: 5 } state)
        {
            if (SqlFaultTable.States.TryGetValue(state, out known) || SqlFaultTable.States.TryGetValue(state[..2], out known))
            {
                // PostgreSQL keeps the connection when it refuses a row. PgBouncer calls the loss of its server a violation of the
                // protocol (08P01), and other poolers have codes of their own. MySQL closes it over a packet that is too large.
                return known == SqlFault.Row && !isOpen && MySqlNumber(database) is null ? SqlFault.InDoubt : known;
            }

            // The server refused the statement, unless the driver reports the loss of a connection under a general
            // name.
            return OfTransport(database, isOpen) ?? SqlFault.Row;
        }

        return OfTransport(database, isOpen) ?? (database.IsTransient ? SqlFault.InDoubt : SqlFault.Unknown);
    }

    /// <summary>
    /// Classifies SQLite's general error. Only a text about names or syntax is known to be about the table.
    /// </summary>
    private static SqlFault OfSqliteText(string message) =>
        message.Contains("no such ", StringComparison.Ordinal) || message.Contains("has no column", StringComparison.Ordinal)
            || message.Contains("syntax error", StringComparison.Ordinal)
            || message.Contains("cannot modify", StringComparison.Ordinal)
            ? SqlFault.Permanent
            : SqlFault.Row;

    /// <summary>
    /// Returns the cause if it is the connection; <c>null</c> if the connection is intact and no time-out passed.
    /// </summary>
    private static SqlFault? OfTransport(Exception fault, bool isOpen)
    {
        if (!isOpen)
        {
            return SqlFault.InDoubt;
        }

        for (Exception? inner = fault; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case TimeoutException:
                    // The driver gave up, cancelled the statement and kept the connection.
                    return SqlFault.Slow;
                case IOException or SocketException:
                    return SqlFault.InDoubt;
                default:
                    break;
            }
        }

        return null;
    }

    private static int? MySqlNumber(DbException fault) => fault.Data["Server Error Code"] is int number ? number : null;

    private static int? SqliteCode(DbException fault)
    {
        if (!fault.Message.StartsWith(SqlitePrefix, StringComparison.Ordinal))
        {
            return null;
        }

        ReadOnlySpan<char> rest = fault.Message.AsSpan(SqlitePrefix.Length);
        int colon = rest.IndexOf(':');
        return colon > 0 && int.TryParse(rest[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out int code)
            ? code & PrimaryCode
            : null;
    }
}
