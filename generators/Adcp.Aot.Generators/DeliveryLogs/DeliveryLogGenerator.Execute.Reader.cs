using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <content>The reader of a table as AdCP's webhook activity.</content>
public sealed partial class DeliveryLogGenerator
{
    private static void WriteReadRecent(IndentedWriter text, SqlDeliveryLogModel model)
    {
        ColumnModel principal = model.PrincipalColumn!;
        text.Line(
            $$"""

            /// <summary>
            /// Returns the latest attempts of one principal as AdCP's <c>webhook_activity</c>, newest first.
            /// No reader returns those of every principal.
            /// </summary>
            /// <param name="principal">The principal. It equals the column <c>{{principal.Name}}</c> byte for byte.</param>
            /// <param name="limit">The largest number of records, 1 to 200. Default: 50.</param>
            /// <param name="cancellationToken">Ends the query.</param>
            /// <exception cref="{{Global.ArgumentOutOfRangeException}}"><paramref name="limit"/> is not 1 to 200.</exception>
            {{GeneratedFile.Uncovered}}
            public {{Global.Task}}<{{Global.IReadOnlyList}}<{{Global.WebhookActivityRecord}}>>
                ReadRecentAsync(
                    {{CSharpType(principal.Kind)}} principal, int limit = 50, {{Global.CancellationToken}} cancellationToken = default)
            {
            """);
        if (principal.Kind == ValueKind.Text)
        {
            text.Line($"    {Global.ArgumentNullException}.ThrowIfNull(principal);");
        }

        text.Line(
            $$"""
                {{Global.ArgumentOutOfRangeException}}.ThrowIfLessThan(limit, 1);
                {{Global.ArgumentOutOfRangeException}}.ThrowIfGreaterThan(limit, 200);
                return _adcpTable.ReadRecentAsync(principal, limit, cancellationToken);
            }
            """);
    }

    private static void WriteReader(IndentedWriter text, SqlDeliveryLogModel model)
    {
        ColumnModel principal = model.PrincipalColumn!;
        string add =
            $"{Global.SqlParameters}.Add(command, _dialect, {Global.DbType}.{DbTypeOf(principal.Stored)}, {PrincipalValue(principal)});";
        text.Line(
            $$"""

            public async {{Global.Task}}<{{Global.IReadOnlyList}}<{{Global.WebhookActivityRecord}}>>
                ReadRecentAsync({{CSharpType(principal.Kind)}} principal, int limit, {{Global.CancellationToken}} cancellationToken)
            {
                {{Global.List}}<{{Global.WebhookActivityRecord}}> records = new();
                await using {{Global.DbConnection}} connection =
                    await {{Global.SqlConnections}}.OpenLiveAsync(_source, _dialect, cancellationToken).ConfigureAwait(false);
                await using {{Global.DbCommand}} command = connection.CreateCommand();
                command.CommandText = RecentSql;
                {{add}}
            """);
        using (text.Indent())
        {
            if (principal.Stored == StoredType.Text && model.Dialect == Dialect.MySql)
            {
                text.Line(add + " // A parameter of MySQL has no number, and the statement has two places for it.");
            }
            else if (principal.Stored == StoredType.Text && model.Dialect == Dialect.Any)
            {
                text.Line(
                    $$"""
                    if (_dialect == {{Global.SqlDialect}}.MySql)
                    {
                        // A parameter of MySQL has no number, and the statement has two places for it.
                        {{add}}
                    }

                    """);
            }

            text.Line(
                $$"""
                {{Global.SqlParameters}}.Add(command, _dialect, {{Global.DbType}}.Int32, limit);
                await using {{Global.DbDataReader}} reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                while (records.Count < limit && await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                """);
            using (text.Indent())
            {
                text.Line(HasPending(model)
                    ? $$"""
                      {{Global.WebhookActivityRecord}} record = ActivityOf(reader);
                      if (reader.GetInt32({{ReaderColumns(model).Count()}}) != 0
                          && {{Global.ActivityStatus}}.Pending(record) is { } pending)
                      {
                          records.Add(pending);
                          if (records.Count == limit)
                          {
                              break;
                          }
                      }

                      records.Add(record);
                      """
                    : "records.Add(ActivityOf(reader));");
            }

            text.Line(
                """
                }

                return records;
                """);
        }

        text.Line("}").Line();
        WriteActivity(text, model);
    }

    /// <summary>
    /// Returns whether the reader can tell that a webhook waits for its next attempt: the table says it of each attempt, and has the
    /// records of attempts that were not made, one of which may have ended the delivery.
    /// </summary>
    private static bool HasPending(SqlDeliveryLogModel model) => model.Of("WillRetry") is not null && model.Of("IsAttempt") is not null;

    private static void WriteActivity(IndentedWriter text, SqlDeliveryLogModel model)
    {
        string[] columns = [.. ReaderColumns(model).Select(column => column.Name)];
        using (text.Open($"private static {Global.WebhookActivityRecord} ActivityOf({Global.DbDataReader} reader)"))
        {
            text.Line($"{Global.DateTimeOffset} firedAt = {Time("OccurredAt")}!.Value;");
            text.Line($"long? status = {Number("HttpStatusCode")};");
            if (model.Of("ResponseTimeMs") is not null)
            {
                text.Line($"long? elapsed = {Number("ResponseTimeMs")};");
            }

            using (text.Open($"return new {Global.WebhookActivityRecord}", "};"))
            {
                text.Line($"IdempotencyKey = {Text("IdempotencyKey")}!,");
                Optional("NotificationId", () => Text("NotificationId"));
                if (model.Subscriber is not null)
                {
                    text.Line($"SubscriberId = {Global.SqlValue}.Text(reader, {Array.IndexOf(columns, model.Subscriber)}),");
                }

                text.Line("FiredAt = firedAt,");
                text.Line(model.Of("CompletedAt") is not null
                    ? $"CompletedAt = {Time("CompletedAt")},"
                    : $"CompletedAt = firedAt + {Global.TimeSpan}.FromMilliseconds((double)(elapsed ?? 0)),");
                text.Line($"NotificationType = {Text("NotificationType")}!,");
                Optional("SequenceNumber", () => Number("SequenceNumber"));
                text.Line($"Attempt = (int){Number("AttemptNumber")}!.Value,");
                text.Line($"Status = {Global.ActivityStatus}.Of(\n    {Text("Outcome")}!, status, {Text("Error")}),");
                text.Line($"Url = {Text("Url")}!,");
                text.Line("HttpStatusCode = (int?)status,");
                Optional("ResponseTimeMs", () => "status is null ? null : elapsed");
                Optional("PayloadSizeBytes", () => $"(int)({Number("PayloadSizeBytes")} ?? 0)");
                Optional("ErrorMessage", () => $"{Global.LogText}.Cut({Text("ErrorMessage")}, 500)");
            }
        }

        string Text(string field) => Read("Text", field);

        string Number(string field) => Read("Number", field);

        string Time(string field) => Read("Time", field);

        string Read(string method, string field) => $"{Global.SqlValue}.{method}(reader, {Array.IndexOf(columns, model.Of(field)!.Name)})";

        void Optional(string field, Func<string> value)
        {
            if (model.Of(field) is not null)
            {
                text.Line($"{field} = {value()},");
            }
        }
    }

    private static string Recent(SqlDeliveryLogModel model, Dialect dialect)
    {
        ColumnModel principal = model.PrincipalColumn!;
        string Name(string field) => SqlText.Quote(dialect, model.Of(field)!.Name);
        string scope = principal.Stored == StoredType.Text
            ? SqlText.ExactMatch(dialect, principal.Name, SqlText.Parameter(dialect, 1))
            : $"{SqlText.Quote(dialect, principal.Name)} = {SqlText.Parameter(dialect, 1)}";

        // Without that field, a delivery that was cut short looks like an attempt. Neither is shown.
        string attempts = model.Of("IsAttempt") is not null
            ? $"{Name("IsAttempt")} = TRUE AND {Name("Outcome")} <> 'refused'"
            : $"{Name("AttemptNumber")} >= 1 AND {Name("Outcome")} IN ('success', 'failure')";
        // The next attempt of the newest record of a key is pending, unless a record says that the delivery has ended.
        string table = SqlText.Quote(dialect, model.Table);
        string pending = HasPending(model)
            ? $"""
            ,
                CASE WHEN {Name("WillRetry")} = TRUE AND NOT EXISTS (
                    SELECT 1 FROM {table} AS later
                    WHERE later.{SqlText.Quote(dialect, principal.Name)} = activity.{SqlText.Quote(dialect, principal.Name)}
                        AND later.{Name("OccurredAt")} >= activity.{Name("OccurredAt")}
                        AND later.{Name("IdempotencyKey")} = activity.{Name("IdempotencyKey")}
                        AND (later.{Name("WillRetry")} = FALSE OR later.{Name("AttemptNumber")} > activity.{Name("AttemptNumber")}))
                THEN 1 ELSE 0 END
            """
            : "";
        return $"""
            SELECT {SqlText.Wrap(ReaderColumns(model).Select(column => SqlText.Quote(dialect, column.Name)), "    ")}{pending}
            FROM {table} AS activity
            WHERE {scope}
                AND {Name("NotificationType")} IS NOT NULL AND {attempts}
            ORDER BY {Name("OccurredAt")} DESC, {Name("AttemptNumber")} DESC
            LIMIT {SqlText.Parameter(dialect, 2)}
            """;
    }

    private static string PrincipalValue(ColumnModel principal) => (principal.Kind, principal.Stored) switch
    {
        (ValueKind.Guid, StoredType.Text) => "principal.ToString()",
        (ValueKind.Text, StoredType.Uuid) => Global.Guid + ".Parse(principal)",
        (ValueKind.Time, StoredType.UnixMilliseconds) => "principal.ToUnixTimeMilliseconds()",
        (ValueKind.Time, _) => "principal.UtcDateTime",
        _ => "principal",
    };

    private static IEnumerable<ColumnModel> ReaderColumns(SqlDeliveryLogModel model) => model.Columns.Where(column =>
        column.Name == model.Subscriber
        || column.Field is "IdempotencyKey" or "NotificationId" or "OccurredAt" or "CompletedAt" or "NotificationType" or "SequenceNumber"
            or "AttemptNumber" or "Outcome"
            or "Error" or "Url" or "HttpStatusCode" or "ResponseTimeMs" or "PayloadSizeBytes" or "ErrorMessage");
}
