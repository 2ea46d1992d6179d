using System.Text.Json;

namespace Adcp.Aot.Tests;

/// <summary>Reads AdCP's vectors and schemas. A test that uses it is marked with <c>[Needs(Resource.AdcpData)]</c>.</summary>
internal static class SharedFiles
{
    private static string Root => Resources.Get(Resource.AdcpData);

    public static JsonDocument Read(string path) => JsonDocument.Parse(File.ReadAllText(Path.Combine(Root, path)));

    public static IEnumerable<string> List(string folder) => Directory.EnumerateFiles(Path.Combine(Root, folder))
        .Order(StringComparer.Ordinal)
        .Select(file => Path.Combine(folder, Path.GetFileName(file)));

    /// <summary>Returns the full paths of all files below a folder.</summary>
    public static IEnumerable<string> ListAll(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
}
