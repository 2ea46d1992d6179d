using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <content>PostgreSQL's binary COPY, for projects that reference Npgsql.</content>
public sealed partial class DeliveryLogGenerator
{
    private const int MaxColumns = 140;

    private static void WriteCopy(IndentedWriter text, SqlDeliveryLogModel model)
    {
        string write = "cancellationToken).ConfigureAwait(false);";
        text.Line(
            $$"""

            public override bool CanCopy({{Global.DbConnection}} connection) => connection is {{Global.NpgsqlConnection}};

            public override async {{Global.Task}} CopyAsync(
                {{Global.DbConnection}} connection,
                {{Global.ReadOnlyMemory}}<{{Global.DeliveryAttempt}}> rows,
                {{Global.CancellationToken}} cancellationToken)
            {
                {{Global.NpgsqlConnection}} npgsql = ({{Global.NpgsqlConnection}})connection;
                await using {{Global.NpgsqlBinaryImporter}} copy = await npgsql.BeginBinaryImportAsync(CopySql, {{write}}
                for (int i = 0; i < rows.Length; i++)
                {
                    {{Global.DeliveryAttempt}} attempt = rows.Span[i];
                    await copy.StartRowAsync({{write}}
            """);
        foreach (ColumnModel column in model.Columns)
        {
            bool mayBeNull = MayBeNull(column);
            string call = $"        await {(mayBeNull ? "WriteOrNullAsync" : "copy.WriteAsync")}(";
            string value = (mayBeNull ? "copy, " : "") + column.StoredValue;
            string type = $"{Global.NpgsqlDbType}.{NpgsqlTypeOf(column.Stored)}, {write}";
            bool fits = call.Length + value.Length + type.Length < MaxColumns;
            text.Line(fits ? $"{call}{value}, {type}" : $"{call}\n            {value},\n            {type}");
        }

        text.Line(
            $$"""
                }

                await copy.CompleteAsync({{write}}
            }
            """);
        string parameters = $"{Global.NpgsqlDbType} type,\n    {Global.CancellationToken} cancellationToken";
        if (model.Columns.Any(static column => MayBeNull(column) && column.Stored == StoredType.Text))
        {
            text.Line(
                $$"""

                private static {{Global.Task}} WriteOrNullAsync(
                    {{Global.NpgsqlBinaryImporter}} copy, string? value, {{parameters}}) =>
                    value is null ? copy.WriteNullAsync(cancellationToken) : copy.WriteAsync(value, type, cancellationToken);
                """);
        }

        if (model.Columns.Any(static column => column.Nullable && column.Stored != StoredType.Text))
        {
            text.Line(
                $$"""

                private static {{Global.Task}} WriteOrNullAsync<T>(
                    {{Global.NpgsqlBinaryImporter}} copy, T? value, {{parameters}})
                    where T : struct =>
                    value is { } some ? copy.WriteAsync(some, type, cancellationToken) : copy.WriteNullAsync(cancellationToken);
                """);
        }
    }

    private static string NpgsqlTypeOf(StoredType stored) => stored switch
    {
        StoredType.SmallInt => "Smallint",
        StoredType.Integer => "Integer",
        StoredType.BigInt or StoredType.UnixMilliseconds => "Bigint",
        StoredType.Double => "Double",
        StoredType.Numeric => "Numeric",
        StoredType.Boolean => "Boolean",
        StoredType.Timestamp => "TimestampTz",
        StoredType.Uuid => "Uuid",
        _ => "Text",
    };
}
