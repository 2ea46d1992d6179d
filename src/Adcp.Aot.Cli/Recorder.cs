using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.Cli;

/// <summary>Appends deliveries to a file that only its owner can read.</summary>
internal sealed class Recorder : IDisposable
{
    private readonly FileStream _file;
    private readonly bool _keepsSecrets;

    /// <param name="path">The file. It is created with mode 0600, or extended.</param>
    /// <param name="keepsSecrets">Whether headers with secrets and query strings are recorded.</param>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    internal Recorder(string path, bool keepsSecrets)
    {
        _keepsSecrets = keepsSecrets;
        FileStreamOptions options = new() { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.Read };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            _file = new FileStream(path, options);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CommandException(ExitCode.Usage, $"--record: '{path}' cannot be written: {fault.Message}");
        }

        InputFile.WarnIfReadableByOthers(_file, path, "--record");
    }

    /// <summary>Writes one delivery to the disk. Not thread-safe.</summary>
    /// <param name="request">The request.</param>
    /// <param name="body">Its body.</param>
    /// <param name="time">The time of the delivery.</param>
    /// <param name="status">The answer.</param>
    /// <param name="code">The error code of the verification; <c>null</c> if it was verified.</param>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    internal void Write(HttpRequest request, ReadOnlyMemory<byte> body, DateTimeOffset time, int status, string? code)
    {
        List<KeyValuePair<string, string>> headers = [];
        List<string> omitted = [];
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in request.Headers)
        {
            if (!_keepsSecrets && Recording.IsSecret(name))
            {
                omitted.Add(name);
                continue;
            }

            headers.AddRange(values.Select(value => KeyValuePair.Create(name, value ?? "")));
        }

        Recording recording = new(headers, body);
        byte[] line = Recording.Line(json =>
        {
            json.WriteString("time"u8, time.UtcDateTime);
            json.WriteString("method"u8, request.Method);
            json.WriteString("path"u8, request.Path.Value + (_keepsSecrets ? request.QueryString.Value : null));
            json.WriteBoolean("verified"u8, code is null);
            json.WriteString("error_code"u8, code);
            json.WriteNumber("status"u8, status);
            json.WriteStartArray("omitted_headers"u8);
            omitted.ForEach(json.WriteStringValue);
            json.WriteEndArray();
            recording.Write(json);
        });
        _file.Write(line);
        _file.Flush();
    }

    public void Dispose() => _file.Dispose();
}
