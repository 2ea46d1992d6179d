using Adcp.Aot.Generators.DeliveryLogs;
using Adcp.Aot.Generators.Tests.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Tests.DeliveryLogs;

public sealed class DeliveryLogCacheTests
{
    private static readonly string[] Steps =
    [
        DeliveryLogGenerator.Steps.Npgsql, DeliveryLogGenerator.Steps.Sql, DeliveryLogGenerator.Steps.JsonLines,
        DeliveryLogGenerator.Steps.Logger, DeliveryLogGenerator.Steps.FanOut,
    ];

    [Theory]
    [InlineData(Sources.Plain)]
    [InlineData(Sources.Mapped)]
    [InlineData(Sources.JsonLines)]
    [InlineData(Sources.Logger)]
    [InlineData(Sources.FanOut)]
    public void An_unrelated_edit_recomputes_no_step(string source)
    {
        GeneratorRun run = GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(source, npgsql: true));

        run.Edit(static compilation =>
            compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("namespace Shop { class Other { int x; } }", Compilations.Parse)));

        Assert.NotEmpty(run.Reasons(Steps));
        Assert.All(run.Reasons(Steps), static step =>
            Assert.True(step.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged,
                $"{step.Step} was {step.Reason}"));
    }

    [Fact]
    public void An_edit_of_the_class_that_changes_no_fact_writes_no_file()
    {
        GeneratorRun run = GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(Sources.Mapped));

        run.Edit(static compilation => Replace(compilation, "0.001m", "0.002m"));

        Assert.All(run.Reasons(Steps), static step =>
            Assert.True(step.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged,
                $"{step.Step} was {step.Reason}"));
    }

    [Fact]
    public void An_edit_of_a_column_is_seen()
    {
        GeneratorRun run = GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(Sources.Mapped));

        run.Edit(static compilation => Replace(compilation, "\"endpoint\"", "\"target\""));

        Assert.Contains(run.Reasons(Steps), static step => step.Reason == IncrementalStepRunReason.Modified);
        Assert.Contains("\"target\"", run.Files["Shop.HookLog.g.cs"], StringComparison.Ordinal);
    }

    private static CSharpCompilation Replace(CSharpCompilation compilation, string from, string to)
    {
        SyntaxTree tree = compilation.SyntaxTrees.Single();
        return compilation.ReplaceSyntaxTree(tree,
            CSharpSyntaxTree.ParseText(tree.ToString().Replace(from, to, StringComparison.Ordinal), Compilations.Parse,
                path: tree.FilePath));
    }
}
