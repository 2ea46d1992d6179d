using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <content>A sink for a table: the members of the class, and the nested class behind them.</content>
public sealed partial class DeliveryLogGenerator
{
    internal static string CSharpType(ValueKind kind) => kind switch
    {
        ValueKind.Text => "string",
        ValueKind.Int16 => "short",
        ValueKind.Int32 => "int",
        ValueKind.Int64 => "long",
        ValueKind.Double => "double",
        ValueKind.Decimal => "decimal",
        ValueKind.Boolean => "bool",
        ValueKind.Guid => Global.Guid,
        _ => Global.DateTimeOffset,
    };

    private static string SqlLog(SqlDeliveryLogModel model, bool npgsql) =>
        GeneratedFile.Of(model.Type, [Global.IDeliveryLogSink, Global.IStoreTables, Global.IAsyncDisposable], text =>
        {
            WriteConstructor(text, model);
            WriteSink(text);
            if (model.HasReader)
            {
                WriteReadRecent(text, model);
            }

            WriteTable(text.Line(), model, npgsql && model.Dialect is Dialect.Any or Dialect.PostgreSql);
        });

    private static void WriteConstructor(IndentedWriter text, SqlDeliveryLogModel model)
    {
        bool isAny = model.Dialect == Dialect.Any;
        text.Line(
            $$"""
            {{GeneratedFile.GeneratedCode}}
            private readonly AdcpTable _adcpTable;

            /// <summary>Creates the sink of table <c>{{model.Table}}</c>. No connection is opened before the first batch.</summary>
            /// <param name="source">Opens connections. The caller disposes it.</param>
            """);
        if (isAny)
        {
            text.Line("/// <param name=\"dialect\">The SQL dialect of the database.</param>");
        }

        text.Line("/// <param name=\"time\">The clock for waiting; null for the system's.</param>");

        // The user's constructors chain to this one, so the user decides how the class is created.
        bool chained = model.Type.HasConstructor;
        if (chained)
        {
            text.Line("#pragma warning disable CS8618 // The constructors that chain to this one set the members of the class.");
        }

        text.Line(
            $$"""
            {{GeneratedFile.Uncovered}}
            {{(chained ? "private" : "public")}} {{model.Type.Name}}(
                {{Global.DbDataSource}} source, {{(isAny ? Global.SqlDialect + " dialect, " : "")}}{{Global.TimeProvider}}? time = null)
            {
                {{Global.ArgumentNullException}}.ThrowIfNull(source);
                _adcpTable = new AdcpTable(this, source, {{(isAny ? "dialect" : $"{Global.SqlDialect}.{model.Dialect}")}}, time);
            }
            """);
        if (chained)
        {
            text.Line("#pragma warning restore CS8618");
        }
    }

    private static void WriteSink(IndentedWriter text) => text.Line(
        $$"""

        /// <summary>Gets the number of records that were written, refused, lost or are in doubt.</summary>
        {{GeneratedFile.Uncovered}}
        public {{Global.SqlBatchCounts}} Counts => _adcpTable.Writer.Counts;

        /// <inheritdoc/>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}} RecordAsync(
            {{Global.ReadOnlyMemory}}<{{Global.DeliveryAttempt}}> attempts, {{Global.CancellationToken}} cancellationToken) =>
            _adcpTable.Writer.WriteAsync(attempts, cancellationToken);

        /// <summary>Closes the connection of the sink.</summary>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}} DisposeAsync() => _adcpTable.Writer.DisposeAsync();

        /// <summary>
        /// Creates the table if it is absent, and checks that it has every mapped column. A table without a version row is left as it is.
        /// </summary>
        /// <param name="cancellationToken">Ends the call.</param>
        {{GeneratedFile.Uncovered}}
        public {{Global.ValueTask}} CreateIfAbsentAsync({{Global.CancellationToken}} cancellationToken = default) =>
            _adcpTable.CreateIfAbsentAsync(cancellationToken);

        /// <summary>Receives each record that the table refused. Implement it to log them.</summary>
        /// <param name="attempt">The record, valid during the call only.</param>
        /// <param name="reason">The reason of the database or of a method that computes a column.</param>
        partial void OnRejected({{Global.DeliveryAttempt}} attempt, {{Global.Exception}} reason);
        """);

    private static void WriteTable(IndentedWriter text, SqlDeliveryLogModel model, bool copies)
    {
        List<ColumnModel> identity = Identity(model);
        text.Line("/// <summary>The table as the batch writer fills it.</summary>").Line(GeneratedFile.Uncovered);
        using (text.Open($"private sealed class AdcpTable : {Global.SqlTable}<{Global.DeliveryAttempt}>"))
        {
            WriteTypes(text, model, identity);
            text.Line(
                $$"""
                private readonly {{model.Type.FullName}} _log;
                private readonly {{Global.DbDataSource}} _source;
                private readonly {{Global.SqlDialect}} _dialect;

                public AdcpTable(
                    {{model.Type.FullName}} log,
                    {{Global.DbDataSource}} source,
                    {{Global.SqlDialect}} dialect,
                    {{Global.TimeProvider}}? time)
                {
                    _log = log;
                    _source = source;
                    _dialect = dialect;
                    Writer = new {{Global.SqlBatchWriter}}<{{Global.DeliveryAttempt}}>(source, dialect, this, time);
                }

                public {{Global.SqlBatchWriter}}<{{Global.DeliveryAttempt}}> Writer { get; }

                public override string Insert => InsertSql;

                public override {{Global.IReadOnlyList}}<{{Global.DbType}}> Columns => Types;

                """);
            if (identity.Count > 0)
            {
                text.Line(
                    $$"""
                    public override string CountSame => CountSameSql;

                    public override {{Global.IReadOnlyList}}<{{Global.DbType}}> IdentityTypes => KeyTypes;

                    """);
            }

            WriteCreate(text, model);
            WriteBind(text.Line(), model);
            if (identity.Count > 0)
            {
                WriteIdentity(text, identity);
            }

            if (copies)
            {
                WriteCopy(text, model);
            }

            text.Line(
                $$"""

                public override void Rejected({{Global.DeliveryAttempt}} attempt, {{Global.Exception}} reason) =>
                    _log.OnRejected(attempt, reason);
                """);
            if (model.HasReader)
            {
                WriteReader(text, model);
            }

            WriteComputations(text, model);
            WriteStatements(text.Line(), model, copies);
        }
    }

    private static void WriteTypes(IndentedWriter text, SqlDeliveryLogModel model, List<ColumnModel> identity)
    {
        WriteArray("Types", model.Columns);
        if (identity.Count > 0)
        {
            WriteArray("KeyTypes", identity.Concat([identity[^1]]));
        }

        void WriteArray(string name, IEnumerable<ColumnModel> columns)
        {
            string types = SqlText.Wrap(columns.Select(static column => $"{Global.DbType}.{DbTypeOf(column.Stored)}"), "    ");
            text.Line($"private static readonly {Global.DbType}[] {name} =\n[\n    {types},\n];").Line();
        }
    }

    private static void WriteCreate(IndentedWriter text, SqlDeliveryLogModel model) => text.Line(
        $$"""
        public async {{Global.ValueTask}} CreateIfAbsentAsync({{Global.CancellationToken}} cancellationToken)
        {
            {{Global.SqlSchema}} schema = new(_dialect, {{Literal.Of(model.Table)}}, new {{Global.SqlMigration}}([CreateSql]));
            await schema.ApplyAsync(_source, cancellationToken).ConfigureAwait(false);
            await schema.RequireAsync(_source, ColumnsSql, cancellationToken).ConfigureAwait(false);
        }
        """);

    private static void WriteBind(IndentedWriter text, SqlDeliveryLogModel model)
    {
        text.Line("public override void Bind(");
        text.Line($"    {Global.DeliveryAttempt} attempt, {Global.ReadOnlySpan}<{Global.DbParameter}> parameters)");
        using (text.Open())
        {
            for (int i = 0; i < model.Columns.Count; i++)
            {
                string value = model.Columns[i].StoredValue;
                text.Line($"parameters[{i}].Value = {(MayBeNull(model.Columns[i]) ? $"{Global.SqlValue}.OrNull({value})" : value)};");
            }
        }
    }

    private static void WriteIdentity(IndentedWriter text, List<ColumnModel> identity)
    {
        ColumnModel time = identity[^1];
        bool unix = time.Stored == StoredType.UnixMilliseconds;
        text.Line().Line($"public override object?[] Identity({Global.DeliveryAttempt} attempt) =>");
        text.Line("[");
        using (text.Indent())
        {
            foreach (ColumnModel column in identity.Take(identity.Count - 1))
            {
                text.Line(column.StoredValue + ",");
            }

            text.Line($"{time.StoredValue}{(unix ? " - 1000" : ".AddSeconds(-1)")},");
            text.Line($"{time.StoredValue}{(unix ? " + 1000" : ".AddSeconds(1)")},");
        }

        text.Line("];");
    }

    private static void WriteComputations(IndentedWriter text, SqlDeliveryLogModel model)
    {
        foreach (ColumnModel column in model.Columns.Where(static column => column.Computed is not null))
        {
            string type = CSharpType(column.Kind) + (column.Nullable ? "?" : "");
            text.Line(
                $$"""

                private {{type}} {{column.Computed!.Method}}({{Global.DeliveryAttempt}} attempt)
                {
                    try
                    {
                        return {{column.Computed.Target(model.Type, "_log")}}(attempt);
                    }
                    catch ({{Global.Exception}} reason)
                    {
                        throw new {{Global.SqlRowException}}({{Literal.Of(column.Name)}}, reason);
                    }
                }
                """);
        }
    }

    /// <summary>
    /// Returns whether a value may be null. <c>true</c> also for a method that promises a text: if it returns null
    /// nevertheless, the table's NOT NULL refuses the row.
    /// </summary>
    private static bool MayBeNull(ColumnModel column) => column.Nullable || column is { Computed: not null, Kind: ValueKind.Text };

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
}
