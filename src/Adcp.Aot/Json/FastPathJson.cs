using System.Numerics;
using System.Runtime.Intrinsics;

namespace Adcp.Aot.Json;

/// <summary>
/// Checks the JSON that machines usually write, names included, in half the time that
/// <see cref="System.Text.Json.Utf8JsonReader"/> takes for its tokens alone. It only ever accepts. If a text has
/// anything unusual, such as a name with an escape, a <c>\u</c> escape or a fault, the check is left to that reader.
/// </summary>
internal static class FastPathJson
{
    private const int Unknown = -1;

    /// <param name="json">Valid UTF-8.</param>
    /// <param name="names">Receives every object and its names.</param>
    /// <returns><c>true</c> if this is one JSON value, no deeper than <see cref="JsonBodyCheck.MaxDepth"/>, and no
    /// object has a name twice.</returns>
    internal static bool IsSound(ReadOnlySpan<byte> json, ref NameScopes names)
    {
        int end = Value(json, 0, JsonBodyCheck.MaxDepth, ref names);
        return end >= 0 && Space(json, end) == json.Length;
    }

    /// <returns>The end of the value that begins here or behind white space, or <see cref="Unknown"/>. The other
    /// methods return the same.</returns>
    private static int Value(ReadOnlySpan<byte> json, int at, int depth, ref NameScopes names)
    {
        at = Space(json, at);
        return (uint)at >= (uint)json.Length ? Unknown : json[at] switch
        {
            (byte)'"' => String(json, at),
            (byte)'{' when depth > 0 => Object(json, at + 1, depth - 1, ref names),
            (byte)'[' when depth > 0 => Array(json, at + 1, depth - 1, ref names),
            (byte)'t' => Word(json, at, "true"u8),
            (byte)'f' => Word(json, at, "false"u8),
            (byte)'n' => Word(json, at, "null"u8),
            _ => Number(json, at),
        };
    }

    private static int Object(ReadOnlySpan<byte> json, int at, int depth, ref NameScopes names)
    {
        names.Open();
        at = Space(json, at);
        if (Is(json, at, '}'))
        {
            return names.TryClose() ? at + 1 : Unknown;
        }

        while (true)
        {
            int start = Space(json, at);
            if (!Is(json, start, '"') || (at = Name(json, start)) < 0)
            {
                return Unknown;
            }

            names.Add(start + 1, at - start - 2);
            at = Space(json, at);
            if (!Is(json, at, ':') || (at = Value(json, at + 1, depth, ref names)) < 0)
            {
                return Unknown;
            }

            at = Space(json, at);
            if (!Is(json, at, ','))
            {
                return Is(json, at, '}') && names.TryClose() ? at + 1 : Unknown;
            }

            at++;
        }
    }

    private static int Array(ReadOnlySpan<byte> json, int at, int depth, ref NameScopes names)
    {
        at = Space(json, at);
        if (Is(json, at, ']'))
        {
            return at + 1;
        }

        while ((at = Value(json, at, depth, ref names)) >= 0)
        {
            at = Space(json, at);
            if (!Is(json, at, ','))
            {
                return Is(json, at, ']') ? at + 1 : Unknown;
            }

            at++;
        }

        return Unknown;
    }

    private static int Name(ReadOnlySpan<byte> json, int at)
    {
        int end = PlainEnd(json, at + 1);
        return Is(json, end, '"') ? end + 1 : Unknown;
    }

    private static int String(ReadOnlySpan<byte> json, int at)
    {
        at = PlainEnd(json, at + 1);
        while (Is(json, at, '\\') && at + 1 < json.Length && "\"\\/bfnrt"u8.Contains(json[at + 1]))
        {
            at = PlainEnd(json, at + 2);
        }

        return Is(json, at, '"') ? at + 1 : Unknown;
    }

    private static int Number(ReadOnlySpan<byte> json, int at)
    {
        at += Is(json, at, '-') ? 1 : 0;
        int first = at;
        at = Digits(json, at);
        if (at == first || (at > first + 1 && json[first] == '0'))
        {
            return Unknown;
        }

        if (Is(json, at, '.'))
        {
            int fraction = at + 1;
            at = Digits(json, fraction);
            if (at == fraction)
            {
                return Unknown;
            }
        }

        // No exponent: AdCP's messages have none.
        return Is(json, at, 'e') || Is(json, at, 'E') ? Unknown : at;
    }

    private static int Word(ReadOnlySpan<byte> json, int at, ReadOnlySpan<byte> word) =>
        json[at..].StartsWith(word) ? at + word.Length : Unknown;

    private static int Space(ReadOnlySpan<byte> json, int at)
    {
        // One comparison if there is none, which is nearly always.
        while ((uint)at < (uint)json.Length && json[at] <= ' ' && json[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            at++;
        }

        return at;
    }

    private static int Digits(ReadOnlySpan<byte> json, int at)
    {
        while ((uint)at < (uint)json.Length && char.IsAsciiDigit((char)json[at]))
        {
            at++;
        }

        return at;
    }

    /// <summary>
    /// Returns the position of the first quote, backslash or control character in a string, or the text's end.
    /// </summary>
    private static int PlainEnd(ReadOnlySpan<byte> json, int at)
    {
        // Not byte by byte: the end of a string is hard to predict for a processor.
        for (; at <= json.Length - Vector128<byte>.Count; at += Vector128<byte>.Count)
        {
            Vector128<byte> next = Vector128.Create(json.Slice(at, Vector128<byte>.Count));
            Vector128<byte> ends = Vector128.Equals(next, Vector128.Create((byte)'"'))
                | Vector128.Equals(next, Vector128.Create((byte)'\\')) | Vector128.LessThan(next, Vector128.Create((byte)' '));
            if (ends != Vector128<byte>.Zero)
            {
                return at + BitOperations.TrailingZeroCount(ends.ExtractMostSignificantBits());
            }
        }

        while ((uint)at < (uint)json.Length && json[at] is >= (byte)' ' and not ((byte)'"' or (byte)'\\'))
        {
            at++;
        }

        return at;
    }

    private static bool Is(ReadOnlySpan<byte> json, int at, char c) => (uint)at < (uint)json.Length && json[at] == c;
}
