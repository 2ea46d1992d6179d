using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <summary>Reports faults in the attributes of delivery logs.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class DeliveryLogAnalyzer : DiagnosticAnalyzer
{
    /// <summary>The rules of delivery logs.</summary>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        Rules.NotPartial, Rules.NestedOrGeneric, Rules.NotAnIdentifier, Rules.DuplicateColumn, Rules.UnknownColumn, Rules.WrongMember,
        Rules.UnsupportedDialect, Rules.OptionDoesNotFit, Rules.UnknownField, Rules.NoColumns, Rules.ReaderNeedsFields, Rules.NotASink,
        Rules.NameTaken, Rules.NoConstructor, Rules.OldLanguage, Rules.TwoGenerators, Rules.Inaccessible,
    ];

    /// <summary>Registers the check of every class.</summary>
    /// <param name="context">The compiler's context.</param>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterSymbolAction(Analyze, SymbolKind.NamedType);
    }

    private static void Analyze(SymbolAnalysisContext context)
    {
        INamedTypeSymbol type = (INamedTypeSymbol)context.Symbol;
        foreach (AttributeData attribute in type.GetAttributes())
        {
            ImmutableArray<Diagnostic> faults = attribute.AttributeClass?.ToDisplayString() switch
            {
                DeliveryLogParser.SqlAttribute => DeliveryLogParser.Sql(type, attribute, context.CancellationToken).Faults,
                DeliveryLogParser.JsonLinesAttribute or DeliveryLogParser.LoggerAttribute =>
                    DeliveryLogParser.Text(type, attribute, context.CancellationToken).Faults,
                DeliveryLogParser.FanOutAttribute => DeliveryLogParser.FanOut(type, attribute, context.CancellationToken).Faults,
                _ => [],
            };
            foreach (Diagnostic fault in faults)
            {
                context.ReportDiagnostic(fault);
            }
        }
    }
}
