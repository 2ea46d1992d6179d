using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Adcp.Aot.Auditing;

namespace Adcp.Aot.Cli;

/// <summary>Writes results to the standard output: tables for people, one JSON object per line for machines.</summary>
internal static class Output
{
    private const int MaxForeign = 64;

    private static readonly Lock Turn = new();

    /// <summary>
    /// Gets whether the output is a terminal that shows colours. <c>NO_COLOR</c> (no-color.org) switches them off, <c>FORCE_COLOR</c>
    /// switches them on without a terminal.
    /// </summary>
    private static bool UsesColour { get; } = !IsSet("NO_COLOR")
        && (IsSet("FORCE_COLOR") || (!Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb"));

    /// <summary>
    /// Writes one JSON object on one line and flushes it. All characters but ASCII are escaped, so that no text can
    /// control a terminal.
    /// </summary>
    internal static void Json(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.Default }))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        Raw(line.WrittenSpan);
    }

    /// <summary>
    /// Escapes and shortens a text of another party, for a line of a table; <c>-</c> if there is none.
    /// </summary>
    internal static string Foreign(string? text) => text is null ? "-" : LogText.Printable(text, MaxForeign);

    /// <summary>
    /// Returns a text of any length in which what steers a terminal or the direction of writing is escaped as JSON does it:
    /// controls, C1 and DEL among them, marks of direction, line and paragraph separators.
    /// </summary>
    internal static string Visible(string text)
    {
        StringBuilder? shown = null;
        for (int i = 0; i < text.Length; i++)
        {
            bool isVisible = char.GetUnicodeCategory(text[i]) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
            if (isVisible)
            {
                shown?.Append(text[i]);
                continue;
            }

            shown ??= new StringBuilder(text, 0, i, text.Length + 64);
            shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
        }

        return shown?.ToString() ?? text;
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

    /// <summary>
    /// Writes rows with aligned columns. If the first row is a heading, the words of a column STATUS, STATE or OUTCOME are coloured.
    /// </summary>
    internal static void Table(params IReadOnlyList<string[]> rows)
    {
        int columns = rows.Max(row => row.Length);
        int[] widths = [.. Enumerable.Range(0, columns).Select(c => rows.Max(row => c < row.Length ? row[c].Length : 0))];
        foreach (string[] row in rows)
        {
            Console.Out.WriteLine(string.Join("  ", row.Select((cell, c) =>
            {
                string padded = c == row.Length - 1 ? cell : cell.PadRight(widths[c]);
                return c < rows[0].Length && rows[0][c] is "STATUS" or "STATE" or "OUTCOME" ? Coloured(cell, padded) : padded;
            })));
        }
    }

    /// <summary>Colours a word of state by its meaning: green if all is well, yellow for a transition, red for trouble.</summary>
    private static string Coloured(string word, string padded)
    {
        string? code = !UsesColour ? null : word switch
        {
            "ok" or "closed" or "success" => "32",
            "warning" or "half_open" => "33",
            "failed" or "open" or "isolated" or "failure" or "timeout" or "circuit_open" => "31",
            _ => null,
        };
        return code is null ? padded : $"\u001b[{code}m{padded}\u001b[0m";
    }

    private static bool IsSet(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));
}
