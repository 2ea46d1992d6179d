using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>Reports faults in platforms and tools.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class PlatformAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        Rules.NotPartial, Rules.NestedOrGeneric, Rules.NameTaken, Rules.OldLanguage, Rules.Inaccessible, Rules.NotAJsonContext,
        Rules.NotAToolName, Rules.DuplicateTool, Rules.WrongToolShape, Rules.NoTools, Rules.NoJsonContract,
        Rules.ToolOutsidePlatform, Rules.NearToolName,
    ];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterSymbolAction(Analyze, SymbolKind.NamedType);
    }

    private static void Analyze(SymbolAnalysisContext symbol)
    {
        INamedTypeSymbol type = (INamedTypeSymbol)symbol.Symbol;
        AttributeData? platform =
            type.GetAttributes().FirstOrDefault(static each => each.AttributeClass?.ToDisplayString() == PlatformReader.Attribute);
        (IMethodSymbol Method, AttributeData Tool)[] tools =
        [
            .. type.GetMembers().OfType<IMethodSymbol>()
                .Select(static method => (Method: method, Tool: PlatformReader.ToolOf(method)!))
                .Where(static each => each.Tool is not null),
        ];
        HashSet<ITypeSymbol>? contracts = null;
        if (platform is not null)
        {
            foreach (Diagnostic fault in PlatformReader.Read(type, platform, symbol.CancellationToken).Faults)
            {
                symbol.ReportDiagnostic(fault);
            }

            contracts = PlatformReader.ContextOf(platform) is { } context ? JsonContracts.Of(context, symbol.CancellationToken) : null;
        }

        HashSet<string> names = [.. tools.Select(static each => PlatformReader.NameOf(each.Tool))];
        foreach ((IMethodSymbol method, AttributeData tool) in tools)
        {
            string name = PlatformReader.NameOf(tool);
            AttributeSource source = new(tool, symbol.CancellationToken);

            // If a platform also has the name that another one resembles, the other one is meant as it is.
            if (PlatformReader.IsToolName(name) && ToolNames.Near(name) is { } near && !names.Contains(near))
            {
                symbol.ReportDiagnostic(Diagnostic.Create(Rules.NearToolName, source.Argument(0), FixProperties.Replace(near), name, near));
            }

            if (platform is null)
            {
                symbol.ReportDiagnostic(Diagnostic.Create(Rules.ToolOutsidePlatform, source.Whole, method.Name, type.Name));
            }
            else if (contracts is not null && PlatformReader.SignatureOf(method) is { } signature)
            {
                CheckContracts(symbol, method, name, signature, contracts, PlatformReader.ContextOf(platform)!);
            }
        }
    }

    private static void CheckContracts(
        SymbolAnalysisContext symbol,
        IMethodSymbol method,
        string name,
        ToolSignature signature,
        HashSet<ITypeSymbol> contracts,
        INamedTypeSymbol context)
    {
        IEnumerable<ITypeSymbol> types = signature.Arguments is { } arguments ? [arguments, signature.Result] : [signature.Result];
        foreach (ITypeSymbol type in types.Where(type => type.TypeKind != TypeKind.Error && !contracts.Contains(type)))
        {
            string shown =
                type.WithNullableAnnotation(NullableAnnotation.None).ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat);
            symbol.ReportDiagnostic(Diagnostic.Create(Rules.NoJsonContract, method.Locations.FirstOrDefault(), name, shown, context.Name));
        }
    }
}
