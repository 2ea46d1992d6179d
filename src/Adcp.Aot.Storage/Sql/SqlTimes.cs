using System.Data;

namespace Adcp.Aot.Storage;

/// <summary>
/// Converts points in time to parameters that keep UTC, whatever the driver's switches and the session's time zone are.
/// </summary>
internal static class SqlTimes
{
    /// <summary>
    /// Returns the type of a parameter. Npgsql's legacy timestamp behaviour binds <see cref="DbType.DateTime"/> without
    /// its zone; <see cref="DbType.DateTimeOffset"/> has one in both behaviours.
    /// </summary>
    internal static DbType TypeOf(SqlDialect dialect, DbType type) =>
        dialect == SqlDialect.PostgreSql && type == DbType.DateTime ? DbType.DateTimeOffset : type;

    /// <summary>
    /// Returns a parameter's value. MySqlConnector refuses a kind that its DateTimeKind setting does not name, and
    /// accepts an unspecified one always.
    /// </summary>
    internal static object? ValueOf(SqlDialect dialect, object? value) =>
        dialect == SqlDialect.MySql && value is DateTime { Kind: not DateTimeKind.Unspecified } time
            ? DateTime.SpecifyKind(Utc(time), DateTimeKind.Unspecified)
            : value;

    /// <summary>Returns the time in UTC; an unspecified kind is UTC already.</summary>
    internal static DateTime Utc(DateTime time) =>
        DateTime.SpecifyKind(time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : time, DateTimeKind.Utc);
}
