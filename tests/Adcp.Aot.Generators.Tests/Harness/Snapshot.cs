using Adcp.Aot.Generators.DeliveryLogs;

namespace Adcp.Aot.Generators.Tests.Harness;

/// <summary>
/// Compares text with a committed file. Run with <c>ADCP_UPDATE_SNAPSHOTS</c> set to the path of the Snapshots folder
/// to rewrite the files, and read the changes before committing them. The generator's version is left out, so that a
/// release changes no snapshot.
/// </summary>
internal static class Snapshot
{
    public static void Match(string name, string generated)
    {
        string version = typeof(DeliveryLogGenerator).Assembly.GetName().Version!.ToString(3);
        string actual = generated.Replace($"\"{version}\")", "\"VERSION\")", StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("ADCP_UPDATE_SNAPSHOTS") is { Length: > 0 } folder)
        {
            File.WriteAllText(Path.Combine(folder, name), actual);
            return;
        }

        string path = Path.Combine(AppContext.BaseDirectory, "Snapshots", name);
        Assert.True(File.Exists(path), $"Snapshots/{name} is missing: set ADCP_UPDATE_SNAPSHOTS to the folder and run.");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
