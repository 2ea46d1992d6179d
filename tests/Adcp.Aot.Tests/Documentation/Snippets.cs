using System.Text.RegularExpressions;

namespace Adcp.Aot.Tests.Documentation;

/// <summary>Reads the C# blocks of Markdown files, and the regions of the project <c>docs/Snippets</c> that the build compiles.</summary>
internal static partial class Snippets
{
    private const string Folder = "docs/Snippets";
    private const string Begin = "// snippet: ";
    private const string End = "// end";

    /// <summary>
    /// Returns the text of each snippet. Regions of one name in one file are one snippet, with an empty line between them.
    /// </summary>
    public static Dictionary<string, string> ReadAll()
    {
        Dictionary<string, string> snippets = new(StringComparer.Ordinal);
        foreach (string file in Repository.List(Folder, "*.cs"))
        {
            foreach ((string name, string text) in Read(Repository.Read(file)))
            {
                Assert.True(snippets.TryAdd(name, text), $"The snippet '{name}' of {file} is in another file too.");
            }
        }

        return snippets;
    }

    /// <summary>Returns the snippets of one source file.</summary>
    public static Dictionary<string, string> Read(string source)
    {
        Dictionary<string, string> snippets = new(StringComparer.Ordinal);
        string? name = null;
        List<string> lines = [];
        foreach (string line in source.Split('\n'))
        {
            string trimmed = line.Trim();
            if (trimmed.StartsWith(Begin, StringComparison.Ordinal))
            {
                Assert.True(name is null, $"The snippet '{name}' does not end before '{trimmed}'.");
                name = trimmed[Begin.Length..];
                lines.Clear();
            }
            else if (trimmed == End && name is not null)
            {
                string text = Dedent(lines);
                snippets[name] = snippets.TryGetValue(name, out string? earlier) ? $"{earlier}\n\n{text}" : text;
                name = null;
            }
            else if (name is not null)
            {
                lines.Add(line);
            }
        }

        Assert.True(name is null, $"The snippet '{name}' has no end.");
        return snippets;
    }

    /// <summary>Returns the C# blocks of a page in order, each with the name in the comment before it.</summary>
    public static IEnumerable<(string? Name, string Text)> Blocks(string page) => Block().Matches(page)
        .Select(static match => (match.Groups["name"].Success ? match.Groups["name"].Value : null, match.Groups["text"].Value));

    private static string Dedent(List<string> lines)
    {
        int indent = lines.Where(static line => line.Trim().Length > 0).Select(static line => line.Length - line.TrimStart().Length)
            .DefaultIfEmpty(0).Min();
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : "")).Trim('\n');
    }

    [GeneratedRegex(
        @"(?:^<!-- snippet: (?<name>\S+) -->\n+)?^[ \t]*```(?:csharp|cs|c#)(?:[ \t][^\n]*)?\n(?<text>.*?)\n[ \t]*```$",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Block();
}
