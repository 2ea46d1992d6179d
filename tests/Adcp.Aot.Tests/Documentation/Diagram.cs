using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Adcp.Aot.Tests.Documentation;

/// <summary>The diagram of <c>docs/architecture.md</c>, and the same read from the sources.</summary>
internal static partial class Diagram
{
    /// <summary>A project of <c>src</c>, or a folder of one.</summary>
    /// <param name="Project">The project.</param>
    /// <param name="Folder">The folder; null for the project itself.</param>
    /// <param name="Uses">The projects or folders it uses.</param>
    public sealed record Entry(string Project, string? Folder, IReadOnlyList<string> Uses)
    {
        /// <summary>Returns the line of the diagram without its description.</summary>
        public override string ToString()
        {
            string name = Folder is null ? Project : $"  {Folder}";
            return Uses.Count == 0 ? name : $"{name} -> {string.Join(", ", Uses)}";
        }
    }

    /// <summary>
    /// Reads the diagram: a line for a project, indented lines for its folders, each with <c>-&gt;</c> before the ones it uses. Text
    /// after <c>:</c> describes an entry.
    /// </summary>
    public static IReadOnlyList<Entry> Read(string page)
    {
        Match block = Block().Match(page);
        Assert.True(block.Success, "The page has no ```text block after the comment <!-- diagram -->.");
        List<Entry> entries = [];
        foreach (string line in block.Groups["text"].Value.Split('\n').Where(static line => line.Trim().Length > 0))
        {
            string[] sides = line.Split(':')[0].Split("->");
            string name = sides[0].Trim();
            string[] uses = sides.Length < 2 ? [] : sides[1].Split(',', StringSplitOptions.TrimEntries);
            entries.Add(char.IsWhiteSpace(line[0]) ? new Entry(entries[^1].Project, name, uses) : new Entry(name, null, uses));
        }

        return entries;
    }

    /// <summary>Returns the entry of a project as it is: its references to other projects that it links with.</summary>
    public static Entry ProjectAsItIs(string project)
    {
        XDocument file = XDocument.Parse(Repository.Read($"src/{project}/{project}.csproj"));
        IEnumerable<string> references = file.Descendants("ProjectReference")
            .Where(static reference => reference.Attribute("ReferenceOutputAssembly")?.Value != "false")
            .Select(static reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));
        return new Entry(project, null, [.. references.Order(StringComparer.Ordinal)]);
    }

    /// <summary>Returns the entry of a folder as it is: the namespaces of the project's other folders that its code names.</summary>
    public static Entry FolderAsItIs(string project, string folder)
    {
        Regex name = new($@"\b{Regex.Escape(project)}\.(\w+)");
        HashSet<string> folders = [.. Repository.Folders($"src/{project}")];
        IEnumerable<string> uses = Repository.List($"src/{project}/{folder}", "*.cs")
            .SelectMany(file => Repository.Read(file).Split('\n'))
            .Where(static line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal))
            .SelectMany(line => name.Matches(line).Select(static match => match.Groups[1].Value))
            .Where(used => used != folder && folders.Contains(used));
        return new Entry(project, folder, [.. uses.Distinct().Order(StringComparer.Ordinal)]);
    }

    [GeneratedRegex(@"^<!-- diagram -->\n+```text\n(?<text>.*?)\n```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
