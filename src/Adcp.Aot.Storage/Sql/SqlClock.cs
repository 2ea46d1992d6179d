namespace Adcp.Aot.Storage;

/// <summary>
/// The database's clock as an SQL expression. Processes on several machines agree on the time only if they read the
/// database's.
/// </summary>
internal static class SqlClock
{
    /// <summary>
    /// Returns an expression for the time at the statement's start, in milliseconds since 1970 UTC. It is constant
    /// within a statement, so indexes serve comparisons with it.
    /// </summary>
    internal static string Now(SqlDialect dialect) => dialect switch
    {
        SqlDialect.PostgreSql => "CAST(FLOOR(EXTRACT(EPOCH FROM statement_timestamp()) * 1000) AS bigint)",

        // UNIX_TIMESTAMP would go through the session's time zone, which has an hour twice a year.
        SqlDialect.MySql => "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000)",
        _ => "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)",
    };
}
