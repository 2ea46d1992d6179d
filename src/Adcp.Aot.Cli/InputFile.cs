using System.Text;

namespace Adcp.Aot.Cli;

/// <summary>Reads the files that the command line names. If one cannot be read, that is a fault of usage.</summary>
internal static class InputFile
{
    private const int MaxBytes = 64 << 20;

    /// <summary>Returns a file's bytes; <c>-</c> is the standard input.</summary>
    internal static byte[] Bytes(string path, string name) => Bytes(path, name, isSecret: false);

    internal static string Text(string path, string name) => Encoding.UTF8.GetString(Bytes(path, name));

    /// <summary>
    /// Reads a secret from a file or the standard input, without the line end that editors add, and warns if others can read the
    /// file.
    /// </summary>
    internal static string Secret(string path, string name) =>
        Encoding.UTF8.GetString(SecretBytes(path, name)).TrimEnd('\r', '\n');

    /// <summary>Reads a secret's bytes from a file or the standard input, and warns if others can read the file.</summary>
    internal static byte[] SecretBytes(string path, string name) => Bytes(path, name, isSecret: true);

    /// <summary>Returns JSON as it is given, or from a file if the value begins with @.</summary>
    internal static ReadOnlyMemory<byte> Json(string? value, string name) => value switch
    {
        null => default,
        ['@', .. var path] => Bytes(path, name),
        _ => Encoding.UTF8.GetBytes(value),
    };

    private static byte[] Bytes(string path, string name, bool isSecret)
    {
        try
        {
            using Stream stream = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
            if (isSecret)
            {
                WarnIfReadableByOthers(stream, path, name);
            }

            using MemoryStream bytes = new();
            byte[] buffer = new byte[81920];
            int read;
            while ((read = stream.Read(buffer)) > 0)
            {
                bytes.Write(buffer, 0, read);
                if (bytes.Length > MaxBytes)
                {
                    throw new CommandException(ExitCode.Usage, $"{name}: '{path}' has more than 64 MiB.");
                }
            }

            return bytes.ToArray();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CommandException(ExitCode.Usage, $"{name}: '{path}' cannot be read: {fault.Message}");
        }
    }

    /// <summary>
    /// Checks the open file, so that the mode is the file's and not that of a link to it. A pipe, such as a shell's,
    /// cannot be sought and has no mode.
    /// </summary>
    internal static void WarnIfReadableByOthers(Stream stream, string path, string name)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (!OperatingSystem.IsWindows() && stream is FileStream { CanSeek: true } file
            && (File.GetUnixFileMode(file.SafeFileHandle) & Others) != 0)
        {
            Console.Error.WriteLine($"Warning: {name}: '{path}' can be read by others than its owner. Run: chmod 600 '{path}'");
        }
    }
}
