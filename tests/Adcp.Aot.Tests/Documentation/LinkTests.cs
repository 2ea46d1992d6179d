using System.Text.RegularExpressions;

namespace Adcp.Aot.Tests.Documentation;

/// <summary>Links between pages lead to a file of the repository, and to a heading of it.</summary>
public sealed partial class LinkTests
{
    public static TheoryData<string> Pages => [.. Repository.List("", "*.md")];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_relative_link_leads_to_a_file_and_a_heading(string page)
    {
        HashSet<string> files = [.. Repository.List("", "*")];

        foreach (string link in Link().Matches(WithoutBlocks(Repository.Read(page))).Select(static match => match.Groups[1].Value))
        {
            string[] parts = link.Split('#');
            string target = parts[0].Length == 0 ? page : Resolve(page, parts[0]);
            if (link.Contains("://", StringComparison.Ordinal))
            {
                continue;
            }

            bool isFolder = files.Any(file => file.StartsWith(target + "/", StringComparison.Ordinal));
            Assert.True(files.Contains(target) || isFolder, $"{page} links to {link}, which is not in the repository.");
            if (parts.Length > 1)
            {
                Assert.True(Headings(target).Contains(parts[1]), $"{page} links to {link}, but {target} has no such heading.");
            }
        }
    }

    private static string Resolve(string page, string link)
    {
        Uri root = new("https://repository/");
        return Uri.UnescapeDataString(new Uri(new Uri(root, page), link).AbsolutePath.Trim('/'));
    }

    private static IEnumerable<string> Headings(string page) => Heading().Matches(WithoutBlocks(Repository.Read(page)))
        .Select(static match => NotInAnchors().Replace(match.Groups[1].Value.ToLowerInvariant(), "").Replace(' ', '-'));

    private static string WithoutBlocks(string page) => Block().Replace(page, "");

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
