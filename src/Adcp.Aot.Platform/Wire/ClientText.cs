using System.Text.Json;
using System.Text.Unicode;

namespace Adcp.Aot.Platform;

/// <summary>
/// Checks a client's text once, when it is read. Text that passes can be read and written again by System.Text.Json,
/// which throws for a lone surrogate only when the string is used. For transports that serve a
/// <see cref="PlatformHandler"/>.
/// </summary>
public static class ClientText
{
    /// <summary>The maximum depth of JSON that System.Text.Json reads by default.</summary>
    public const int MaxDepth = 64;

    /// <summary>
    /// Returns whether the bytes are one JSON value in valid UTF-8, without lone surrogates and without a name twice
    /// in an object.
    /// </summary>
    /// <param name="json">The bytes.</param>
    /// <param name="maxDepth">The maximum depth. At least 1, default <see cref="MaxDepth"/>.</param>
    public static bool IsSound(ReadOnlySpan<byte> json, int maxDepth = MaxDepth)
    {
        if (!Utf8.IsValid(json))
        {
            return false;
        }

        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = maxDepth });
        Stack<HashSet<string>> names = new();
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject:
                        names.Push(new HashSet<string>(StringComparer.Ordinal));
                        break;
                    case JsonTokenType.EndObject:
                        names.Pop();
                        break;
                    case JsonTokenType.PropertyName when !names.Peek().Add(reader.GetString()!):
                        return false;
                    case JsonTokenType.String when reader.ValueIsEscaped:
                        _ = reader.GetString();
                        break;
                }
            }

            return true;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // GetString throws InvalidOperationException for a lone surrogate.
            return false;
        }
    }

    /// <summary>Returns whether a string has no lone surrogate.</summary>
    internal static bool IsWellFormed(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]))
            {
                if (!char.IsSurrogatePair(text, i))
                {
                    return false;
                }

                i++;
            }
        }

        return true;
    }
}
