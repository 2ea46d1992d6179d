using System.Text.Json;

namespace Adcp.Aot.Tests;

/// <summary>AdCP's own vectors and schemas, beside the repository. A test that needs them skips, saying so, where they are absent.</summary>
internal static class SharedFiles
{
    private static readonly string? Root = Find();

    public static JsonDocument Read(string path)
    {
        Assert.SkipWhen(Root is null, "../shared (AdCP's vectors and schemas) is not beside the repository.");
        return JsonDocument.Parse(File.ReadAllText(Path.Combine(Root!, path)));
    }

    public static IEnumerable<string> List(string folder)
    {
        Assert.SkipWhen(Root is null, "../shared (AdCP's vectors and schemas) is not beside the repository.");
        return Directory.EnumerateFiles(Path.Combine(Root!, folder)).Order(StringComparer.Ordinal).Select(file => Path.Combine(folder, Path.GetFileName(file)));
    }

    /// <summary>Full paths of every file below a folder.</summary>
    public static IEnumerable<string> ListAll(string folder)
    {
        Assert.SkipWhen(Root is null, "../shared (AdCP's vectors and schemas) is not beside the repository.");
        return Directory.EnumerateFiles(Path.Combine(Root!, folder), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
    }

    private static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared");
            if (Directory.Exists(Path.Combine(candidate, "vectors")))
            {
                return candidate;
            }
        }

        return null;
    }
}
