namespace Adcp.Aot.Storage;

/// <summary>What the runtime knows about each dialect.</summary>
internal static class SqlDialects
{
    /// <summary>The dialect if it is one that a connection can speak.</summary>
    internal static SqlDialect Concrete(SqlDialect dialect, string name) =>
        dialect is SqlDialect.Sqlite or SqlDialect.PostgreSql or SqlDialect.MySql
            ? dialect
            : throw new ArgumentOutOfRangeException(name, dialect, "Say which database it is: Sqlite, PostgreSql or MySql.");

    /// <summary>The n-th parameter in SQL, from 1.</summary>
    internal static string Parameter(SqlDialect dialect, int position) => dialect switch
    {
        SqlDialect.PostgreSql => string.Create(null, $"${position}"),
        SqlDialect.MySql => "?",
        _ => string.Create(null, $"@p{position}"),
    };
}
