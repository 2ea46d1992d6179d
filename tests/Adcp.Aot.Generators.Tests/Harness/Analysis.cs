using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace Adcp.Aot.Generators.Tests.Harness;

/// <summary>Runs an analyzer on a source, and a code fix on one of its reports.</summary>
internal static class Analysis
{
    public static async Task<ImmutableArray<Diagnostic>> ReportsAsync<TAnalyzer>(string source)
        where TAnalyzer : DiagnosticAnalyzer, new() =>
        await Compilations.Of(source).WithAnalyzers([new TAnalyzer()]).GetAnalyzerDiagnosticsAsync(CancellationToken.None);

    /// <summary>Returns the source after the fix's first offer for the first report of the rule.</summary>
    public static async Task<string> FixAsync<TAnalyzer, TFix>(string source, string ruleId)
        where TAnalyzer : DiagnosticAnalyzer, new()
        where TFix : CodeFixProvider, new()
    {
        using AdhocWorkspace workspace = new();
        ProjectId projectId = ProjectId.CreateNewId();
        DocumentId documentId = DocumentId.CreateNewId(projectId);
        Compilation compilation = Compilations.Of(source);
        Solution solution = workspace.CurrentSolution
            .AddProject(ProjectInfo.Create(
                projectId, VersionStamp.Default, "Consumer", "Consumer", LanguageNames.CSharp,
                compilationOptions: compilation.Options, parseOptions: Compilations.Parse, metadataReferences: compilation.References))
            .AddDocument(documentId, "Consumer.cs", SourceText.From(source));
        Document document = solution.GetDocument(documentId)!;
        Compilation analysed = (await document.Project.GetCompilationAsync())!;
        Diagnostic report = (await analysed.WithAnalyzers([new TAnalyzer()]).GetAnalyzerDiagnosticsAsync(CancellationToken.None))
            .First(found => found.Id == ruleId);

        List<CodeAction> offers = [];
        TFix fix = new();
        Assert.Contains(ruleId, fix.FixableDiagnosticIds);
        await fix.RegisterCodeFixesAsync(new CodeFixContext(document, report, (offer, _) => offers.Add(offer), CancellationToken.None));
        ImmutableArray<CodeActionOperation> operations = await Assert.Single(offers).GetOperationsAsync(CancellationToken.None);
        Solution changed = operations.OfType<ApplyChangesOperation>().Single().ChangedSolution;
        return (await changed.GetDocument(documentId)!.GetTextAsync()).ToString();
    }
}
