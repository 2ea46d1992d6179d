using System.Text;

namespace Adcp.Aot.Cli;

/// <summary>Reads what the command line points to. A fault of reading is a fault of usage.</summary>
internal static class InputFile
{
    private const int MaxBytes = 64 << 20;

    /// <summary>A file's bytes; <c>-</c> is the standard input.</summary>
    internal static byte[] Bytes(string path, string name)
    {
        try
        {
            using Stream stream = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
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

    internal static string Text(string path, string name) => Encoding.UTF8.GetString(Bytes(path, name));

    /// <summary>A secret kept in a file, without the line end that editors add.</summary>
    internal static string Secret(string path, string name) => Text(path, name).TrimEnd('\r', '\n');

    /// <summary>JSON as it is, or from a file where the value begins with @.</summary>
    internal static ReadOnlyMemory<byte> Json(string? value, string name) => value switch
    {
        null => default,
        ['@', .. var path] => Bytes(path, name),
        _ => Encoding.UTF8.GetBytes(value),
    };
}
