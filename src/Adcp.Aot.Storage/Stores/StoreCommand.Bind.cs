using System.Data;
using System.Data.Common;
using System.Globalization;
using System.Text;

namespace Adcp.Aot.Storage;

/// <content>Parameters.</content>
public sealed partial class StoreCommand
{
    /// <summary>Sets a parameter's value.</summary>
    /// <param name="name">The name with its <c>@</c>.</param>
    /// <param name="value">The value; null for SQL's NULL.</param>
    public void Bind(string name, string? value) => Add(name, DbType.String, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, short? value) => Add(name, DbType.Int16, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, int? value) => Add(name, DbType.Int32, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, long? value) => Add(name, DbType.Int64, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, double? value) => Add(name, DbType.Double, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, decimal? value)
    {
        if (_database.Dialect == SqlDialect.Sqlite)
        {
            Bind(name, (double?)value);
            return;
        }

        Add(name, DbType.Decimal, value);
    }

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, bool? value) => Add(name, DbType.Boolean, value);

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, Guid? value)
    {
        if (_database.Dialect == SqlDialect.PostgreSql)
        {
            Add(name, DbType.Guid, value);
            return;
        }

        Bind(name, value?.ToString());
    }

    /// <inheritdoc cref="Bind(string, string?)"/>
    public void Bind(string name, DateTimeOffset? value) => Bind(name, value?.UtcDateTime);

    /// <summary>Sets a parameter's value: a point in time, UTC.</summary>
    /// <param name="name">The name with its <c>@</c>.</param>
    /// <param name="value">The value; null for SQL's NULL.</param>
    public void Bind(string name, DateTime? value)
    {
        DateTime? utc = value is { } time ? SqlTimes.Utc(time) : null;
        if (_database.Dialect == SqlDialect.Sqlite)
        {
            Bind(name, utc?.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture));
            return;
        }

        Add(name, SqlTimes.TypeOf(_database.Dialect, DbType.DateTime), SqlTimes.ValueOf(_database.Dialect, utc));
    }

    /// <summary>
    /// Sets a parameter's value: JSON in UTF-8. SQLite takes the bytes, and its statements cast the parameter to text, so that a task of
    /// some megabytes is not copied into a string of twice its size.
    /// </summary>
    /// <param name="name">The name with its <c>@</c>.</param>
    /// <param name="utf8">The JSON.</param>
    /// <exception cref="ArgumentNullException"><paramref name="utf8"/> is null.</exception>
    public void BindJson(string name, byte[] utf8)
    {
        ArgumentNullException.ThrowIfNull(utf8);
        if (_database.TakesUtf8)
        {
            Add(name, DbType.Binary, utf8);
            return;
        }

        Add(name, DbType.String, Encoding.UTF8.GetString(utf8));
    }

    private void Add(string name, DbType type, object? value)
    {
        DbParameter parameter = _command.CreateParameter();
        parameter.ParameterName = name;
        parameter.DbType = type;
        parameter.Value = value ?? DBNull.Value;
        _command.Parameters.Add(parameter);
    }
}
