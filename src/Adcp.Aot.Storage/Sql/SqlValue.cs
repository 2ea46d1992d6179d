using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>Converts values to and from columns.</summary>
public static class SqlValue
{
    private const string Zoned = "timestamp with time zone";

    /// <summary>Returns a parameter's value: SQL's NULL for null.</summary>
    /// <param name="value">The value.</param>
    public static object OrNull(object? value) => value ?? DBNull.Value;

    /// <summary>Reads the column as text; <c>null</c> for NULL.</summary>
    /// <param name="reader">The reader, on a row.</param>
    /// <param name="ordinal">The column.</param>
    public static string? Text(this DbDataReader reader, int ordinal)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return reader.IsDBNull(ordinal)
            ? null
            : reader.GetValue(ordinal) is var value && value is string text ? text : Convert.ToString(value, CultureInfo.InvariantCulture);
    }

    /// <summary>Reads the column as a number of any size; <c>null</c> for NULL.</summary>
    /// <param name="reader">The reader, on a row.</param>
    /// <param name="ordinal">The column.</param>
    public static long? Number(this DbDataReader reader, int ordinal)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return reader.IsDBNull(ordinal) ? null : Convert.ToInt64(reader.GetValue(ordinal), CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Reads the column as a point in time in UTC: a timestamp, SQLite's text of one, or milliseconds since 1970;
    /// <c>null</c> for NULL.
    /// </summary>
    /// <param name="reader">The reader, on a row.</param>
    /// <param name="ordinal">The column.</param>
    /// <exception cref="InvalidCastException">The column holds no time.</exception>
    public static DateTimeOffset? Time(this DbDataReader reader, int ordinal)
    {
        ArgumentNullException.ThrowIfNull(reader);
        if (reader.IsDBNull(ordinal))
        {
            return null;
        }

        return reader.GetValue(ordinal) switch
        {
            DateTimeOffset time => time.ToUniversalTime(),
            // Npgsql's legacy timestamp behaviour converts to local time; MySqlConnector's DateTimeKind only labels what the column holds.
            DateTime { Kind: DateTimeKind.Local } time
                when reader.GetDataTypeName(ordinal).StartsWith(Zoned, StringComparison.OrdinalIgnoreCase) =>
                    new DateTimeOffset(time.ToUniversalTime()),
            DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
            long milliseconds => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds),
            string text =>
                DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal),
            object other =>
                throw new InvalidCastException($"The column '{reader.GetName(ordinal)}' holds a {other.GetType().Name}, not a time."),
        };
    }
}
