using System.Collections.Frozen;

namespace Adcp.Aot.Storage;

/// <summary>
/// The codes whose cause is known. A code that is absent belongs to the rows (<see cref="SqlFault.Row"/>): halving
/// finds the row. If no row causes the fault, each row is rejected with its reason.
/// </summary>
internal static class SqlFaultTable
{
    /// <summary>
    /// Microsoft.Data.Sqlite's primary result codes. An embedded engine cannot lose an answer, so none of them is in
    /// doubt.
    /// </summary>
    internal static readonly FrozenDictionary<int, SqlFault> Sqlite = Build<int>(
        // INTERNAL, NOTFOUND, TOOBIG, CONSTRAINT, MISMATCH
        (SqlFault.Row, [2, 12, 18, 19, 20]),

        // INTERRUPT
        (SqlFault.Slow, [9]),

        // ABORT, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL, SCHEMA, NOLFS
        (SqlFault.Unavailable, [4, 5, 6, 7, 8, 10, 13, 14, 15, 17, 22]),

        // PERM, CORRUPT, MISUSE, AUTH, FORMAT, RANGE, NOTADB
        (SqlFault.Permanent, [3, 11, 21, 23, 24, 25, 26]));

    /// <summary>MySQL's and MariaDB's numbers. They decide before the SQLSTATE, which is often the general HY000 or 42000.</summary>
    internal static readonly FrozenDictionary<int, SqlFault> MySql = Build<int>(
        (SqlFault.Row,
        [
            // A value: NULL, duplicate, range, text, reference, SIGNAL, JSON, CHECK.
            1048, 1062, 1264, 1265, 1292, 1300, 1364, 1366, 1406, 1411, 1451, 1452, 1644, 1690, 3140, 3819, 4025,

            // Too large: row, packet (08S01), log cache, result; too many placeholders.
            1118, 1153, 1197, 1301, 1390,
        ]),

        // Lock table full, interrupted, statement time (MariaDB, MySQL), MySqlConnector's command timeout.
        (SqlFault.Slow, [1206, 1317, 1969, 3024, -1]),
        (SqlFault.Unavailable,
        [
            // Disk full, write and engine errors, table read-only, out of memory, table full, no thread, too many statements.
            1021, 1026, 1030, 1036, 1037, 1038, 1041, 1114, 1135, 1461,

            // Too many connections, a user's limits, no host, bad handshake, cluster node not ready.
            1040, 1203, 1226, 1042, 1043, 1047,

            // Lock timeout, deadlock, NOWAIT, changed since it was read (MariaDB), read lock of a backup, too many transactions.
            1205, 1213, 3572, 1020, 1223, 1637,

            // The table was altered meanwhile: the statement has to be made again.
            1412, 1615,

            // Replication's or the cluster's refusal, offline mode, a node's passing error.
            1297, 3032, 3100, 3168,

            // Files of the server: open, read, temporary file.
            1015, 1016, 1024, 1878,

            // Read-only by option, by transaction, by mode.
            1290, 1792, 1836,

            // Disconnected because idle: before the statement was read.
            4031,
        ]),
        (SqlFault.InDoubt,
        [
            // Shutdown, aborted connection, packets lost, error during COMMIT, connection killed.
            1053, 1077, 1078, 1079, 1080, 1152, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1180, 1184, 1927, 3169,

            // The client's words: server has gone away, connection lost.
            2006, 2013, 2055,
        ]),

        // Damaged, denied, no such database, column or table, syntax, a view that takes no rows, a definer that is gone, a
        // tablespace that is gone, a password that has to be changed.
        (SqlFault.Permanent,
        [
            1033, 1034, 1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1194, 1195, 1227, 1288, 1356, 1449, 1471, 1712, 1812, 1814,
            1820, 1877,
        ]));

    /// <summary>SQLSTATE: the whole state first, then its class.</summary>
    internal static readonly FrozenDictionary<string, SqlFault> States = Build<string>(
        (SqlFault.Row,
        [
            // Cardinality, data, integrity, check option, SIGNAL, program limits (54000: index row too large), RAISE.
            "21", "22", "23", "44", "45", "54", "P0",

            // Protocol violation, such as too many parameters.
            "08P01",
        ]),

        // Cancelled or statement timeout, transaction timeout, out of memory (also of the lock table), MySQL's interruptions.
        (SqlFault.Slow, ["57014", "25P04", "53200", "70"]),
        (SqlFault.Unavailable,
        [
            // Rolled back; out of resources: disk full 53100, too many connections 53300.
            "40", "53",

            // Transaction state: read-only 25006, aborted 25P02, idle for too long 25P03. A prepared statement that the connection lost.
            "0B", "25", "2D", "26000",

            // Lock not available, object in use.
            "55P03", "55006", "55P02",

            // Operator's intervention, shutdown, starting up, idle session.
            "57", "57P01", "57P03", "57P05",

            // The server's files and configuration.
            "58", "F0",

            // No connection made.
            "08001", "08004",
        ]),

        // Connection lost, completion unknown, another process of the server crashed.
        (SqlFault.InDoubt, ["08", "40003", "57P02"]),

        // Credentials, no such database or schema, syntax, names and permission, damaged, database dropped.
        (SqlFault.Permanent, ["28", "3D", "3F", "42", "XX001", "XX002", "57P04"]));

    /// <summary>Returns whether the server reads only. A pool must not hand out its connections again.</summary>
    internal static bool IsReadOnly(string? state, int? number) => state is "25006" || number is 1290 or 1792 or 1836;

    private static FrozenDictionary<TCode, SqlFault> Build<TCode>(params ReadOnlySpan<(SqlFault Fault, TCode[] Codes)> rows)
        where TCode : notnull
    {
        Dictionary<TCode, SqlFault> table = [];
        foreach ((SqlFault fault, TCode[] codes) in rows)
        {
            foreach (TCode code in codes)
            {
                table.Add(code, fault);
            }
        }

        return table.ToFrozenDictionary();
    }
}
