using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <content>Sinks that are not tables: JSON Lines, loggers and fan-outs.</content>
public sealed partial class DeliveryLogGenerator
{
    private static string JsonLinesLog(DeliveryLogModel model)
    {
        ColumnModel[] columns = Forgiving(model);
        return GeneratedFile.Of(model.Type, [Global.IDeliveryLogSink, Global.IAsyncDisposable], text =>
        {
            WriteJsonLinesSink(text, model);
            WriteOnNotComputed(text, columns);
            text.Line().Line("/// <summary>The members of a line.</summary>").Line(GeneratedFile.Uncovered);
            using (text.Open($"private sealed class AdcpLines{(HasComputed(columns) ? $"({model.Type.FullName} log)" : "")}"))
            {
                using (text.Open($"public void Write({Global.Utf8JsonWriter} json, {Global.DeliveryAttempt} attempt)"))
                {
                    for (int i = 0; i < columns.Length; i++)
                    {
                        // An empty line after a block.
                        if (i > 0 && columns[i - 1].Nullable)
                        {
                            text.Line();
                        }

                        WriteMember(text, columns[i], $"value{i}");
                    }
                }

                WriteForgivingComputations(text, model.Type, columns);
            }
        });
    }

    private static void WriteJsonLinesSink(IndentedWriter text, DeliveryLogModel model)
    {
        string access = model.Type.HasConstructor ? "private" : "public";
        string owner = HasComputed(model.Columns) ? "this" : "";
        text.Line(
            $$"""
            {{GeneratedFile.GeneratedCode}}
            private readonly {{Global.JsonLinesDeliveryLogSink}} _adcpLines;

            /// <summary>Creates a sink that writes to a pipe. The caller completes the pipe.</summary>
            /// <param name="output">The pipe.</param>
            {{GeneratedFile.Uncovered}}
            {{access}} {{model.Type.Name}}({{Global.PipeWriter}} output) =>
                _adcpLines = new {{Global.JsonLinesDeliveryLogSink}}(output, new AdcpLines({{owner}}).Write);

            /// <summary>Creates a sink that appends to a file.</summary>
            /// <param name="path">The file. It is created if it is absent.</param>
            {{GeneratedFile.Uncovered}}
            {{access}} {{model.Type.Name}}(string path) =>
                _adcpLines = new {{Global.JsonLinesDeliveryLogSink}}(path, new AdcpLines({{owner}}).Write);

            /// <inheritdoc/>
            {{GeneratedFile.Uncovered}}
            public {{Global.ValueTask}} RecordAsync(
                {{Global.ReadOnlyMemory}}<{{Global.DeliveryAttempt}}> attempts, {{Global.CancellationToken}} cancellationToken) =>
                _adcpLines.RecordAsync(attempts, cancellationToken);

            /// <summary>Flushes, and closes the file if the sink opened it.</summary>
            {{GeneratedFile.Uncovered}}
            public {{Global.ValueTask}} DisposeAsync() => _adcpLines.DisposeAsync();
            """);
    }

    private static void WriteMember(IndentedWriter text, ColumnModel column, string local)
    {
        bool unix = column.Stored == StoredType.UnixMilliseconds;
        string value = unix ? column.StoredValue : column.Value;
        string method = column.Kind switch
        {
            ValueKind.Boolean => "WriteBoolean",
            ValueKind.Text or ValueKind.Guid or ValueKind.Time when !unix => "WriteString",
            _ => "WriteNumber",
        };
        if (!column.Nullable)
        {
            text.Line($"json.{method}(\"{column.Name}\"u8, {value});");
            return;
        }

        using (text.Open($"if ({value} is {{ }} {local})"))
        {
            text.Line($"json.{method}(\"{column.Name}\"u8, {local});");
        }
    }

    private static string LoggerLog(DeliveryLogModel model)
    {
        ColumnModel[] columns = Forgiving(model);
        return GeneratedFile.Of(model.Type, [Global.IDeliveryLogSink], text =>
        {
            WriteLoggerSink(text, model);
            WriteOnNotComputed(text, columns);
            text.Line().Line("/// <summary>The entries of the logger.</summary>").Line(GeneratedFile.Uncovered);
            string owner = HasComputed(columns) ? model.Type.FullName + " log, " : "";
            using (text.Open($"private sealed class AdcpEntries({owner}{Global.ILogger} logger)"))
            {
                WriteEntries(text, model);
                WriteEntry(text.Line(), columns);
                WriteForgivingComputations(text, model.Type, columns);
            }
        });
    }

    private static void WriteLoggerSink(IndentedWriter text, DeliveryLogModel model)
    {
        string owner = HasComputed(model.Columns) ? "this, " : "";
        text.Line(
            $$"""
            {{GeneratedFile.GeneratedCode}}
            private readonly AdcpEntries _adcpEntries;

            /// <summary>Creates a sink that writes to a logger.</summary>
            /// <param name="logger">The logger.</param>
            {{GeneratedFile.Uncovered}}
            {{(model.Type.HasConstructor ? "private" : "public")}} {{model.Type.Name}}({{Global.ILogger}} logger)
            {
                {{Global.ArgumentNullException}}.ThrowIfNull(logger);
                _adcpEntries = new AdcpEntries({{owner}}logger);
            }

            /// <inheritdoc/>
            {{GeneratedFile.Uncovered}}
            public {{Global.ValueTask}} RecordAsync(
                {{Global.ReadOnlyMemory}}<{{Global.DeliveryAttempt}}> attempts, {{Global.CancellationToken}} cancellationToken)
            {
                foreach ({{Global.DeliveryAttempt}} attempt in attempts.Span)
                {
                    _adcpEntries.Write(attempt);
                }

                return {{Global.ValueTask}}.CompletedTask;
            }
            """);
    }

    private static void WriteEntries(IndentedWriter text, DeliveryLogModel model)
    {
        string entry = $"{Global.List}<{Global.KeyValuePair}<string, object?>>";
        text.Line(
            $$"""
            private static readonly {{Global.Func}}<
                {{entry}},
                {{Global.Exception}}?,
                string> Format = FormatEntry;

            public void Write({{Global.DeliveryAttempt}} attempt)
            {
                {{Global.LogLevel}} level = attempt.Outcome == {{Global.AttemptOutcome}}.Success
                    ? {{Global.LogLevel}}.Information
                    : {{Global.LogLevel}}.Warning;
                if (logger.IsEnabled(level))
                {
                    logger.Log(level, new {{Global.EventId}}({{model.EventId}}, "WebhookAttempt"), EntryOf(attempt), null, Format);
                }
            }

            /// <summary>Writes the entry as one line, for loggers that keep no properties.</summary>
            private static string FormatEntry(
                {{entry}} entry, {{Global.Exception}}? fault)
            {
                {{Global.StringBuilder}} line = new("Webhook attempt");
                foreach ({{Global.KeyValuePair}}<string, object?> property in entry)
                {
                    line.Append({{Global.InvariantCulture}}, $" {property.Key}={property.Value}");
                }

                return line.ToString();
            }
            """);
    }

    private static void WriteEntry(IndentedWriter text, ColumnModel[] columns)
    {
        string list = $"{Global.List}<{Global.KeyValuePair}<string, object?>>";
        text.Line($"private {list} EntryOf(");
        text.Line($"    {Global.DeliveryAttempt} attempt)");
        using (text.Open())
        {
            text.Line($"{list} entry = new({columns.Length});");
            for (int i = 0; i < columns.Length; i++)
            {
                ColumnModel column = columns[i];
                string value = column.Stored == StoredType.UnixMilliseconds ? column.StoredValue : column.Value;
                if (!column.Nullable)
                {
                    text.Line($"entry.Add(new(\"{column.Name}\", {value}));");
                    continue;
                }

                using (text.Open($"if ({value} is {{ }} value{i})"))
                {
                    text.Line($"entry.Add(new(\"{column.Name}\", value{i}));");
                }

                text.Line();
            }

            text.Line("return entry;");
        }
    }

    private static string FanOutLog(FanOutModel model)
    {
        // A public constructor cannot have a parameter of an internal type.
        string access = model.Type.HasConstructor ? "private" : model.ArePublic ? "public" : "internal";
        string parameters = string.Join(",\n    ", model.Parts.Select(static (part, i) => $"{part} sink{i + 1}"));
        string arguments = string.Join(", ", model.Parts.Select(static (_, i) => $"sink{i + 1}"));
        return GeneratedFile.Of(model.Type, [Global.IDeliveryLogSink], text => text.Line(
            $$"""
            {{GeneratedFile.GeneratedCode}}
            private readonly {{Global.FanOutDeliveryLogSink}} _adcpSinks;

            /// <summary>Creates a sink that passes every record to all of these sinks. The caller disposes them.</summary>
            {{GeneratedFile.Uncovered}}
            {{access}} {{model.Type.Name}}(
                {{parameters}}) =>
                _adcpSinks = new {{Global.FanOutDeliveryLogSink}}({{arguments}});

            /// <inheritdoc/>
            {{GeneratedFile.Uncovered}}
            public {{Global.ValueTask}} RecordAsync(
                {{Global.ReadOnlyMemory}}<{{Global.DeliveryAttempt}}> attempts, {{Global.CancellationToken}} cancellationToken) =>
                _adcpSinks.RecordAsync(attempts, cancellationToken);
            """));
    }

    private static bool HasComputed(IEnumerable<ColumnModel> columns) => columns.Any(static column => column.Computed is not null);

    /// <summary>
    /// Returns the columns whose value is left out if their method fails: a text log has no row to refuse.
    /// </summary>
    private static ColumnModel[] Forgiving(DeliveryLogModel model) =>
        [.. model.Columns.Select(static column => column.Computed is null ? column : column with { Nullable = true })];

    private static void WriteOnNotComputed(IndentedWriter text, ColumnModel[] columns)
    {
        if (HasComputed(columns))
        {
            text.Line(
                $$"""

                /// <summary>Receives each value that could not be computed and is left out. Implement it to log them.</summary>
                /// <param name="attempt">The record, valid during the call only.</param>
                /// <param name="column">The column.</param>
                /// <param name="reason">The exception of the method that computes the column.</param>
                partial void OnNotComputed({{Global.DeliveryAttempt}} attempt, string column, {{Global.Exception}} reason);
                """);
        }
    }

    private static void WriteForgivingComputations(IndentedWriter text, TypeModel type, ColumnModel[] columns)
    {
        foreach (ColumnModel column in columns.Where(static column => column.Computed is not null))
        {
            text.Line(
                $$"""

                private {{CSharpType(column.Kind)}}? {{column.Computed!.Method}}({{Global.DeliveryAttempt}} attempt)
                {
                    try
                    {
                        return {{column.Computed.Target(type, "log")}}(attempt);
                    }
                    catch ({{Global.Exception}} reason)
                    {
                        log.OnNotComputed(attempt, {{Literal.Of(column.Name)}}, reason);
                        return null;
                    }
                }
                """);
        }
    }
}
