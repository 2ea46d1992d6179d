namespace Adcp.Aot.Generators.Tests.Harness;

/// <summary>
/// Compares text with a committed file. Run with <c>ADCP_UPDATE_SNAPSHOTS</c> set to the path of the Snapshots folder to write the files anew, and read what changed before
/// committing it.
/// </summary>
internal static class Snapshot
{
    public static void Match(string name, string actual)
    {
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
