using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Adcp.Aot.Json;

/// <summary>
/// Checks that bytes are one JSON value that every parser reads alike: valid UTF-8, no lone surrogates, at most 64
/// levels, no object with a duplicate name at any depth.
/// </summary>
internal static class JsonBodyCheck
{
    internal const int MaxDepth = 64;
    private const string DuplicateKey = "duplicate_key_input";
    private const int MaxNames = 4;
    private const int MaxNameBytes = 32;

    /// <returns><c>null</c> if the value is valid, otherwise the code and a message that is safe to log.</returns>
    internal static (string Code, string Message)? Check(ReadOnlySpan<byte> json) => IsSound(json) ? null : Explain(json);

    private static bool IsSound(ReadOnlySpan<byte> json) => Utf8.IsValid(json) && (IsPlain(json) || IsSoundToTheReader(json));

    private static bool IsPlain(ReadOnlySpan<byte> json)
    {
        NameScopes scopes = new(json, stackalloc NameScopes.Name[64], stackalloc int[MaxDepth]);
        bool sound = FastPathJson.IsSound(json, ref scopes);
        scopes.Dispose();
        return sound;
    }

    private static bool IsSoundToTheReader(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        NameScopes scopes = new(json, stackalloc NameScopes.Name[64], stackalloc int[MaxDepth]);
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject:
                        scopes.Open();
                        break;
                    case JsonTokenType.EndObject when !scopes.TryClose():
                        return false;
                    case JsonTokenType.PropertyName:
                        scopes.Add(in reader);
                        break;
                    case JsonTokenType.String when reader.ValueIsEscaped:
                        scopes.Unescape(in reader);
                        break;
                }
            }

            return true;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return false;
        }
        finally
        {
            scopes.Dispose();
        }
    }

    /// <summary>The slow path, for refused texts: finds the fault and its names.</summary>
    private static (string Code, string Message)? Explain(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            return ("invalid_json", "The JSON is not valid UTF-8.");
        }

        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        Stack<HashSet<string>> open = new();
        List<string>? duplicates = null;
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject:
                        open.Push(new HashSet<string>(StringComparer.Ordinal));
                        break;
                    case JsonTokenType.EndObject:
                        open.Pop();
                        break;
                    case JsonTokenType.PropertyName:
                        string name = reader.GetString()!;
                        if (!open.Peek().Add(name))
                        {
                            (duplicates ??= []).Add(name);
                        }

                        break;
                    case JsonTokenType.String:
                        if (reader.ValueIsEscaped)
                        {
                            _ = reader.GetString();
                        }

                        break;
                }
            }
        }
        catch (JsonException)
        {
            return ("invalid_json", "Not one well-formed JSON value of at most 64 levels.");
        }
        catch (InvalidOperationException)
        {
            return ("invalid_json", "A string of the JSON holds a lone surrogate.");
        }

        return duplicates is null ? null : (DuplicateKey, $"An object of the JSON has the same name twice: {Sanitised(duplicates)}.");
    }

    /// <summary>
    /// Looks for duplicate names only. A body with other faults passes. Control characters inside strings, which
    /// lenient parsers accept, cannot hide a duplicate.
    /// </summary>
    /// <returns><c>null</c> if there are none, otherwise a message that is safe to log.</returns>
    internal static string? FindDuplicates(ReadOnlySpan<byte> json)
    {
        if (Check(json) is not { } fault)
        {
            return null;
        }

        if (fault.Code == DuplicateKey)
        {
            return fault.Message;
        }

        byte[] readable = json.ToArray();
        foreach (ref byte c in readable.AsSpan())
        {
            c = c is < 0x20 and not ((byte)'\t' or (byte)'\n' or (byte)'\r') ? (byte)'?' : c;
        }

        return Check(readable) is { Code: DuplicateKey } duplicate ? duplicate.Message : null;
    }

    /// <summary>
    /// Returns names in a form that is safe to log (AdCP security, 14b): cut at the first unprintable character, 32
    /// bytes each, four at most.
    /// </summary>
    private static string Sanitised(List<string> names)
    {
        StringBuilder text = new();
        for (int i = 0; i < Math.Min(names.Count, MaxNames); i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(Sanitised(names[i]));
        }

        return names.Count > MaxNames ? text.Append(", <...").Append(names.Count - MaxNames).Append(" more>").ToString() : text.ToString();
    }

    private static string Sanitised(string name)
    {
        int bytes = 0;
        int kept = 0;
        foreach (Rune rune in name.EnumerateRunes())
        {
            if (IsUnprintable(rune.Value))
            {
                return $"<sanitized:{bytes}>";
            }

            bytes += rune.Utf8SequenceLength;
            kept = bytes <= MaxNameBytes ? kept + rune.Utf16SequenceLength : kept;
        }

        return name[..kept];
    }

    private static bool IsUnprintable(int c) =>
        c is < 0x20 or (>= 0x7F and <= 0x9F) or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or (>= 0x202A and <= 0x202E)
        or (>= 0x2066 and <= 0x2069) or 0xFEFF;
}
