namespace Adcp.Aot.Auditing;

/// <summary>
/// The type of a column, if it is not the one of the field or member. It decides the DDL and the parameter's type.
/// </summary>
public enum ColumnType
{
    /// <summary>The type of the field or member: text, an integer of its size, a boolean, a UTC timestamp.</summary>
    Default = 0,

    /// <summary>Text.</summary>
    Text = 1,

    /// <summary>A 16-bit integer.</summary>
    SmallInt = 2,

    /// <summary>A 32-bit integer.</summary>
    Integer = 3,

    /// <summary>A 64-bit integer.</summary>
    BigInt = 4,

    /// <summary>A 64-bit floating-point number.</summary>
    Double = 5,

    /// <summary>An exact decimal.</summary>
    Numeric = 6,

    /// <summary>A boolean.</summary>
    Boolean = 7,

    /// <summary>A point in time, UTC: <c>timestamptz</c> on PostgreSQL, <c>DATETIME(6)</c> on MySQL, text on SQLite.</summary>
    Timestamp = 8,

    /// <summary>A point in time as milliseconds since 1970, in a 64-bit integer.</summary>
    UnixMilliseconds = 9,

    /// <summary>A UUID.</summary>
    Uuid = 10,
}
