using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// Adds parameters by position, as every dialect of this library writes them: <c>@p1</c> on SQLite, <c>$1</c> on
/// PostgreSQL, <c>?</c> on MySQL.
/// </summary>
public static class SqlParameters
{
    /// <summary>Adds the next parameter.</summary>
    /// <param name="command">The command.</param>
    /// <param name="dialect">The SQL that the connection speaks.</param>
    /// <param name="type">The type, needed for null.</param>
    /// <param name="value">The value; null for SQL's NULL.</param>
    /// <returns>The parameter, for further values.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="command"/> is null.</exception>
    public static DbParameter Add(this DbCommand command, SqlDialect dialect, DbType type, object? value = null)
    {
        ArgumentNullException.ThrowIfNull(command);
        DbParameter parameter = command.CreateParameter();
        parameter.DbType = SqlTimes.TypeOf(dialect, type);
        if (dialect == SqlDialect.Sqlite)
        {
            parameter.ParameterName = SqlDialects.Parameter(dialect, command.Parameters.Count + 1);
        }

        parameter.Value = SqlTimes.ValueOf(dialect, value) ?? DBNull.Value;
        command.Parameters.Add(parameter);
        return parameter;
    }
}
