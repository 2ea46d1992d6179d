using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Adcp.Aot.Tests.Structure;

/// <summary>The references between the shipped projects, read from their files.</summary>
public sealed partial class ProjectTests
{
    /// <summary>In order: a project may reference those before it. Add a new project here.</summary>
    private static readonly string[] Floors =
    [
        "Adcp.Aot", "Adcp.Aot.OpenTelemetry", "Adcp.Aot.Storage", "Adcp.Aot.PostgreSql", "Adcp.Aot.Platform", "Adcp.Aot.Hosting",
        "Adcp.Aot.Testing", "Adcp.Aot.AspNetCore", "Adcp.Aot.Cli",
    ];

    private static readonly DirectoryInfo Sources = FindSources();

    public static TheoryData<string> Projects { get; } =
        [.. Sources.EnumerateFiles("*.csproj", SearchOption.AllDirectories).Select(file => Path.GetFileNameWithoutExtension(file.Name))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_references_only_projects_below_it(string project)
    {
        int floor = Array.IndexOf(Floors, project);
        Assert.True(floor >= 0, $"{project} is on no floor: add it to this test.");

        // Generators run in the compiler and are no part of a project's own code.
        IEnumerable<string> above = Items(project, "ProjectReference")
            .Where(item => item.Attribute("ReferenceOutputAssembly")?.Value != "false")
            .Select(item => Path.GetFileNameWithoutExtension(item.Attribute("Include")!.Value))
            .Where(reference => Array.IndexOf(Floors, reference, 0, floor) < 0);

        Assert.Empty(above);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_shows_its_internals_to_no_shipped_project(string project)
    {
        IEnumerable<string> inProject = Items(project, "InternalsVisibleTo").Select(item => item.Attribute("Include")!.Value);
        string root = Folder(project).FullName;
        IEnumerable<string> inCode = Folder(project).EnumerateFiles("*.cs", SearchOption.AllDirectories)
            .Where(file => !Path.GetRelativePath(root, file.FullName).StartsWith("obj", StringComparison.Ordinal))
            .SelectMany(file => InternalsVisibleTo().Matches(File.ReadAllText(file.FullName)))
            .Select(match => match.Groups[1].Value);

        Assert.DoesNotContain(inProject.Concat(inCode), friend => Floors.Contains(friend.Split(',')[0]));
    }

    [Theory]
    [InlineData("Adcp.Aot")]
    [InlineData("Adcp.Aot.Storage")]
    [InlineData("Adcp.Aot.Platform")]
    [InlineData("Adcp.Aot.Hosting")]
    [InlineData("Adcp.Aot.AspNetCore")]
    public void Library_knows_no_database_driver(string project)
    {
        IEnumerable<string> packages = Items(project, "PackageReference").Select(item => item.Attribute("Include")!.Value);

        Assert.DoesNotContain(packages, package => Drivers().IsMatch(package));
    }

    [GeneratedRegex("InternalsVisibleTo(?:Attribute)?\\(\\s*\"([^\"]+)\"")]
    private static partial Regex InternalsVisibleTo();

    [GeneratedRegex("Sqlite|Npgsql|MySql|SqlClient|EntityFramework", RegexOptions.IgnoreCase)]
    private static partial Regex Drivers();

    private static DirectoryInfo Folder(string project) => new(Path.Combine(Sources.FullName, project));

    private static IEnumerable<XElement> Items(string project, string name) =>
        XDocument.Load(Path.Combine(Folder(project).FullName, project + ".csproj")).Descendants(name);

    private static DirectoryInfo FindSources()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Adcp.Aot.sln")))
        {
            folder = folder.Parent;
        }

        string root = folder?.FullName ?? throw new InvalidOperationException("No folder above the tests has the solution.");
        return new DirectoryInfo(Path.Combine(root, "src"));
    }
}
