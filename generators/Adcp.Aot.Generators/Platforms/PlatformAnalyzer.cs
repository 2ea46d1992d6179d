using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>Reports what is wrong with a platform.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class PlatformAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        [Rules.NotPartial, Rules.NestedOrGeneric, Rules.NotAJsonContext, Rules.NotAToolName, Rules.DuplicateTool, Rules.WrongToolShape, Rules.NoTools];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterSymbolAction(
            static symbol =>
            {
                INamedTypeSymbol type = (INamedTypeSymbol)symbol.Symbol;
                if (type.GetAttributes().FirstOrDefault(each => each.AttributeClass?.ToDisplayString() == PlatformReader.Attribute) is { } attribute)
                {
                    foreach (Diagnostic fault in PlatformReader.Read(type, attribute, symbol.CancellationToken).Faults)
                    {
                        symbol.ReportDiagnostic(fault);
                    }
                }
            },
            SymbolKind.NamedType);
    }
}
