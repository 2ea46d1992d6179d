namespace Adcp.Aot.Storage;

/// <summary>The SQL that a database speaks.</summary>
public enum SqlDialect
{
    /// <summary>
    /// For an attribute: SQL for all three is generated, and the constructor takes the dialect. Not valid in a
    /// constructor.
    /// </summary>
    Any = 0,

    /// <summary>SQLite 3.35 and newer (Microsoft.Data.Sqlite).</summary>
    Sqlite = 1,

    /// <summary>PostgreSQL 12 and newer (Npgsql).</summary>
    PostgreSql = 2,

    /// <summary>MySQL 8 and MariaDB 10.5 and newer (MySqlConnector), on InnoDB tables.</summary>
    MySql = 3,
}
