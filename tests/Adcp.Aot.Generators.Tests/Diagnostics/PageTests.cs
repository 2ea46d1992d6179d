using System.Collections.Immutable;
using System.Reflection;
using System.Text.RegularExpressions;
using Adcp.Aot.Generators.DeliveryLogs;
using Adcp.Aot.Generators.Platforms;
using Adcp.Aot.Generators.Stores;
using Adcp.Aot.Generators.Tests.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Adcp.Aot.Generators.Tests.Diagnostics;

/// <summary>The pages of <c>docs/diagnostics</c>, against the rules in code.</summary>
public sealed partial class PageTests
{
    private const string Usings =
        """
        using System.Text.Json;
        using System.Text.Json.Serialization;
        using System.Text.Json.Serialization.Metadata;
        using System.Threading.Tasks;
        using Adcp.Aot.Auditing;
        using Adcp.Aot.Platform;
        using Adcp.Aot.Storage;
        using Adcp.Aot.Storage;

        namespace Shop
        {
            public abstract class ShopJson(JsonSerializerOptions options) : JsonSerializerContext(options)
            {
                public static ShopJson Default => null!;
            }

        """;

    /// <summary>Types that examples use, for examples that do not declare them.</summary>
    private static readonly (string Declares, string Type)[] Types =
    [
        ("record Job(", "public sealed record Job(string Id, bool IsDone);"),
        ("record Buy(", "public sealed record Buy(string? Plan);"),
        ("record Bought(", "public sealed record Bought(string MediaBuyId);"),
        (
            "class Jobs",
            """
            [TaskStore<Job>("jobs")]
            public sealed partial class Jobs
            {
                private static JsonTypeInfo<Job> Contract => null!;

                private static TaskFacts FactsOf(Job job) => default;
            }
            """
        ),
    ];

    private static readonly ImmutableArray<DiagnosticAnalyzer> Analyzers =
        [new DeliveryLogAnalyzer(), new StoreAnalyzer(), new PlatformAnalyzer()];

    public static TheoryData<string> Rules => [.. Descriptors.Select(static rule => rule.Id)];

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Pages");

    private static DiagnosticDescriptor[] Descriptors =>
    [
        .. typeof(Generators.Diagnostics.Rules).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(static rule => rule.GetValue(null)).OfType<DiagnosticDescriptor>()
                .OrderBy(static rule => rule.Id, StringComparer.Ordinal),
    ];

    [Fact]
    public void Every_rule_has_a_page_and_every_page_a_rule() => Assert.Equal(
        Descriptors.Select(static rule => rule.Id),
        Directory.GetFiles(Folder, "ADCP*.md").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_rule_is_tracked_with_its_severity_and_title() => Assert.Equal(
        Descriptors.Select(static rule => $"{rule.Id} | {rule.Category} | {rule.DefaultSeverity} | {rule.Title}"),
        Directory.GetFiles(Folder, "AnalyzerReleases.*.md").SelectMany(File.ReadAllLines)
            .Where(static line => line.StartsWith("ADCP", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_rule_is_reported_by_an_analyzer() => Assert.Equal(
        Descriptors.Select(static rule => rule.Id),
        Analyzers.SelectMany(static analyzer => analyzer.SupportedDiagnostics).Select(static rule => rule.Id).Distinct()
            .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Rules))]
    public void Every_rule_links_to_its_page_which_has_its_title(string id)
    {
        DiagnosticDescriptor rule = Descriptors.Single(rule => rule.Id == id);
        string page = Page(id);

        Assert.Equal($"{Generators.Diagnostics.Rules.HelpBase}{id}.md", rule.HelpLinkUri);
        string severity = rule.DefaultSeverity == DiagnosticSeverity.Error ? "error" : "warning";
        Assert.StartsWith($"# {id}: {rule.Title}\n\nSeverity: {severity}.\n", page, StringComparison.Ordinal);
        Assert.Matches("## Cause\n\n.+\n(?:.|\n)*## Example\n\n```csharp\n(?:.|\n)+```\n\n## Fix\n\n.+", page);
        string mark = severity == "warning" ? " (warning)" : "";
        Assert.Contains($"| [{id}]({id}.md) | {rule.Title}{mark} |", Page("README"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public async Task Example_of_a_page_triggers_its_rule_and_no_other(string id)
    {
        string example = Example().Match(Page(id)).Groups[1].Value;
        IEnumerable<string> missing = Types
            .Where(type => !example.Contains(type.Declares, StringComparison.Ordinal)).Select(static type => type.Type);
        string types = string.Join("\n", missing);
        LanguageVersion language =
            example.Contains("<LangVersion>11</LangVersion>", StringComparison.Ordinal) ? LanguageVersion.CSharp11 : LanguageVersion.Latest;
        string source = language == LanguageVersion.Latest
            ? Usings + types + "\n" + example + "\n}"
            : "using Adcp.Aot.Auditing;\nusing Adcp.Aot.Storage;\n" + example;

        ImmutableArray<Diagnostic> reports =
            await Compilations.Of(source, language: language).WithAnalyzers(Analyzers).GetAnalyzerDiagnosticsAsync(CancellationToken.None);

        Assert.NotEmpty(reports);
        Assert.All(reports, report => Assert.Equal(id, report.Id));
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Messages_are_sentences_of_at_most_25_words(string id)
    {
        DiagnosticDescriptor rule = Descriptors.Single(rule => rule.Id == id);

        foreach (string sentence in $"{rule.Title}. {rule.MessageFormat}".Split([". ", "; "], StringSplitOptions.None))
        {
            Assert.InRange(sentence.Split(' ').Length, 1, 25);
        }
    }

    private static string Page(string name) => File.ReadAllText(Path.Combine(Folder, name + ".md"));

    [GeneratedRegex("```csharp\n((?:.|\n)*?)\n```")]
    private static partial Regex Example();
}
