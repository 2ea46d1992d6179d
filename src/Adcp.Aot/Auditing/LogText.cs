using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Auditing;

/// <summary>Cuts, hides and escapes texts for a log. Generated delivery logs call it.</summary>
public static class LogText
{
    /// <summary>Cuts a text to a number of UTF-16 units, never within a surrogate pair.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxLength">The bound, at least 1.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Cut(string? text, int maxLength)
    {
        if (text is null || text.Length <= maxLength)
        {
            return text;
        }

        return text[..(char.IsHighSurrogate(text[maxLength - 1]) ? maxLength - 1 : maxLength)];
    }

    /// <summary>Returns <c>[redacted]</c> for any text.</summary>
    /// <param name="text">The text.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Mask(string? text) => text is null ? null : "[redacted]";

    /// <summary>Returns the first 32 hexadecimal digits of the text's SHA-256.</summary>
    /// <param name="text">The text.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Hash(string? text) =>
        text is null ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));

    /// <summary>
    /// Escapes an untrusted text: every character but visible ASCII becomes <c>\u</c> and four hexadecimal digits, so
    /// that the text can neither end a line, nor look like another column, nor control a terminal or the direction of
    /// writing. Backslashes are escaped too.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="maxLength">The maximum length of the result, at least 4. A text that was cut ends in three
    /// dots.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Printable(string? text, int maxLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 4);
        if (text is null || (text.Length <= maxLength && !text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.Contains('\\',
            StringComparison.Ordinal)))
        {
            return text;
        }

        const string Cut = "...";
        StringBuilder shown = new(maxLength + 6);
        int lengthIfCut = 0;
        foreach (char character in text)
        {
            lengthIfCut = shown.Length <= maxLength - Cut.Length ? shown.Length : lengthIfCut;
            if (character is > ' ' and <= '~' and not '\\')
            {
                shown.Append(character);
            }
            else
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
            }

            if (shown.Length > maxLength)
            {
                shown.Length = lengthIfCut;
                return shown.Append(Cut).ToString();
            }
        }

        return shown.ToString();
    }
}
