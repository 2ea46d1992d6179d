namespace Adcp.Aot.Generators.Sql;

/// <summary>
/// Writes SQL text for one dialect at a time. It contains only names that <see cref="Identifier"/> accepted; every
/// value is a parameter.
/// </summary>
internal static class SqlText
{
    /// <summary>Returns the dialects of an attribute's choice.</summary>
    public static Dialect[] DialectsOf(Dialect choice) =>
        choice == Dialect.Any ? [Dialect.Sqlite, Dialect.PostgreSql, Dialect.MySql] : [choice];

    /// <summary>Returns a column or table name in the dialect's quotes; a table may be <c>schema.table</c>.</summary>
    public static string Quote(Dialect dialect, string name)
    {
        char quote = dialect == Dialect.MySql ? '`' : '"';
        return string.Join(".", name.Split('.').Select(part => $"{quote}{part}{quote}"));
    }

    /// <summary>
    /// Returns the n-th parameter, from 1: <c>@p1</c>, <c>$1</c> or <c>?</c>. MySQL's have no number: pass them in the
    /// order of the text.
    /// </summary>
    public static string Parameter(Dialect dialect, int position) => dialect switch
    {
        Dialect.PostgreSql => "$" + position,
        Dialect.MySql => "?",
        _ => "@p" + position,
    };

    /// <summary>Returns the column's type in a CREATE TABLE.</summary>
    /// <param name="dialect">The dialect.</param>
    /// <param name="type">The stored type; not Default.</param>
    /// <param name="maxLength">0 for unbounded text.</param>
    /// <param name="indexed"><c>true</c> if an index needs bounded text (MySQL).</param>
    public static string TypeName(Dialect dialect, StoredType type, int maxLength, bool indexed)
    {
        switch (dialect)
        {
            case Dialect.Sqlite:
                return type switch
                {
                    StoredType.Double or StoredType.Numeric => "REAL",
                    StoredType.SmallInt or StoredType.Integer or StoredType.BigInt or StoredType.Boolean
                    or StoredType.UnixMilliseconds => "INTEGER",
                    StoredType.Bytes => "BLOB",
                    _ => "TEXT",
                };
            case Dialect.PostgreSql:
                return type switch
                {
                    StoredType.SmallInt => "smallint",
                    StoredType.Integer => "integer",
                    StoredType.BigInt or StoredType.UnixMilliseconds => "bigint",
                    StoredType.Double => "double precision",
                    StoredType.Numeric => "numeric",
                    StoredType.Boolean => "boolean",
                    StoredType.Timestamp => "timestamptz",
                    StoredType.Uuid => "uuid",
                    StoredType.Json => "jsonb",
                    StoredType.Bytes => "bytea",
                    _ => maxLength > 0 ? $"varchar({maxLength})" : "text",
                };
            default:
                return type switch
                {
                    StoredType.SmallInt => "SMALLINT",
                    StoredType.Integer => "INT",
                    StoredType.BigInt or StoredType.UnixMilliseconds => "BIGINT",
                    StoredType.Double => "DOUBLE",
                    StoredType.Numeric => "DECIMAL(38,10)",
                    StoredType.Boolean => "TINYINT(1)",
                    StoredType.Timestamp => "DATETIME(6)",
                    StoredType.Uuid => "CHAR(36)",
                    StoredType.Json => "JSON",
                    StoredType.Bytes => "LONGBLOB",
                    _ => maxLength > 0 ? $"VARCHAR({maxLength})" : indexed ? "VARCHAR(255)" : "LONGTEXT",
                };
        }
    }

    /// <summary>
    /// Compares texts to the byte. A column of an adopter's table may ignore case or trailing blanks (MySQL does by
    /// default), and a principal that only looks alike is another one. The first comparison lets an index find the
    /// rows, the second one makes it exact. In SQLite an expression has neither a column's collation nor its numeric type,
    /// which takes "1e3" for "1000". With MySQL's unnumbered parameters give the value twice.
    /// </summary>
    public static string ExactMatch(Dialect dialect, string column, string parameter)
    {
        string quoted = Quote(dialect, column);
        return dialect switch
        {
            Dialect.Sqlite => $"{quoted} = {parameter} AND {quoted} || '' = {parameter}",
            Dialect.PostgreSql => $"{quoted} = {parameter} AND {quoted} COLLATE \"C\" = {parameter}",
            _ => $"{quoted} = {parameter} AND {Bytes(quoted)} = {Bytes(parameter)}",
        };
    }

    /// <summary>MySQL: a text's bytes in UTF-8, whatever the character set of its column.</summary>
    public static string Bytes(string text) => $"CAST(CONVERT({text} USING utf8mb4) AS BINARY)";

    /// <summary>Returns the options after the closing bracket of CREATE TABLE.</summary>
    public static string TableOptions(Dialect dialect) =>
        dialect == Dialect.MySql ? " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" : "";

    /// <summary>
    /// Returns a list over several lines: the first line begins at the caller's position, the others are indented.
    /// </summary>
    public static string Wrap(IEnumerable<string> items, string indent)
    {
        System.Text.StringBuilder text = new();
        int length = 0;
        foreach (string item in items)
        {
            if (length > 0)
            {
                text.Append(", ");
            }

            if (length + item.Length > 110)
            {
                text.Length--;
                text.Append('\n').Append(indent);
                length = 0;
            }

            text.Append(item);
            length += item.Length + 2;
        }

        return text.ToString();
    }
}
