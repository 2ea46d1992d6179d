using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

public sealed partial class DeliveryLogGenerator
{
    private static string SqlLog(SqlDeliveryLogModel model, bool npgsql)
    {
        bool copies = npgsql && model.Dialect is Dialect.Any or Dialect.PostgreSql;
        List<string> usings =
        [
            "System", "System.Collections.Generic", "System.Data", "System.Data.Common", "System.Runtime.CompilerServices", "System.Threading", "System.Threading.Tasks", "Adcp.Aot.Auditing", "Adcp.Aot.Storage",
        ];
        if (copies)
        {
            usings.AddRange(["Npgsql", "NpgsqlTypes"]);
        }

        return GeneratedFile.Of(model.Type, usings, "IDeliveryLogSink, IAsyncDisposable", text =>
        {
            WriteFields(text, model);
            WriteConstructor(text, model);
            WriteSink(text);
            WriteSchema(text, model);
            if (model.HasReader)
            {
                WriteReader(text, model);
            }

            WriteStatements(text, model, copies);
            WriteComputations(text, model.Columns);
            text.Line();
            WriteTable(text, model, copies);
        });
    }

    private static void WriteFields(IndentedWriter text, SqlDeliveryLogModel model)
    {
        text.Line("private readonly DbDataSource _source;");
        text.Line(model.Dialect == Dialect.Any
            ? "private readonly SqlDialect _dialect;"
            : $"private readonly SqlDialect _dialect = SqlDialect.{model.Dialect};");
        text.Line("private readonly SqlBatchWriter<DeliveryAttempt> _writer;").Line();
    }

    private static void WriteConstructor(IndentedWriter text, SqlDeliveryLogModel model)
    {
        string dialect = model.Dialect == Dialect.Any ? "SqlDialect dialect, " : "";
        text.Line($"/// <summary>Creates the sink of table <c>{model.Table}</c>. Nothing is opened before the first batch.</summary>");
        text.Line("/// <param name=\"source\">Where connections come from; it stays the caller's.</param>");
        if (model.Dialect == Dialect.Any)
        {
            text.Line("/// <param name=\"dialect\">What they speak.</param>");
        }

        text.Line("/// <param name=\"time\">The clock of waiting; null for the system's.</param>");

        // A class with constructors of its own decides how it is made: they chain to this one.
        string access = model.Type.HasConstructor ? "private" : "public";
        if (model.Type.HasConstructor)
        {
            text.Line("#pragma warning disable CS8618 // What the class owns is set by the constructors that chain to this one.");
        }

        using (text.Open($"{access} {model.Type.Name}(DbDataSource source, {dialect}TimeProvider? time = null)"))
        {
            text.Line("ArgumentNullException.ThrowIfNull(source);");
            text.Line("_source = source;");
            if (model.Dialect == Dialect.Any)
            {
                text.Line("_dialect = dialect;");
            }

            text.Line("_writer = new SqlBatchWriter<DeliveryAttempt>(source, _dialect, new Table(this), time);");
        }

        if (model.Type.HasConstructor)
        {
            text.Line("#pragma warning restore CS8618");
        }

        text.Line();
    }

    private static void WriteSink(IndentedWriter text) => text.Line(
        """
        /// <summary>What became of every record that the sink was given.</summary>
        public SqlBatchCounts Counts => _writer.Counts;

        /// <inheritdoc/>
        public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken) =>
            _writer.WriteAsync(attempts, cancellationToken);

        /// <summary>Closes the connection that was kept.</summary>
        public ValueTask DisposeAsync() => _writer.DisposeAsync();

        """);

    private static void WriteSchema(IndentedWriter text, SqlDeliveryLogModel model) => text.Line(
        $$"""
        /// <summary>
        /// Creates the table where it is absent, and checks that it has every mapped column. A table that is there without a version row is taken as it stands.
        /// </summary>
        public async Task CreateIfAbsentAsync(CancellationToken cancellationToken = default)
        {
            SqlSchema schema = new(_dialect, {{Literal.Of(model.Table)}}, new SqlMigration(CreateSql));
            await schema.ApplyAsync(_source, cancellationToken).ConfigureAwait(false);
            await schema.RequireAsync(_source, ColumnsSql, cancellationToken).ConfigureAwait(false);
        }

        /// <summary>Told of each record that the table refused. The record is the method's only while it runs.</summary>
        partial void OnRejected(DeliveryAttempt attempt, Exception reason);

        """);

    private static void WriteReader(IndentedWriter text, SqlDeliveryLogModel model)
    {
        ColumnModel principal = model.Columns.First(column => column.Name == model.Principal);
        string[] columns = [.. ReaderColumns(model).Select(column => column.Name)];
        string type = CSharpType(principal.Kind);
        text.Line(
            $$"""
            /// <summary>The latest attempts of one principal as AdCP's <c>webhook_activity</c>, newest first. There is no way to read another's.</summary>
            /// <param name="principal">Whose: compared to the byte with <c>{{principal.Name}}</c>.</param>
            /// <param name="limit">The most records, 1 to 200.</param>
            /// <param name="cancellationToken">Ends the query.</param>
            /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is not 1 to 200.</exception>
            """);
        using (text.Open(
            $"public async Task<IReadOnlyList<WebhookActivityRecord>> ReadRecentAsync({type} principal, int limit = 50, CancellationToken cancellationToken = default)"))
        {
            if (principal.Kind == ValueKind.Text)
            {
                text.Line("ArgumentNullException.ThrowIfNull(principal);");
            }

            text.Line("ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);");
            text.Line("ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 200);");
            text.Line("List<WebhookActivityRecord> records = [];");
            text.Line("DbConnection connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);");
            text.Line("await using ConfiguredAsyncDisposable connectionScope = connection.ConfigureAwait(false);");
            text.Line("DbCommand command = connection.CreateCommand();");
            text.Line("await using ConfiguredAsyncDisposable commandScope = command.ConfigureAwait(false);");
            text.Line("command.CommandText = RecentSql;");
            string add = $"command.Add(_dialect, DbType.{DbTypeOf(principal.Stored)}, {PrincipalValue(principal)});";
            text.Line(add);
            if (principal.Stored == StoredType.Text && model.Dialect is Dialect.MySql)
            {
                text.Line(add + " // Its parameters have no numbers.");
            }
            else if (principal.Stored == StoredType.Text && model.Dialect == Dialect.Any)
            {
                using (text.Open("if (_dialect == SqlDialect.MySql)"))
                {
                    text.Line("// Its parameters have no numbers, and the principal stands twice.");
                    text.Line(add);
                }

                text.Line();
            }

            text.Line("command.Add(_dialect, DbType.Int32, limit);");
            text.Line("DbDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);");
            text.Line("await using ConfiguredAsyncDisposable readerScope = reader.ConfigureAwait(false);");
            using (text.Open("while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))"))
            {
                text.Line($"DateTimeOffset firedAt = reader.Time({At("OccurredAt")})!.Value;");
                text.Line($"long? status = reader.Number({At("HttpStatusCode")});");
                if (model.Of("ResponseTimeMs") is not null)
                {
                    text.Line($"long? elapsed = reader.Number({At("ResponseTimeMs")});");
                }

                using (text.Open("records.Add(new WebhookActivityRecord", "});"))
                {
                    text.Line($"IdempotencyKey = reader.Text({At("IdempotencyKey")})!,");
                    Optional("NotificationId", "NotificationId", "reader.Text({0})");
                    if (model.Subscriber is not null)
                    {
                        text.Line($"SubscriberId = reader.Text({Array.IndexOf(columns, model.Subscriber)}),");
                    }

                    text.Line("FiredAt = firedAt,");
                    text.Line(model.Of("CompletedAt") is not null
                        ? $"CompletedAt = reader.Time({At("CompletedAt")}),"
                        : "CompletedAt = firedAt + TimeSpan.FromMilliseconds(elapsed ?? 0),");
                    text.Line($"NotificationType = reader.Text({At("NotificationType")})!,");
                    Optional("SequenceNumber", "SequenceNumber", "reader.Number({0})");
                    text.Line($"Attempt = (int)reader.Number({At("AttemptNumber")})!.Value,");
                    text.Line($"Status = ActivityStatus.Of(reader.Text({At("Outcome")})!, status, reader.Text({At("Error")})),");
                    text.Line($"Url = reader.Text({At("Url")})!,");
                    text.Line("HttpStatusCode = (int?)status,");
                    if (model.Of("ResponseTimeMs") is not null)
                    {
                        text.Line("ResponseTimeMs = status is null ? null : elapsed,");
                    }

                    Optional("PayloadSizeBytes", "PayloadSizeBytes", "(int)(reader.Number({0}) ?? 0)");
                    Optional("ErrorMessage", "ErrorMessage", "LogText.Cut(reader.Text({0}), 500)");
                }
            }

            text.Line().Line("return records;");
        }

        text.Line();

        int At(string field) => Array.IndexOf(columns, model.Of(field)!.Name);

        void Optional(string field, string property, string expression)
        {
            if (model.Of(field) is not null)
            {
                text.Line($"{property} = {expression.Replace("{0}", $"{At(field)}")},");
            }
        }
    }

    private static string PrincipalValue(ColumnModel principal) => (principal.Kind, principal.Stored) switch
    {
        (ValueKind.Guid, StoredType.Text) => "principal.ToString()",
        (ValueKind.Text, StoredType.Uuid) => "Guid.Parse(principal)",
        (ValueKind.Time, StoredType.UnixMilliseconds) => "principal.ToUnixTimeMilliseconds()",
        (ValueKind.Time, _) => "principal.UtcDateTime",
        _ => "principal",
    };

    private static IEnumerable<ColumnModel> ReaderColumns(SqlDeliveryLogModel model) => model.Columns.Where(column =>
        column.Name == model.Subscriber
        || column.Field is "IdempotencyKey" or "NotificationId" or "OccurredAt" or "CompletedAt" or "NotificationType" or "SequenceNumber" or "AttemptNumber" or "Outcome"
            or "Error" or "Url" or "HttpStatusCode" or "ResponseTimeMs" or "PayloadSizeBytes" or "ErrorMessage");

    private static void WriteStatements(IndentedWriter text, SqlDeliveryLogModel model, bool copies)
    {
        SqlStatement.Write(text, "CreateSql", model.Dialect, dialect => CreateTable(model, dialect));
        text.Line();
        SqlStatement.Write(text, "ColumnsSql", model.Dialect, dialect => $"SELECT {List(model, dialect)}\nFROM {SqlText.Quote(dialect, model.Table)}\nWHERE 1 = 0");
        text.Line();
        SqlStatement.Write(text, "InsertSql", model.Dialect, dialect => $"INSERT INTO {SqlText.Quote(dialect, model.Table)}\n    ({List(model, dialect)})\nVALUES");
        if (copies)
        {
            text.Line();
            SqlStatement.Write(
                text, "CopySql", Dialect.PostgreSql, dialect => $"COPY {SqlText.Quote(dialect, model.Table)}\n    ({List(model, dialect)})\nFROM STDIN (FORMAT BINARY)");
        }

        if (Identity(model) is { Count: > 0 } identity)
        {
            text.Line();
            SqlStatement.Write(text, "CountSameSql", model.Dialect, dialect => CountSame(model, identity, dialect));
        }

        if (model.HasReader)
        {
            text.Line();
            SqlStatement.Write(text, "RecentSql", model.Dialect, dialect => Recent(model, dialect));
        }
    }

    private static string CreateTable(SqlDeliveryLogModel model, Dialect dialect)
    {
        List<string> lines = [];
        if (!model.Columns.Any(static column => string.Equals(column.Name, "id", StringComparison.OrdinalIgnoreCase)))
        {
            lines.Add(SqlText.Quote(dialect, "id") + dialect switch
            {
                Dialect.Sqlite => " INTEGER PRIMARY KEY",
                Dialect.PostgreSql => " bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                _ => " BIGINT AUTO_INCREMENT PRIMARY KEY",
            });
        }

        foreach (ColumnModel column in model.Columns)
        {
            string type = SqlText.TypeName(dialect, column.Stored, StoredLength(column), column.Name == model.Principal);
            lines.Add($"{SqlText.Quote(dialect, column.Name)} {type}{(column.Nullable ? "" : " NOT NULL")}");
        }

        string[] indexed = [.. new[] { model.Principal, model.Of("OccurredAt")?.Name }.Where(static name => name is not null).Select(static name => name!).Distinct()];
        string index = Index(model.Table, indexed);
        string keys = string.Join(", ", indexed.Select(name => SqlText.Quote(dialect, name)));
        if (dialect == Dialect.MySql && indexed.Length > 0)
        {
            lines.Add($"INDEX {SqlText.Quote(dialect, index)} ({keys})");
        }

        string table = $"CREATE TABLE IF NOT EXISTS {SqlText.Quote(dialect, model.Table)} (\n    {string.Join(",\n    ", lines)}\n){SqlText.TableOptions(dialect)}";
        if (dialect == Dialect.MySql || indexed.Length == 0)
        {
            return table;
        }

        // SQLite wants the schema before the index, PostgreSQL before the table.
        string[] parts = model.Table.Split('.');
        bool moves = dialect == Dialect.Sqlite && parts.Length == 2;
        return $"{table};\nCREATE INDEX IF NOT EXISTS {SqlText.Quote(dialect, moves ? parts[0] + "." + index : index)}\n"
            + $"    ON {SqlText.Quote(dialect, moves ? parts[1] : model.Table)} ({keys})";
    }

    /// <summary>The declared length of a text: its bound, or what its redaction makes of it.</summary>
    private static int StoredLength(ColumnModel column) => column.Redaction switch
    {
        Redaction.Hash => 32,
        Redaction.Mask => 10,
        _ => column.MaxLength,
    };

    private static string Index(string table, string[] columns)
    {
        string name = $"ix_{table.Split('.').Last()}_{string.Join("_", columns)}";
        return name.Length <= 63 ? name : name[..63];
    }

    private static string List(SqlDeliveryLogModel model, Dialect dialect) =>
        SqlText.Wrap(model.Columns.Select(column => SqlText.Quote(dialect, column.Name)), "    ");

    /// <summary>
    /// What makes a row known again: its key, and when it happened to the second, since a table may keep no fractions. Empty where the log does not keep both.
    /// </summary>
    private static List<ColumnModel> Identity(SqlDeliveryLogModel model)
    {
        if (model.Of("IdempotencyKey") is not { Redaction: not Redaction.Mask } key || model.Of("OccurredAt") is not { } time)
        {
            return [];
        }

        List<ColumnModel> identity = [key];
        if (model.Of("AttemptNumber") is { } number)
        {
            identity.Add(number);
        }

        if (model.Of("Outcome") is { Redaction: not Redaction.Mask } outcome)
        {
            identity.Add(outcome);
        }

        // With it, the table's index finds the row.
        if (model.Columns.FirstOrDefault(column => column.Name == model.Principal) is { Nullable: false } principal && !identity.Contains(principal) && principal != time)
        {
            identity.Add(principal);
        }

        identity.Add(time);
        return identity;
    }

    private static string CountSame(SqlDeliveryLogModel model, List<ColumnModel> identity, Dialect dialect)
    {
        List<string> conditions = [];
        int position = 0;
        foreach (ColumnModel column in identity)
        {
            string name = SqlText.Quote(dialect, column.Name);
            position++;
            conditions.Add(column.Field == "OccurredAt"
                ? $"{name} >= {SqlText.Parameter(dialect, position)} AND {name} <= {SqlText.Parameter(dialect, position + 1)}"
                : $"{name} = {SqlText.Parameter(dialect, position)}");
        }

        return $"SELECT COUNT(*)\nFROM {SqlText.Quote(dialect, model.Table)}\nWHERE {string.Join("\n    AND ", conditions)}";
    }

    private static string Recent(SqlDeliveryLogModel model, Dialect dialect)
    {
        ColumnModel principal = model.Columns.First(column => column.Name == model.Principal);
        string Name(string field) => SqlText.Quote(dialect, model.Of(field)!.Name);
        string scope = principal.Stored == StoredType.Text
            ? SqlText.ExactMatch(dialect, principal.Name, SqlText.Parameter(dialect, 1))
            : $"{SqlText.Quote(dialect, principal.Name)} = {SqlText.Parameter(dialect, 1)}";

        // Without that field a delivery that was cut short cannot be told from an attempt that was: neither is shown.
        string attempts = model.Of("IsAttempt") is not null
            ? $"{Name("IsAttempt")} = TRUE AND {Name("Outcome")} <> 'refused'"
            : $"{Name("AttemptNumber")} >= 1 AND {Name("Outcome")} IN ('success', 'failure')";
        return $"""
            SELECT {SqlText.Wrap(ReaderColumns(model).Select(column => SqlText.Quote(dialect, column.Name)), "    ")}
            FROM {SqlText.Quote(dialect, model.Table)}
            WHERE {scope}
                AND {Name("NotificationType")} IS NOT NULL AND {attempts}
            ORDER BY {Name("OccurredAt")} DESC, {Name("AttemptNumber")} DESC
            LIMIT {SqlText.Parameter(dialect, 2)}
            """;
    }

    private static void WriteComputations(IndentedWriter text, EquatableArray<ColumnModel> columns)
    {
        foreach (ColumnModel column in columns.Where(static column => column.Member is not null))
        {
            text.Line();
            text.Line(
                $$"""
                private {{CSharpType(column.Kind)}}{{(column.Nullable ? "?" : "")}} {{column.Computation}}(DeliveryAttempt attempt)
                {
                    try
                    {
                        return {{Literal.Name(column.Member!)}}(attempt);
                    }
                    catch (Exception reason)
                    {
                        throw new SqlRowException({{Literal.Of(column.Name)}}, reason);
                    }
                }
                """);
        }
    }

    private static void WriteTable(IndentedWriter text, SqlDeliveryLogModel model, bool copies)
    {
        string owner = model.Dialect == Dialect.Any ? "log." : "";
        List<ColumnModel> identity = Identity(model);
        text.Line("/// <summary>The table as the batch writer fills it.</summary>");
        using (text.Open($"private sealed class Table({model.Type.Name} log) : SqlTable<DeliveryAttempt>"))
        {
            text.Line("private static readonly DbType[] Types =");
            text.Line($"[\n    {SqlText.Wrap(model.Columns.Select(static column => "DbType." + DbTypeOf(column.Stored)), "    ")},\n];").Line();
            if (identity.Count > 0)
            {
                IEnumerable<ColumnModel> parameters = identity.Concat([identity[^1]]);
                text.Line($"private static readonly DbType[] KeyTypes = [{string.Join(", ", parameters.Select(static column => "DbType." + DbTypeOf(column.Stored)))}];").Line();
            }

            text.Line($"public override string Insert => {owner}InsertSql;").Line();
            text.Line("public override IReadOnlyList<DbType> Columns => Types;").Line();
            if (identity.Count > 0)
            {
                text.Line($"public override string CountSame => {owner}CountSameSql;").Line();
                text.Line("public override IReadOnlyList<DbType> IdentityTypes => KeyTypes;").Line();
            }

            using (text.Open("public override void Bind(DeliveryAttempt attempt, ReadOnlySpan<DbParameter> parameters)"))
            {
                for (int i = 0; i < model.Columns.Count; i++)
                {
                    string value = Owned(model.Columns[i].StoredValue);
                    text.Line($"parameters[{i}].Value = {(MayBeNull(model.Columns[i]) ? $"SqlValue.OrNull({value})" : value)};");
                }
            }

            if (identity.Count > 0)
            {
                WriteIdentity(text, identity);
            }

            if (copies)
            {
                WriteCopy(text, model);
            }

            text.Line().Line("public override void Rejected(DeliveryAttempt attempt, Exception reason) => log.OnRejected(attempt, reason);");
        }
    }

    private static void WriteIdentity(IndentedWriter text, List<ColumnModel> identity)
    {
        ColumnModel time = identity[^1];
        bool unix = time.Stored == StoredType.UnixMilliseconds;
        text.Line().Line("public override object?[] Identity(DeliveryAttempt attempt) =>");
        text.Line("[");
        using (text.Indent())
        {
            foreach (ColumnModel column in identity.Take(identity.Count - 1))
            {
                text.Line(Owned(column.StoredValue) + ",");
            }

            text.Line($"{time.StoredValue}{(unix ? " - 1000" : ".AddSeconds(-1)")},");
            text.Line($"{time.StoredValue}{(unix ? " + 1000" : ".AddSeconds(1)")},");
        }

        text.Line("];");
    }

    private static void WriteCopy(IndentedWriter text, SqlDeliveryLogModel model)
    {
        text.Line().Line(
            """
            public override bool CanCopy(DbConnection connection) => connection is NpgsqlConnection;

            """);
        using (text.Open("public override async Task CopyAsync(DbConnection connection, ReadOnlyMemory<DeliveryAttempt> rows, CancellationToken cancellationToken)"))
        {
            text.Line(
                """
                NpgsqlBinaryImporter copy = await ((NpgsqlConnection)connection).BeginBinaryImportAsync(CopySql, cancellationToken).ConfigureAwait(false);
                await using ConfiguredAsyncDisposable copyScope = copy.ConfigureAwait(false);
                """);
            using (text.Open("for (int i = 0; i < rows.Length; i++)"))
            {
                text.Line("DeliveryAttempt attempt = rows.Span[i];");
                text.Line("await copy.StartRowAsync(cancellationToken).ConfigureAwait(false);");
                foreach (ColumnModel column in model.Columns)
                {
                    string write = MayBeNull(column) ? "WriteOrNullAsync(copy, " : "copy.WriteAsync(";
                    text.Line($"await {write}{Owned(column.StoredValue)}, NpgsqlDbType.{NpgsqlTypeOf(column.Stored)}, cancellationToken).ConfigureAwait(false);");
                }
            }

            text.Line().Line("await copy.CompleteAsync(cancellationToken).ConfigureAwait(false);");
        }

        if (model.Columns.Any(static column => MayBeNull(column) && column.Stored == StoredType.Text))
        {
            text.Line().Line(
                """
                private static Task WriteOrNullAsync(NpgsqlBinaryImporter copy, string? value, NpgsqlDbType type, CancellationToken cancellationToken) =>
                    value is null ? copy.WriteNullAsync(cancellationToken) : copy.WriteAsync(value, type, cancellationToken);
                """);
        }

        if (model.Columns.Any(static column => column.Nullable && column.Stored != StoredType.Text))
        {
            text.Line().Line(
                """
                private static Task WriteOrNullAsync<T>(NpgsqlBinaryImporter copy, T? value, NpgsqlDbType type, CancellationToken cancellationToken)
                    where T : struct => value is { } some ? copy.WriteAsync(some, type, cancellationToken) : copy.WriteNullAsync(cancellationToken);
                """);
        }
    }

    /// <summary>Inside the nested table, what the class computes is the class's.</summary>
    private static string Owned(string value) => value.Replace("Compute_", "log.Compute_");

    /// <summary>Also true for a member that promises a text: if it gives null all the same, the table's NOT NULL judges.</summary>
    private static bool MayBeNull(ColumnModel column) => column.Nullable || column is { Member: not null, Kind: ValueKind.Text };

    private static string CSharpType(ValueKind kind) => kind switch
    {
        ValueKind.Text => "string",
        ValueKind.Int16 => "short",
        ValueKind.Int32 => "int",
        ValueKind.Int64 => "long",
        ValueKind.Double => "double",
        ValueKind.Decimal => "decimal",
        ValueKind.Boolean => "bool",
        ValueKind.Guid => "Guid",
        _ => "DateTimeOffset",
    };

    private static string DbTypeOf(StoredType stored) => stored switch
    {
        StoredType.SmallInt => "Int16",
        StoredType.Integer => "Int32",
        StoredType.BigInt or StoredType.UnixMilliseconds => "Int64",
        StoredType.Double => "Double",
        StoredType.Numeric => "Decimal",
        StoredType.Boolean => "Boolean",
        StoredType.Timestamp => "DateTime",
        StoredType.Uuid => "Guid",
        _ => "String",
    };

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
