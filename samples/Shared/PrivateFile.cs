namespace Samples;

/// <summary>Files that only their owner reads: mode 0600.</summary>
internal static class PrivateFile
{
    /// <exception cref="IOException">The file is there.</exception>
    public static FileStream Create(string path)
    {
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }
}
