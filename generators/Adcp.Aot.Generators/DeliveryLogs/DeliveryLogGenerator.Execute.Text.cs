using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

public sealed partial class DeliveryLogGenerator
{
    private static string JsonLinesLog(DeliveryLogModel model)
    {
        ColumnModel[] columns = Forgiving(model);
        string access = model.Type.HasConstructor ? "private" : "public";
        return GeneratedFile.Of(
            model.Type, ["System", "System.IO.Pipelines", "System.Text.Json", "System.Threading", "System.Threading.Tasks", "Adcp.Aot.Auditing"], "IDeliveryLogSink, IAsyncDisposable", text =>
            {
                text.Line(
                    $$"""
                    private readonly JsonLinesDeliveryLogSink _lines;

                    /// <summary>Writes to a pipe that stays the caller's.</summary>
                    {{access}} {{model.Type.Name}}(PipeWriter output) => _lines = new JsonLinesDeliveryLogSink(output, Write);

                    /// <summary>Appends to a file, made if absent.</summary>
                    {{access}} {{model.Type.Name}}(string path) => _lines = new JsonLinesDeliveryLogSink(path, Write);

                    /// <inheritdoc/>
                    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken) =>
                        _lines.RecordAsync(attempts, cancellationToken);

                    /// <summary>Flushes, and closes the file if the sink opened it.</summary>
                    public ValueTask DisposeAsync() => _lines.DisposeAsync();

                    """);
                WriteForgivingComputations(text, columns);
                using (text.Open("private void Write(Utf8JsonWriter json, DeliveryAttempt attempt)"))
                {
                    for (int i = 0; i < columns.Length; i++)
                    {
                        // A block is set off from what follows it.
                        if (i > 0 && columns[i - 1].Nullable)
                        {
                            text.Line();
                        }

                        WriteMember(text, columns[i]);
                    }
                }
            });
    }

    private static void WriteMember(IndentedWriter text, ColumnModel column)
    {
        string name = $"\"{column.Name}\"u8";
        string method = column.Kind switch
        {
            ValueKind.Boolean => "WriteBoolean",
            ValueKind.Text or ValueKind.Guid or ValueKind.Time => "WriteString",
            _ => "WriteNumber",
        };
        bool unix = column.Stored == Sql.StoredType.UnixMilliseconds;
        if (!column.Nullable)
        {
            text.Line(unix ? $"json.WriteNumber({name}, {column.StoredValue});" : $"json.{method}({name}, {column.Value});");
            return;
        }

        // One name a member: the scopes of several patterns in one method are one.
        string local = "value_" + column.Name;
        using (text.Open($"if ({(unix ? column.StoredValue : column.Value)} is {{ }} {local})"))
        {
            text.Line($"json.{(unix ? "WriteNumber" : method)}({name}, {local});");
        }
    }

    private static string LoggerLog(DeliveryLogModel model)
    {
        ColumnModel[] columns = Forgiving(model);
        string access = model.Type.HasConstructor ? "private" : "public";
        return GeneratedFile.Of(
            model.Type,
            ["System", "System.Collections.Generic", "System.Globalization", "System.Text", "System.Threading", "System.Threading.Tasks", "Adcp.Aot.Auditing", "Microsoft.Extensions.Logging"],
            "IDeliveryLogSink",
            text =>
            {
                text.Line(
                    $$"""
                    private static readonly Func<List<KeyValuePair<string, object?>>, Exception?, string> Format = Say;

                    private readonly ILogger _logger;

                    /// <summary>Writes to a logger.</summary>
                    {{access}} {{model.Type.Name}}(ILogger logger)
                    {
                        ArgumentNullException.ThrowIfNull(logger);
                        _logger = logger;
                    }

                    /// <inheritdoc/>
                    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken)
                    {
                        foreach (DeliveryAttempt attempt in attempts.Span)
                        {
                            LogLevel level = attempt.Outcome == AttemptOutcome.Success ? LogLevel.Information : LogLevel.Warning;
                            if (_logger.IsEnabled(level))
                            {
                                _logger.Log(level, new EventId({{model.EventId}}, "WebhookAttempt"), Entry(attempt), null, Format);
                            }
                        }

                        return ValueTask.CompletedTask;
                    }

                    """);
                WriteForgivingComputations(text, columns);
                using (text.Open("private List<KeyValuePair<string, object?>> Entry(DeliveryAttempt attempt)"))
                {
                    text.Line($"List<KeyValuePair<string, object?>> entry = new({columns.Length});");
                    foreach (ColumnModel column in columns)
                    {
                        string value = column.Stored == Sql.StoredType.UnixMilliseconds ? column.StoredValue : column.Value;
                        if (!column.Nullable)
                        {
                            text.Line($"entry.Add(new(\"{column.Name}\", {value}));");
                            continue;
                        }

                        using (text.Open($"if ({value} is {{ }} value_{column.Name})"))
                        {
                            text.Line($"entry.Add(new(\"{column.Name}\", value_{column.Name}));");
                        }

                        text.Line();
                    }

                    text.Line("return entry;");
                }

                text.Line().Line(
                    """
                    /// <summary>The entry as one line, for loggers that keep no properties.</summary>
                    private static string Say(List<KeyValuePair<string, object?>> entry, Exception? fault)
                    {
                        StringBuilder line = new("Webhook attempt");
                        foreach (KeyValuePair<string, object?> property in entry)
                        {
                            line.Append(CultureInfo.InvariantCulture, $" {property.Key}={property.Value}");
                        }

                        return line.ToString();
                    }
                    """);
            });
    }

    private static string FanOutLog(FanOutModel model)
    {
        string access = model.Type.HasConstructor ? "private" : "public";
        string parameters = string.Join(", ", model.Parts.Select(static (part, i) => $"{part} sink{i + 1}"));
        string arguments = string.Join(", ", model.Parts.Select(static (_, i) => $"sink{i + 1}"));
        return GeneratedFile.Of(model.Type, ["System", "System.Threading", "System.Threading.Tasks", "Adcp.Aot.Auditing"], "IDeliveryLogSink", text => text.Line(
            $$"""
            private readonly FanOutDeliveryLogSink _sinks;

            /// <summary>Gives every record to all of these. They stay the caller's.</summary>
            {{access}} {{model.Type.Name}}({{parameters}}) => _sinks = new FanOutDeliveryLogSink({{arguments}});

            /// <inheritdoc/>
            public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken) =>
                _sinks.RecordAsync(attempts, cancellationToken);
            """));
    }

    /// <summary>In a text log a member that fails leaves its value out: there is no row to refuse.</summary>
    private static ColumnModel[] Forgiving(DeliveryLogModel model) =>
        [.. model.Columns.Select(static column => column.Member is null ? column : column with { Nullable = true })];

    private static void WriteForgivingComputations(IndentedWriter text, ColumnModel[] columns)
    {
        if (!columns.Any(static column => column.Member is not null))
        {
            return;
        }

        text.Line("/// <summary>Told of each value that could not be computed; it is left out. The record is the method's only while it runs.</summary>");
        text.Line("partial void OnNotComputed(DeliveryAttempt attempt, string column, Exception reason);").Line();
        foreach (ColumnModel column in columns.Where(static column => column.Member is not null))
        {
            text.Line(
                $$"""
                private {{CSharpType(column.Kind)}}? {{column.Computation}}(DeliveryAttempt attempt)
                {
                    try
                    {
                        return {{Literal.Name(column.Member!)}}(attempt);
                    }
                    catch (Exception reason)
                    {
                        OnNotComputed(attempt, {{Literal.Of(column.Name)}}, reason);
                        return null;
                    }
                }

                """);
        }
    }
}
