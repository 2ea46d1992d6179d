namespace Adcp.Aot.Storage;

/// <summary>The SQL that a database speaks.</summary>
public enum SqlDialect
{
    /// <summary>On an attribute: all three are generated and the constructor says which. Not a value for a constructor.</summary>
    Any = 0,

    /// <summary>SQLite 3.35 and newer (Microsoft.Data.Sqlite).</summary>
    Sqlite = 1,

    /// <summary>PostgreSQL 12 and newer (Npgsql).</summary>
    PostgreSql = 2,

    /// <summary>MySQL 8 and MariaDB 10.5 and newer (MySqlConnector), on InnoDB tables.</summary>
    MySql = 3,
}
