using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Adcp.Aot.Generators.Stores;

/// <summary>Reports the reasons why a store cannot be generated. It uses the same code as the generators.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class StoreAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
    [
        Rules.NotPartial, Rules.NestedOrGeneric, Rules.NotAnIdentifier, Rules.DuplicateColumn, Rules.UnsupportedDialect,
        Rules.OptionDoesNotFit, Rules.NameTaken, Rules.NoConstructor, Rules.OldLanguage, Rules.TwoGenerators, Rules.Inaccessible,
        Rules.MissingContract,
        Rules.MissingFacts, Rules.AmbiguousStoreMember, Rules.WrongStoreMember, Rules.NotATaskStore, Rules.OtherDialect, Rules.TwoStores,
    ];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterCompilationStartAction(static start =>
        {
            INamedTypeSymbol? tasks = start.Compilation.GetTypeByMetadataName(TaskStoreParser.Attribute);
            INamedTypeSymbol? configs = start.Compilation.GetTypeByMetadataName(PushConfigStoreParser.Attribute);
            if (tasks is not null && configs is not null)
            {
                start.RegisterSymbolAction(symbol => Analyze(symbol, tasks, configs), SymbolKind.NamedType);
            }
        });
    }

    private static void Analyze(SymbolAnalysisContext context, INamedTypeSymbol tasks, INamedTypeSymbol configs)
    {
        INamedTypeSymbol type = (INamedTypeSymbol)context.Symbol;
        AttributeData? task = Of(type, tasks);
        AttributeData? config = Of(type, configs);
        if (task is not null && config is not null)
        {
            context.ReportDiagnostic(Diagnostic.Create(Rules.TwoStores, type.Locations.FirstOrDefault(), type.Name));
            return;
        }

        ImmutableArray<Diagnostic> faults = task is not null ? TaskStoreParser.Parse(type, task, context.CancellationToken).Faults
            : config is not null ? PushConfigStoreParser.Parse(type, config, context.CancellationToken).Faults
            : [];
        foreach (Diagnostic fault in faults)
        {
            context.ReportDiagnostic(fault);
        }
    }

    private static AttributeData? Of(INamedTypeSymbol type, INamedTypeSymbol attribute) => type.GetAttributes()
        .FirstOrDefault(candidate => SymbolEqualityComparer.Default.Equals(candidate.AttributeClass?.OriginalDefinition, attribute));
}
