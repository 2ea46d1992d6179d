using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Stores;

/// <summary>
/// The parts of the statements of both stores. Parameters are named, so that one kind of binding serves the three
/// databases.
/// </summary>
internal static class StoreSql
{
    // The limits in the contracts: StoreScope.MaxPrincipalBytes, TaskFacts.MaxIdBytes, TaskFacts.MaxStateBytes,
    // PushConfig.MaxIdBytes.
    public const int ScopeBytes = 255;
    public const int TaskIdBytes = 512;
    public const int StateBytes = 64;
    public const int ConfigIdBytes = 255;

    /// <summary>
    /// Returns the type of a column that is compared to the byte, whatever the database's collation is. MySQL compares
    /// only binary strings in this way.
    /// </summary>
    public static string KeyType(Dialect dialect, int bytes) => dialect switch
    {
        Dialect.Sqlite => "TEXT",
        Dialect.PostgreSql => "text COLLATE \"C\"",
        _ => $"VARBINARY({bytes})",
    };

    public static string TypeName(Dialect dialect, StoredType type, int maxLength = 0) =>
        SqlText.TypeName(dialect, type, maxLength, indexed: false);

    /// <summary>
    /// Compares a key to the byte. MySQL's keys are bytes, so a column in another character set than UTF-8 matches ASCII only.
    /// </summary>
    public static string Same(Dialect dialect, string column, string parameter) => dialect == Dialect.MySql
        ? $"{SqlText.Quote(dialect, column)} = {parameter} AND {SqlText.Quote(dialect, column)} = CAST({parameter} AS BINARY)"
        : SqlText.ExactMatch(dialect, column, parameter);

    /// <summary>Returns a key column as text: MySQL keeps it in a binary string.</summary>
    public static string Text(Dialect dialect, string column) =>
        dialect == Dialect.MySql ? $"CONVERT({SqlText.Quote(dialect, column)} USING utf8mb4)" : SqlText.Quote(dialect, column);

    /// <summary>Returns the name of a table's index, within the 63 characters that PostgreSQL keeps.</summary>
    public static string IndexName(string table, string suffix)
    {
        string bare = table.Substring(table.IndexOf('.') + 1);
        return bare.Substring(0, Math.Min(bare.Length, 63 - suffix.Length)) + suffix;
    }

    /// <summary>Returns the parameter of a computed column.</summary>
    public static string Parameter(StoreColumn column) => "@x_" + column.Name;

    public static IEnumerable<string> Definitions(Dialect dialect, EquatableArray<StoreColumn> columns) => columns.Select(column =>
        $"{SqlText.Quote(dialect, column.Name)} {TypeName(dialect, column.Type, column.MaxLength)} NULL");

    /// <summary>Returns the time of the next save: the clock's, but always later than the last.</summary>
    public static string Later(Dialect dialect, string updatedAt)
    {
        string column = SqlText.Quote(dialect, updatedAt);
        return $"{column} = CASE WHEN {column} < @now THEN @now ELSE {column} + 1 END";
    }

    public static string Lines(params string[] lines) => string.Join("\n", lines);

    public static string Comma(IEnumerable<string> items) => string.Join(", ", items);

    public static string ListOnLines(IEnumerable<string> items) => "    " + string.Join(",\n    ", items);
}
