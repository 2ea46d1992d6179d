using System.Data;
using System.Data.Common;

namespace Adcp.Aot.Storage.Tests.Databases;

/// <summary>A row of a plain table.</summary>
internal sealed record TextRow(int Id, string Text);

/// <summary>The smallest table that a batch writer fills.</summary>
/// <param name="dialect">The database.</param>
/// <param name="knowsRows"><c>false</c> for a table that keeps too little to identify a row.</param>
internal sealed class TextTable(SqlDialect dialect, bool knowsRows = true) : SqlTable<TextRow>
{
    private static readonly DbType[] Types = [DbType.Int32, DbType.String];

    private static readonly DbType[] KeyTypes = [DbType.Int32];

    public List<(int Id, Exception Reason)> Refused { get; } = [];

    public override string Insert => "INSERT INTO text_rows (id, body) VALUES ";

    public override IReadOnlyList<DbType> Columns => Types;

    public override string? CountSame =>
        knowsRows ? $"SELECT COUNT(*) FROM text_rows WHERE id = {SqlDialects.Parameter(dialect, 1)}" : null;

    public override IReadOnlyList<DbType> IdentityTypes => KeyTypes;

    public static string Create(SqlDialect dialect) =>
        dialect == SqlDialect.MySql
            ? "CREATE TABLE text_rows (id INT NOT NULL, body LONGTEXT NOT NULL) ENGINE=InnoDB"
            : "CREATE TABLE text_rows (id integer NOT NULL, body text NOT NULL)";

    public static TextRow[] Rows(int count, int length = 10) =>
        [.. Enumerable.Range(0, count).Select(id => new TextRow(id, new string('x', length)))];

    public override void Bind(TextRow row, ReadOnlySpan<DbParameter> parameters)
    {
        parameters[0].Value = row.Id;
        parameters[1].Value = row.Text;
    }

    public override object?[] Identity(TextRow row) => [row.Id];

    public override void Rejected(TextRow row, Exception reason) => Refused.Add((row.Id, reason));
}
