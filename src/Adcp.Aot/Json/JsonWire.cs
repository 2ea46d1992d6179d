using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Adcp.Aot.Json;

/// <summary>Checks and writes the values that payload types have in common.</summary>
internal static class JsonWire
{
    private const int MaxUriLength = 2048;

    internal static readonly JsonWriterOptions Compact = new()
    { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private static readonly SearchValues<char> IdCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-");

    private static readonly SearchValues<byte> WhiteSpace = SearchValues.Create(" \t\r\n"u8);

    private static readonly SearchValues<byte> OutsideStrings = SearchValues.Create("\" \t\r\n"u8);

    private static readonly SearchValues<char> WordCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_");

    /// <summary>
    /// Checks a required text: 1 to <paramref name="maxLength"/> characters, not blank, all printable.
    /// </summary>
    internal static string Name(string? value, string name, int maxLength = 1024)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(value, name);
        return Text(value, maxLength, name)!;
    }

    /// <summary>Checks an optional text.</summary>
    internal static string? Text(string? value, int maxLength, string name, bool allowControl = false)
    {
        if (value is null)
        {
            return null;
        }

        if (value.Length > maxLength)
        {
            throw new ArgumentException($"Must have at most {maxLength} characters.", name);
        }

        for (int i = 0; i < value.Length; i++)
        {
            bool pair = char.IsHighSurrogate(value[i]) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]);
            if ((char.IsSurrogate(value[i]) && !pair) || (!allowControl && char.IsControl(value[i])))
            {
                throw new ArgumentException("No lone surrogates" + (allowControl ? "." : " and no control characters."), name);
            }

            i += pair ? 1 : 0;
        }

        return value;
    }

    /// <summary>Checks an id of AdCP's alphabet.</summary>
    internal static string Id(string? value, string name, int maxLength, int minLength = 1)
    {
        ArgumentNullException.ThrowIfNull(value, name);
        return IsId(value, maxLength, minLength)
            ? value
            : throw new ArgumentException($"{minLength} to {maxLength} characters of A-Z a-z 0-9 _ . : -", name);
    }

    internal static bool IsId(string value, int maxLength, int minLength = 1) =>
        value.Length >= minLength && value.Length <= maxLength && !value.AsSpan().ContainsAnyExcept(IdCharacters);

    /// <summary>Checks a word of an open AdCP enum: lower case, digits and underscores.</summary>
    internal static string? Word(string? value, string name)
    {
        if (value is not null && (value.Length is 0 or > 64 || !char.IsAsciiLetterLower(value[0])
            || value.AsSpan().ContainsAnyExcept(WordCharacters)))
        {
            throw new ArgumentException("1 to 64 characters of a-z 0-9 _ that begin with a letter.", name);
        }

        return value;
    }

    /// <summary>Checks an absolute http or https URI, which is returned unchanged.</summary>
    internal static string WebUri(string? value, string name)
    {
        ArgumentNullException.ThrowIfNull(value, name);
        return IsWebUri(value)
            ? value
            : throw new ArgumentException($"An absolute http or https URI of at most {MaxUriLength} ASCII characters.", name);
    }

    internal static bool IsWebUri(string value) =>
        value.Length <= MaxUriLength && !value.AsSpan().ContainsAnyExceptInRange('!', '~')
        && Uri.TryCreate(value, UriKind.Absolute, out Uri? uri)
        && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp) && Uri.IsWellFormedUriString(value, UriKind.Absolute);

    /// <summary>Checks that a value is defined in its enum.</summary>
    internal static T Defined<T>(T value, string name)
        where T : struct, Enum => Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, "Must be a defined value of the enum.");

    /// <summary>Returns a member's wire name: its own name in snake case.</summary>
    internal static string Wire<T>(this T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>Returns a copy of one valid JSON value of a kind; empty stays empty.</summary>
    internal static ReadOnlyMemory<byte> Json(ReadOnlyMemory<byte> json, JsonTokenType first, string name)
    {
        if (json.IsEmpty)
        {
            return json;
        }

        if (JsonBodyCheck.Check(json.Span) is { } fault)
        {
            throw new WebhookPayloadException(fault.Code, fault.Message, name);
        }

        return FirstToken(json.Span) == first
            ? json.ToArray()
            : throw new ArgumentException(first == JsonTokenType.StartObject ? "A JSON object." : "A JSON array.", name);
    }

    /// <summary>Writes the members of a JSON object among others; nothing if it is empty.</summary>
    internal static void WriteMembers(Utf8JsonWriter json, ReadOnlyMemory<byte> members)
    {
        if (members.IsEmpty)
        {
            return;
        }

        using JsonDocument document = JsonDocument.Parse(members);
        foreach (JsonProperty member in document.RootElement.EnumerateObject())
        {
            member.WriteTo(json);
        }
    }

    /// <summary>Returns a copy of one valid JSON value of a kind. It must not be empty.</summary>
    internal static ReadOnlyMemory<byte> Required(ReadOnlyMemory<byte> json, JsonTokenType first, string name) =>
        json.IsEmpty ? throw new ArgumentException("Required.", name) : Json(json, first, name);

    /// <summary>Returns a time as RFC 3339 in UTC with milliseconds.</summary>
    internal static string Timestamp(DateTimeOffset time)
    {
        // The round-trip format costs a tenth of a custom one. Its last four digits are replaced by the Z.
        Span<char> text = stackalloc char[28];
        time.UtcDateTime.TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        text[23] = 'Z';
        return new string(text[..24]);
    }

    internal static void WriteText(this Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    internal static void WriteTime(this Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset? value)
    {
        if (value is { } time)
        {
            json.WriteString(name, Timestamp(time));
        }
    }

    internal static void WriteNumber(this Utf8JsonWriter json, ReadOnlySpan<byte> name, decimal? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }

    internal static void WriteFlag(this Utf8JsonWriter json, ReadOnlySpan<byte> name, bool? value)
    {
        if (value is { } flag)
        {
            json.WriteBoolean(name, flag);
        }
    }

    internal static void WriteNames(this Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<string>? values)
    {
        if (values is not null)
        {
            json.WriteStartArray(name);
            foreach (string value in values)
            {
                json.WriteStringValue(value);
            }

            json.WriteEndArray();
        }
    }

    internal static void WriteJson(this Utf8JsonWriter json, ReadOnlySpan<byte> name, ReadOnlyMemory<byte> value)
    {
        if (!value.IsEmpty)
        {
            json.WritePropertyName(name);
            WriteValue(json, value.Span);
        }
    }

    /// <summary>Writes a valid value without insignificant white space; every token keeps its bytes.</summary>
    /// <param name="json">The writer of the body.</param>
    /// <param name="value">One JSON value that <see cref="JsonBodyCheck"/> accepted.</param>
    /// <param name="sequenceNumber">Written as the first member of <paramref name="value"/>, which must be an
    /// object.</param>
    internal static void WriteValue(Utf8JsonWriter json, ReadOnlySpan<byte> value, long? sequenceNumber = null)
    {
        if (sequenceNumber is null && !value.ContainsAny(WhiteSpace))
        {
            json.WriteRawValue(value, skipInputValidation: true);
            return;
        }

        ArrayBufferWriter<byte> compact = new(value.Length + 48);
        if (sequenceNumber is { } number)
        {
            value = value.TrimStart(" \t\r\n"u8)[1..].TrimStart(" \t\r\n"u8);
            compact.Write("{\"sequence_number\":"u8);
            number.TryFormat(compact.GetSpan(20), out int written, default, CultureInfo.InvariantCulture);
            compact.Advance(written);
            compact.Write(value[0] == (byte)'}' ? [] : ","u8);
        }

        // Moves from token to token: skips white space between tokens, and copies strings as a whole.
        while (value.IndexOfAny(OutsideStrings) is >= 0 and int mark)
        {
            int end = value[mark] == (byte)'"' ? mark + StringLength(value[mark..]) : mark;
            compact.Write(value[..end]);
            value = value[end..].TrimStart(" \t\r\n"u8);
        }

        compact.Write(value);
        json.WriteRawValue(compact.WrittenSpan, skipInputValidation: true);
    }

    /// <summary>Returns the length of the string that begins here, including its quotes.</summary>
    private static int StringLength(ReadOnlySpan<byte> json)
    {
        int at = 1;
        while (true)
        {
            at += json[at..].IndexOfAny((byte)'"', (byte)'\\');
            if (json[at] == (byte)'"')
            {
                return at + 1;
            }

            at += 2;
        }
    }

    internal static JsonTokenType FirstToken(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        reader.Read();
        return reader.TokenType;
    }

    /// <summary>Returns whether an object has a top-level member of this name.</summary>
    internal static bool HasMember(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = JsonBodyCheck.MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals(name))
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    /// <summary>Refuses a payload that the AdCP version does not define.</summary>
    internal static void Since(AdcpVersion spoken, AdcpVersion since, string what)
    {
        if (spoken < since)
        {
            throw new WebhookPayloadException("not_in_this_version",
                $"'{what}' is not defined in the AdCP version spoken; it begins with {since}.", nameof(spoken));
        }
    }
}
