using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;

namespace Adcp.Aot.Storage;

/// <summary>
/// Judges exceptions through System.Data.Common only. PostgreSQL and MySQL say an SQLSTATE; MySqlConnector puts the server's number into <see cref="Exception.Data"/>;
/// Microsoft.Data.Sqlite says its result code only in its message, which has read "SQLite Error 19: ..." in all its versions.
/// </summary>
internal static class SqlFaults
{
    private const string SqlitePrefix = "SQLite Error ";

    internal static SqlFault Of(Exception fault, DbConnection connection)
    {
        if (fault is not DbException database)
        {
            // What a value does that cannot be computed, converted or encoded. Whatever else a driver throws says nothing about the row.
            return fault is SqlRowException or ArgumentException or OverflowException or FormatException or InvalidCastException ? SqlFault.Row : SqlFault.InDoubt;
        }

        if (SqliteCode(database) is { } code)
        {
            return code switch
            {
                19 or 18 or 20 => SqlFault.Row, // CONSTRAINT, TOOBIG, MISMATCH
                5 or 6 or 10 or 13 or 14 => SqlFault.Unavailable, // BUSY, LOCKED, IOERR, FULL, CANTOPEN: an embedded engine rolls back, it cannot lose an answer
                _ => SqlFault.Permanent,
            };
        }

        if (database.Data["Server Error Code"] is int number)
        {
            switch (number)
            {
                case 1366 or 3819 or 4025: // a text the column's character set lacks; CHECK on MySQL and MariaDB
                    return SqlFault.Row;
                case 1205 or 1213 or 1021 or 1040 or 1041 or 1226: // lock timeout, deadlock, disk full, too many connections, out of memory, user's limit
                    return SqlFault.Unavailable;
                case 1053 or 1077 or 1079 or 1152 or 1927: // shutdown, aborted or killed connection
                    return SqlFault.InDoubt;
                default:
                    break;
            }
        }

        return database.SqlState is { Length: 5 } state ? OfState(state) ?? Broken(database, connection) : Broken(database, connection);
    }

    private static SqlFault? OfState(string state) => state[..2] switch
    {
        "22" or "23" or "44" or "45" or "P0" => SqlFault.Row, // data, integrity, check option, SIGNAL, RAISE
        "40" or "53" or "55" or "70" => SqlFault.Unavailable, // rolled back, out of resources, object in use, interrupted
        "08" or "57" or "58" => SqlFault.InDoubt, // connection, operator's intervention, system error
        "HY" => null, // MySQL's "none of the others"
        _ => SqlFault.Permanent,
    };

    private static SqlFault Broken(DbException fault, DbConnection connection) =>
        fault.IsTransient || connection.State != ConnectionState.Open || fault.InnerException is IOException or SocketException or TimeoutException
            ? SqlFault.InDoubt
            : SqlFault.Permanent;

    private static int? SqliteCode(DbException fault)
    {
        if (!fault.Message.StartsWith(SqlitePrefix, StringComparison.Ordinal))
        {
            return null;
        }

        ReadOnlySpan<char> rest = fault.Message.AsSpan(SqlitePrefix.Length);
        int colon = rest.IndexOf(':');
        return colon > 0 && int.TryParse(rest[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out int code) ? code : null;
    }
}
