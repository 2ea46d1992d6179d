namespace Adcp.Aot.Tests.Documentation;

/// <summary>The C# of README.md and docs is compiled: each block is a region of the project <c>docs/Snippets</c>.</summary>
/// <remarks>The examples of <c>docs/diagnostics</c> break rules on purpose. The tests of the generators compile them.</remarks>
public sealed class SnippetTests
{
    public static TheoryData<string> Pages =>
    [
        .. Repository.List("", "*.md").Where(static page => !page.StartsWith("docs/diagnostics/ADCP", StringComparison.Ordinal)),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_block_is_a_compiled_snippet(string page)
    {
        Dictionary<string, string> snippets = Snippets.ReadAll();

        foreach ((string? name, string text) in Snippets.Blocks(Repository.Read(page)))
        {
            Assert.True(name is not null, $"{page}: write <!-- snippet: NAME --> before the block that begins with\n{text.Split('\n')[0]}");
            Assert.True(snippets.TryGetValue(name, out string? compiled), $"{page}: no snippet '{name}' is in docs/Snippets.");
            Assert.True(compiled == text, $"{page}: the block '{name}' is not the compiled one, which is\n{compiled}");
        }
    }

    [Fact]
    public void Every_snippet_is_on_a_page()
    {
        IEnumerable<string?> shown = Repository.List("", "*.md").SelectMany(page => Snippets.Blocks(Repository.Read(page)))
            .Select(static block => block.Name);

        Assert.Empty(Snippets.ReadAll().Keys.Except(shown));
    }

    [Fact]
    public void First_block_of_the_README_is_a_whole_program()
    {
        (string? name, string text) = Snippets.Blocks(Repository.Read("README.md")).First();

        Assert.Equal("first-webhook", name);
        Assert.Equal($"// snippet: first-webhook\n{text}\n// end\n", Repository.Read("docs/Snippets/FirstWebhook.cs"));
    }

    [Fact]
    public void README_has_at_most_100_lines() => Assert.InRange(Repository.Read("README.md").Split('\n').Length - 1, 1, 100);

    [Fact]
    public void Block_is_found_with_and_without_a_name()
    {
        const string Page = "Text.\n\n<!-- snippet: one -->\n```csharp\nint a;\n```\n\n```CSharp\nint b;\n```\n\n```json\n{}\n```\n";

        Assert.Equal([("one", "int a;"), (null, "int b;")], Snippets.Blocks(Page));
    }

    [Fact]
    public void Regions_of_one_name_are_joined_and_lose_their_indentation()
    {
        const string Source =
            "// snippet: a\nusing X;\n\n// end\nclass C\n{\n    // snippet: a\n    if (x)\n    {\n        y();\n    }\n    // end\n}\n";

        Assert.Equal("using X;\n\nif (x)\n{\n    y();\n}", Snippets.Read(Source)["a"]);
    }
}
