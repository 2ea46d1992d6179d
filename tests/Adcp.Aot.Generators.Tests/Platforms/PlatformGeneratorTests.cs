using Adcp.Aot.Generators.Platforms;
using Adcp.Aot.Generators.Tests.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Tests.Platforms;

public sealed class PlatformGeneratorTests
{
    private const string File = "Shop.Seller.Platform.g.cs";

    [Fact]
    public void Generated_dispatch_is_what_it_was_and_compiles()
    {
        GeneratorRun run = GeneratorRun.Of<PlatformGenerator>(Compilations.Of(PlatformSource.Sound));
        Assert.Empty(run.Problems);
        Snapshot.Match("Seller.Platform.g.txt", run.Files[File]);
    }

    [Fact]
    public void Nothing_generated_uses_reflection()
    {
        string text = GeneratorRun.Of<PlatformGenerator>(Compilations.Of(PlatformSource.Sound)).Files[File];
        foreach (string word in (string[])["System.Reflection", "typeof(", "GetType(", "dynamic ", "Activator"])
        {
            Assert.DoesNotContain(word, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_class_without_a_namespace_and_names_that_are_keywords_compile()
    {
        GeneratorRun run = GeneratorRun.Of<PlatformGenerator>(Compilations.Of(
            """
            using System.Text.Json;
            using System.Text.Json.Serialization;
            using System.Threading.Tasks;
            using Adcp.Aot.Platform;

            public abstract class @event(JsonSerializerOptions options) : JsonSerializerContext(options)
            {
                public static @event Default => null!;
            }

            [AdcpPlatform(typeof(@event))]
            internal sealed partial class @class
            {
                [AdcpTool("get_products")]
                public static ValueTask<JsonElement> @switch() => default;
            }
            """));
        Assert.Single(run.Files);
        Assert.Empty(run.Problems);
    }

    [Fact]
    public void An_unrelated_edit_recomputes_no_step()
    {
        GeneratorRun run = GeneratorRun.Of<PlatformGenerator>(Compilations.Of(PlatformSource.Sound));
        run.Edit(static compilation =>
            compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("namespace Shop { class Other { int x; } }", Compilations.Parse)));
        Unchanged(run);
    }

    [Fact]
    public void An_edit_of_a_tools_body_writes_no_file()
    {
        GeneratorRun run = GeneratorRun.Of<PlatformGenerator>(Compilations.Of(PlatformSource.Sound));
        run.Edit(static compilation => Replace(compilation, "new Bought(\"p\")", "new Bought(\"q\")"));
        Unchanged(run);
    }

    [Fact]
    public void An_edit_of_a_tools_name_is_seen()
    {
        GeneratorRun run = GeneratorRun.Of<PlatformGenerator>(Compilations.Of(PlatformSource.Sound));
        run.Edit(static compilation => Replace(compilation, "\"get_products\"", "\"preview_creative\""));
        Assert.Contains(run.Reasons(PlatformGenerator.ModelStep), static step => step.Reason == IncrementalStepRunReason.Modified);
        Assert.Contains("case \"preview_creative\":", run.Files[File], StringComparison.Ordinal);
    }

    private static void Unchanged(GeneratorRun run)
    {
        Assert.NotEmpty(run.Reasons(PlatformGenerator.ModelStep));
        Assert.All(
            run.Reasons(PlatformGenerator.ModelStep),
            static step => Assert.True(
                step.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged, $"{step.Step} was {step.Reason}"));
    }

    private static CSharpCompilation Replace(CSharpCompilation compilation, string from, string to)
    {
        SyntaxTree tree = compilation.SyntaxTrees.Single();
        Assert.Contains(from, tree.ToString(), StringComparison.Ordinal);
        return compilation.ReplaceSyntaxTree(tree, CSharpSyntaxTree.ParseText(
            tree.ToString().Replace(from, to, StringComparison.Ordinal), Compilations.Parse, path: tree.FilePath));
    }
}
