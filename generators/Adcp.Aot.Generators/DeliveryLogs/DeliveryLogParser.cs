using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <summary>Reads the attributes of delivery logs. Generator and analyzer both use it.</summary>
internal static class DeliveryLogParser
{
    public const string SqlAttribute = "Adcp.Aot.Storage.SqlDeliveryLogAttribute";
    public const string JsonLinesAttribute = "Adcp.Aot.Auditing.JsonLinesDeliveryLogAttribute";
    public const string LoggerAttribute = "Adcp.Aot.Auditing.LoggerDeliveryLogAttribute";
    public const string FanOutAttribute = "Adcp.Aot.Auditing.FanOutDeliveryLogAttribute";
    private const string SqlName = "SqlDeliveryLog";
    private const string FanOutName = "FanOutDeliveryLog";

    /// <summary>The fields that webhook activity requires.</summary>
    private static readonly string[] ReaderFields =
        ["IdempotencyKey", "Outcome", "AttemptNumber", "Url", "HttpStatusCode", "Error", "OccurredAt", "NotificationType"];

    public static Parsed<SqlDeliveryLogModel> Sql(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        AttributeSource source = new(attribute, cancellationToken);
        if (!ClassShape.Check(type, SqlName, constructs: true, faults, cancellationToken))
        {
            return new(null, faults.ToImmutable());
        }

        string table = attribute.ConstructorArguments is [{ Value: string name }] ? name : "";
        if (!Identifier.IsTable(table))
        {
            faults.Add(Diagnostic.Create(
                Rules.NotAnIdentifier,
                source.Argument(0),
                FixProperties.Replace(Identifier.Nearest(table)),
                table,
                Identifier.Rule + ", with or without a schema and a dot before it"));
        }

        Dialect dialect = (Dialect)source.Named<int>("Dialect");
        if (!Enum.IsDefined(typeof(Dialect), dialect))
        {
            faults.Add(Diagnostic.Create(Rules.UnsupportedDialect, source.Argument("Dialect"), (int)dialect));
        }

        EquatableArray<ColumnModel> columns = new ColumnParser(type, faults, cancellationToken).Parse(source.Named<bool>("OnlyMapped"));
        ColumnModel? principal = Named(columns, "Principal", source, faults);
        ColumnModel? subscriber = Named(columns, "Subscriber", source, faults);
        if (principal is not null && (principal.MaxLength > 0 || principal.Redaction != Redaction.None))
        {
            faults.Add(Diagnostic.Create(
                Rules.OptionDoesNotFit,
                source.Argument("Principal"),
                principal.Name,
                "the column of the principal must have no MaxLength and no Redaction, because two principals could look the same"));
        }

        if (faults.Count > 0)
        {
            return new(null, faults.ToImmutable());
        }

        SqlDeliveryLogModel model = new(TypeModel.Of(type), table, dialect, columns, principal?.Name, subscriber?.Name, HasReader: false);
        if (principal is null)
        {
            return Checked(model);
        }

        string[] missing =
        [
            .. ReaderFields.Where(field =>
                model.Of(field) is null or { Redaction: not Redaction.None } || IsCutName(field, model.Of(field)!)),
        ];
        if (model.Of("CompletedAt") is null && model.Of("ResponseTimeMs") is null)
        {
            missing = [.. missing, "CompletedAt or ResponseTimeMs"];
        }

        if (missing.Length == 0)
        {
            return Checked(model with { HasReader = true });
        }

        faults.Add(Diagnostic.Create(Rules.ReaderNeedsFields, source.Argument("Principal"), type.Name, string.Join(", ", missing)));
        return Checked(model);

        Parsed<SqlDeliveryLogModel> Checked(SqlDeliveryLogModel whole)
        {
            int before = faults.Count;
            ClassShape.CheckNames(type, SqlName, DeliveryLogMembers.OfSql(whole), faults);
            return new(faults.Count > before ? null : whole, faults.ToImmutable());
        }
    }

    public static Parsed<DeliveryLogModel> Text(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        AttributeSource source = new(attribute, cancellationToken);
        string name = attribute.AttributeClass!.Name[..^"Attribute".Length];
        if (!ClassShape.Check(type, name, constructs: true, faults, cancellationToken))
        {
            return new(null, faults.ToImmutable());
        }

        EquatableArray<ColumnModel> columns = new ColumnParser(type, faults, cancellationToken).Parse(source.Named<bool>("OnlyMapped"));
        if (faults.Count > 0)
        {
            return new(null, faults.ToImmutable());
        }

        DeliveryLogModel model = new(TypeModel.Of(type), columns, source.Named<int?>("EventId") ?? 300);
        bool isLogger = attribute.AttributeClass.ToDisplayString() == LoggerAttribute;
        ClassShape.CheckNames(type, name, isLogger ? DeliveryLogMembers.OfLogger(model) : DeliveryLogMembers.OfJsonLines(model), faults);
        return new(faults.Count > 0 ? null : model, faults.ToImmutable());
    }

    public static Parsed<FanOutModel> FanOut(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        AttributeSource source = new(attribute, cancellationToken);
        if (!ClassShape.Check(type, FanOutName, constructs: true, faults, cancellationToken))
        {
            return new(null, faults.ToImmutable());
        }

        bool arePublic = true;
        List<string> parts = [];
        ImmutableArray<TypedConstant> types =
            attribute.ConstructorArguments is [{ Kind: TypedConstantKind.Array, Values: var values }] ? values : [];
        for (int i = 0; i < types.Length; i++)
        {
            if (types[i].Value is INamedTypeSymbol { IsUnboundGenericType: false } part && IsSink(part, cancellationToken))
            {
                arePublic &= ClassShape.IsPublic(part);
                parts.Add(part.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat));
                if (ClassShape.IsFileLocal(part))
                {
                    faults.Add(Diagnostic.Create(
                        Rules.Inaccessible, source.Argument(i), type.Name, FanOutName, part.Name, ClassShape.FileLocalReason));
                }
            }
            else
            {
                faults.Add(Diagnostic.Create(
                    Rules.NotASink, source.Argument(i), (types[i].Value as ITypeSymbol)?.ToDisplayString() ?? "null"));
            }
        }

        if (types.Length == 0)
        {
            faults.Add(Diagnostic.Create(Rules.NoColumns, source.Whole, type.Name));
        }

        FanOutModel model = new(TypeModel.Of(type), parts.ToEquatableArray(), arePublic);
        if (faults.Count == 0)
        {
            ClassShape.CheckNames(type, FanOutName, DeliveryLogMembers.OfFanOut(model), faults);
        }

        return new(faults.Count > 0 ? null : model, faults.ToImmutable());
    }

    /// <summary>
    /// Returns whether the column cuts an outcome or error so that its wire name is not recognised: a cut "success"
    /// would be read as a failure.
    /// </summary>
    private static bool IsCutName(string field, ColumnModel column) =>
        column.MaxLength > 0
            && column.MaxLength < (field switch { "Outcome" => "circuit_open".Length, "Error" => "destination_refused".Length, _ => 0 });

    /// <summary>
    /// Returns whether a type is a sink by its own declaration, or becomes one by this generator: its interface is not
    /// there yet.
    /// </summary>
    private static bool IsSink(INamedTypeSymbol type, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return type.ToDisplayString() == "Adcp.Aot.Auditing.IDeliveryLogSink"
            || type.AllInterfaces.Any(static implemented => implemented.ToDisplayString() == "Adcp.Aot.Auditing.IDeliveryLogSink")
            || type.GetAttributes().Any(static attribute => attribute.AttributeClass?.ToDisplayString()
                is SqlAttribute or JsonLinesAttribute or LoggerAttribute or FanOutAttribute);
    }

    private static ColumnModel? Named(
        EquatableArray<ColumnModel> columns, string argument, AttributeSource source, ImmutableArray<Diagnostic>.Builder faults)
    {
        if (source.Named<string>(argument) is not { } name)
        {
            return null;
        }

        ColumnModel? column = columns.FirstOrDefault(column => column.Name == name);
        if (column is null)
        {
            string nearest =
                columns.OrderBy(column => Spelling.Distance(column.Name, name)).Select(column => column.Name).FirstOrDefault() ?? "";
            string all = string.Join(", ", columns.Select(column => column.Name));
            faults.Add(Diagnostic.Create(
                Rules.UnknownColumn, source.Argument(argument), FixProperties.Replace(nearest), argument, name, nearest, all));
        }

        return column;
    }
}
