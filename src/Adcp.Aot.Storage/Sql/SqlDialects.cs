namespace Adcp.Aot.Storage;

/// <summary>The differences between the dialects.</summary>
internal static class SqlDialects
{
    /// <summary>Returns the dialect. Throws if it is not one of the three.</summary>
    internal static SqlDialect Concrete(SqlDialect dialect, string name) =>
        dialect is SqlDialect.Sqlite or SqlDialect.PostgreSql or SqlDialect.MySql
            ? dialect
            : throw new ArgumentOutOfRangeException(name, dialect, "Must name the database: Sqlite, PostgreSql or MySql.");

    /// <summary>Returns the n-th parameter in SQL, from 1.</summary>
    internal static string Parameter(SqlDialect dialect, int position) => dialect switch
    {
        SqlDialect.PostgreSql => string.Create(null, $"${position}"),
        SqlDialect.MySql => "?",
        _ => string.Create(null, $"@p{position}"),
    };
}
