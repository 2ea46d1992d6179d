using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Adcp.Aot.Cli;

/// <summary>Writes results to the standard output: tables for people, one JSON object a line for machines.</summary>
internal static class Output
{
    private static readonly Lock Turn = new();

    /// <summary>One JSON object on one line, flushed.</summary>
    internal static void Json(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        Raw(line.WrittenSpan);
    }

    internal static void Raw(ReadOnlySpan<byte> bytes)
    {
        lock (Turn)
        {
            using Stream output = Console.OpenStandardOutput();
            output.Write(bytes);
            output.Flush();
        }
    }

    /// <summary>Rows with their columns aligned.</summary>
    internal static void Table(params IReadOnlyList<string[]> rows)
    {
        int columns = rows.Max(row => row.Length);
        int[] widths = [.. Enumerable.Range(0, columns).Select(c => rows.Max(row => c < row.Length ? row[c].Length : 0))];
        foreach (string[] row in rows)
        {
            Console.Out.WriteLine(string.Join("  ", row.Select((cell, c) => c == row.Length - 1 ? cell : cell.PadRight(widths[c]))));
        }
    }
}
