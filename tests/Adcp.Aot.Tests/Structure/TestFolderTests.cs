using Adcp.Aot.Tests.Documentation;

namespace Adcp.Aot.Tests.Structure;

/// <summary>The tests of a class are in the folder of the class.</summary>
public sealed class TestFolderTests
{
    /// <summary>Folders that hold no tests of a folder of <c>src</c>, each with its purpose.</summary>
    private static readonly Dictionary<string, string[]> TestOnly = new()
    {
        // Pages and diagrams, helpers, fuzzing, peers in other languages, secrets of all types, projects and folders.
        ["Adcp.Aot"] = ["Documentation", "Doubles", "Fuzzing", "Interop", "Secrets", "Structure"],

        // Helpers that open databases, and the sample A2AStores.
        ["Adcp.Aot.Storage"] = ["Databases", "Samples"],
        ["Adcp.Aot.Platform"] = [],

        ["Adcp.Aot.Hosting"] = [],
        ["Adcp.Aot.AspNetCore"] = [],
    };

    public static TheoryData<string> Projects { get; } = [.. TestOnly.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Folders_of_tests_are_folders_of_the_code(string project)
    {
        HashSet<string> code = [.. FoldersUnder($"src/{project}")];

        IEnumerable<string> others = FoldersUnder($"tests/{project}.Tests")
            .Where(folder => !TestOnly[project].Contains(folder.Split('/')[0]) && !code.Contains(folder));

        Assert.Empty(others);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Folders_that_are_for_tests_only_exist_and_are_no_folders_of_the_code(string project)
    {
        string[] folders = TestOnly[project];

        Assert.Empty(folders.Except(FoldersUnder($"tests/{project}.Tests")));
        Assert.Empty(folders.Intersect(FoldersUnder($"src/{project}")));
    }

    /// <summary>Returns the folders that have C# files, with <c>/</c> between their names.</summary>
    private static IEnumerable<string> FoldersUnder(string folder) =>
        Repository.List(folder, "*.cs")
            .Select(file => Path.GetRelativePath(folder, Path.GetDirectoryName(file)!).Replace('\\', '/'))
            .Where(static name => name != ".")
            .Distinct();
}
