namespace Adcp.Aot.Generators.Sql;

/// <summary>The type of a column. Mirrors <c>Adcp.Aot.Auditing.ColumnType</c>, number for number.</summary>
internal enum StoredType
{
    Default = 0,
    Text = 1,
    SmallInt = 2,
    Integer = 3,
    BigInt = 4,
    Double = 5,
    Numeric = 6,
    Boolean = 7,
    Timestamp = 8,
    UnixMilliseconds = 9,
    Uuid = 10,
    Json = 11,
    Bytes = 12,
}
