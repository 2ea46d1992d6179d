using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Adcp.Aot.Cli;

/// <summary>One delivery in a file of <c>listen --record</c>, a JSON object on a line of its own.</summary>
/// <param name="Headers">Names and values, in order.</param>
/// <param name="Body">The bytes of the body.</param>
internal sealed record Recording(IReadOnlyList<KeyValuePair<string, string>> Headers, ReadOnlyMemory<byte> Body)
{
    private static readonly string[] SecretNames = ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"];

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Returns whether the name of a header suggests that its value is a credential.</summary>
    internal static bool IsSecret(string header) =>
        Array.Exists(SecretNames, name => header.Contains(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Returns the line of a delivery, with its end.</summary>
    internal static byte[] Line(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.Default }))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        return line.WrittenSpan.ToArray();
    }

    /// <summary>Writes the members that <see cref="Read"/> reads. A body that is no UTF-8 is written as base64.</summary>
    internal void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("headers"u8);
        foreach ((string name, string value) in Headers)
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            json.WriteStringValue(value);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        try
        {
            json.WriteString("body"u8, Strict.GetString(Body.Span));
        }
        catch (DecoderFallbackException)
        {
            json.WriteBase64String("body_base64"u8, Body.Span);
        }
    }

    /// <summary>Reads the deliveries of a file one after another.</summary>
    /// <exception cref="CommandException">The file cannot be read, or a line is no recorded delivery.</exception>
    internal static IEnumerable<Recording> Read(string path)
    {
        int number = 0;
        using IEnumerator<string> lines = Open(path).GetEnumerator();
        while (Next(lines, path) is { } line)
        {
            number++;
            if (line.Length > 0)
            {
                yield return Parse(line, path, number);
            }
        }
    }

    private static IEnumerable<string> Open(string path) => Guarded(path, () => File.ReadLines(path));

    private static string? Next(IEnumerator<string> lines, string path) => Guarded(path, () => lines.MoveNext() ? lines.Current : null);

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CommandException(ExitCode.Usage, $"'{path}' cannot be read: {fault.Message}");
        }
    }

    private static Recording Parse(string line, string path, int number)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            List<KeyValuePair<string, string>> headers =
            [
                .. root.GetProperty("headers"u8).EnumerateArray()
                    .Select(static pair => KeyValuePair.Create(pair[0].GetString()!, pair[1].GetString()!)),
            ];
            return new Recording(
                headers,
                root.TryGetProperty("body_base64"u8, out JsonElement bytes)
                    ? bytes.GetBytesFromBase64()
                    : Encoding.UTF8.GetBytes(root.GetProperty("body"u8).GetString()!));
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException or FormatException
            or IndexOutOfRangeException or ArgumentNullException)
        {
            throw new CommandException(ExitCode.Usage, $"'{path}', line {number}: not a delivery that listen --record wrote.");
        }
    }
}
