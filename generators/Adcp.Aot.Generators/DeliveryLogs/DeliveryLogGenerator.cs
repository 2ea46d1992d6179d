using Adcp.Aot.Generators.Models;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <summary>Makes attributed classes delivery-log sinks: SQL tables, JSON Lines, loggers and fan-outs.</summary>
[Generator(LanguageNames.CSharp)]
public sealed partial class DeliveryLogGenerator : IIncrementalGenerator
{
    /// <summary>The names under which the steps are tracked.</summary>
    internal static class Steps
    {
        public const string Npgsql = "DeliveryLog.Npgsql";
        public const string Sql = "DeliveryLog.Sql";
        public const string JsonLines = "DeliveryLog.JsonLines";
        public const string Logger = "DeliveryLog.Logger";
        public const string FanOut = "DeliveryLog.FanOut";
    }

    /// <summary>Declares the pipeline: attributes to models, models to text.</summary>
    /// <param name="context">The compiler's context.</param>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValueProvider<bool> npgsql = context.CompilationProvider
            .Select(static (compilation, _) => CanNameNpgsql(compilation))
            .WithTrackingName(Steps.Npgsql);

        context.RegisterSourceOutput(
            Models(context, DeliveryLogParser.SqlAttribute, DeliveryLogParser.Sql, Steps.Sql).Combine(npgsql),
            static (output, input) => Add(output, input.Left.Type, SqlLog(input.Left, input.Right)));
        context.RegisterSourceOutput(
            Models(context, DeliveryLogParser.JsonLinesAttribute, DeliveryLogParser.Text, Steps.JsonLines),
            static (output, model) => Add(output, model.Type, JsonLinesLog(model)));
        context.RegisterSourceOutput(
            Models(context, DeliveryLogParser.LoggerAttribute, DeliveryLogParser.Text, Steps.Logger),
            static (output, model) => Add(output, model.Type, LoggerLog(model)));
        context.RegisterSourceOutput(
            Models(context, DeliveryLogParser.FanOutAttribute, DeliveryLogParser.FanOut, Steps.FanOut),
            static (output, model) => Add(output, model.Type, FanOutLog(model)));
    }

    private static IncrementalValuesProvider<T> Models<T>(
        IncrementalGeneratorInitializationContext context,
        string attribute,
        Func<INamedTypeSymbol, AttributeData, CancellationToken, Parsed<T>> parse,
        string step)
        where T : class => context.SyntaxProvider
            .ForAttributeWithMetadataName(
                attribute,
                static (node, _) => node is TypeDeclarationSyntax,
                (match, cancellationToken) => parse((INamedTypeSymbol)match.TargetSymbol, match.Attributes[0], cancellationToken).Model)
            .Where(static model => model is not null)
            .Select(static (model, _) => model!)
            .WithTrackingName(step);

    /// <summary>
    /// Returns whether generated code can reach Npgsql by its full name: no alias and no type of the user hides it.
    /// </summary>
    private static bool CanNameNpgsql(Compilation compilation) =>
        compilation.GetTypeByMetadataName("Npgsql.NpgsqlBinaryImporter") is { } importer
        && (compilation.GetMetadataReference(importer.ContainingAssembly)?.Properties.Aliases.IsDefaultOrEmpty ?? true)
        && compilation.GlobalNamespace.GetTypeMembers("Npgsql").IsEmpty
        && compilation.GlobalNamespace.GetTypeMembers("NpgsqlTypes").IsEmpty;

    private static void Add(SourceProductionContext output, TypeModel type, string text) =>
        output.AddSource(type.HintName + ".g.cs", SourceText.From(text, System.Text.Encoding.UTF8));
}
