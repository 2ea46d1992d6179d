namespace Adcp.Aot.Storage;

/// <summary>The statements that every table of rows with an expiry time has, in each dialect.</summary>
internal static class ExpirySql
{
    /// <summary>
    /// Returns the statement that deletes up to <c>@limit</c> expired rows, the oldest first. On PostgreSQL it passes over rows that
    /// another transaction has locked, so that purges of several processes never wait for each other.
    /// </summary>
    /// <param name="dialect">The dialect.</param>
    /// <param name="table">The table.</param>
    /// <param name="key">The columns of the primary key, separated by commas.</param>
    /// <param name="isExpired">The condition of an expired row.</param>
    /// <param name="age">The column by which rows age, which has an index.</param>
    internal static string Purge(SqlDialect dialect, string table, string key, string isExpired, string age)
    {
        string oldest = $"FROM {table} WHERE {isExpired} ORDER BY {age} LIMIT @limit";
        return dialect switch
        {
            SqlDialect.PostgreSql => $"DELETE FROM {table}\nWHERE ctid = ANY (ARRAY(\n    SELECT ctid {oldest} FOR UPDATE SKIP LOCKED))",
            SqlDialect.MySql => $"DELETE {oldest}",
            _ => $"DELETE FROM {table}\nWHERE ({key}) IN (\n    SELECT {key} {oldest})",
        };
    }

    /// <summary>Returns the statement that counts rows, up to <c>@limit</c>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="rows">The condition of the rows.</param>
    internal static string Count(string table, string rows) =>
        $"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} WHERE {rows} LIMIT @limit) AS counted";
}
