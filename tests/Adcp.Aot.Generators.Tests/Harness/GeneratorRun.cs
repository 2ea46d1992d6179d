using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Tests.Harness;

/// <summary>One generator over one compilation, with its steps tracked.</summary>
internal sealed class GeneratorRun
{
    private GeneratorDriver _driver;

    private GeneratorRun(GeneratorDriver driver, CSharpCompilation compilation)
    {
        _driver = driver;
        Compilation = compilation;
        Run();
    }

    public CSharpCompilation Compilation { get; private set; }

    /// <summary>The consumer's sources together with the generated ones.</summary>
    public Compilation Output { get; private set; } = null!;

    public GeneratorRunResult Result => _driver.GetRunResult().Results.Single();

    /// <summary>The generated files by hint name.</summary>
    public IReadOnlyDictionary<string, string> Files =>
        Result.GeneratedSources.ToDictionary(source => source.HintName, source => source.SourceText.ToString());

    /// <summary>Errors and warnings of all sources together.</summary>
    public ImmutableArray<Diagnostic> Problems =>
        [.. Output.GetDiagnostics().Where(static problem => problem.Severity >= DiagnosticSeverity.Warning)];

    public static GeneratorRun Of<TGenerator>(CSharpCompilation compilation)
        where TGenerator : IIncrementalGenerator, new() => new(
            CSharpGeneratorDriver.Create(
                [new TGenerator().AsSourceGenerator()],
                parseOptions: Compilations.Parse,
                driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true)),
            compilation);

    /// <summary>Runs again after an edit, with the driver's cached steps.</summary>
    public void Edit(Func<CSharpCompilation, CSharpCompilation> edit)
    {
        Compilation = edit(Compilation);
        Run();
    }

    /// <summary>
    /// The reasons of every output of every step that has one of these tracking names, and of the outputs that became
    /// files.
    /// </summary>
    public IEnumerable<(string Step, IncrementalStepRunReason Reason)> Reasons(params string[] names) =>
        Result.TrackedSteps.Where(step => names.Contains(step.Key)).Concat(Result.TrackedOutputSteps)
            .SelectMany(static step => step.Value.SelectMany(run => run.Outputs.Select(output => (step.Key, output.Reason))));

    private void Run()
    {
        _driver = _driver.RunGeneratorsAndUpdateCompilation(Compilation, out Compilation output, out ImmutableArray<Diagnostic> _);
        Output = output;
    }
}
