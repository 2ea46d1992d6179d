
namespace Adcp.Aot.Tests.Documentation;

/// <summary>The diagram of <c>docs/architecture.md</c> is the structure of <c>src</c>.</summary>
public sealed class DiagramTests
{
    private static readonly IReadOnlyList<Diagram.Entry> Entries = Diagram.Read(Repository.Read("docs/architecture.md"));

    private static IEnumerable<Diagram.Entry> Projects => Entries.Where(static entry => entry.Folder is null);

    private static IEnumerable<Diagram.Entry> Folders => Entries.Where(static entry => entry.Folder is not null);

    [Fact]
    public void Every_project_of_src_is_in_the_diagram() => Assert.Equal(
        Repository.Folders("src"), Projects.Select(static entry => entry.Project).Order(StringComparer.Ordinal));

    [Fact]
    public void Arrows_between_projects_are_the_references_of_their_files() => Assert.All(
        Projects, static entry => AssertSame(Diagram.ProjectAsItIs(entry.Project), entry));

    [Fact]
    public void Core_has_its_folders_in_the_diagram() => Assert.Contains(Folders, static entry => entry.Project == "Adcp.Aot");

    [Fact]
    public void Every_folder_of_a_project_is_in_the_diagram_if_one_is() => Assert.All(
        Folders.GroupBy(static entry => entry.Project),
        static project => Assert.Equal(
            Repository.Folders($"src/{project.Key}"), project.Select(static entry => entry.Folder).Order(StringComparer.Ordinal)));

    [Fact]
    public void Arrows_between_folders_are_the_namespaces_that_their_code_names() => Assert.All(
        Folders, static entry => AssertSame(Diagram.FolderAsItIs(entry.Project, entry.Folder!), entry));

    [Fact]
    public void Every_arrow_points_to_an_entry_above()
    {
        HashSet<string> above = [];
        foreach (Diagram.Entry entry in Entries)
        {
            IEnumerable<string> below = entry.Uses.Where(
                used => !above.Contains(entry.Folder is null ? used : $"{entry.Project}/{used}"));

            Assert.True(!below.Any(), $"'{entry}' uses what does not stand above it: {string.Join(", ", below)}.");
            above.Add(entry.Folder is null ? entry.Project : $"{entry.Project}/{entry.Folder}");
        }
    }

    [Fact]
    public void Diagram_is_read_with_its_descriptions()
    {
        const string Page = "<!-- diagram -->\n\n```text\nA           : the core\n  X\n  Y -> X    : more\n\nB -> A\n```\n";

        Assert.Equal(["A", "  X", "  Y -> X", "B -> A"], Diagram.Read(Page).Select(static entry => entry.ToString()));
    }

    private static void AssertSame(Diagram.Entry actual, Diagram.Entry drawn) => Assert.True(
        actual.Uses.SequenceEqual(drawn.Uses.Order(StringComparer.Ordinal)),
        $"docs/architecture.md draws '{drawn}', but the code is '{actual}'.");
}
