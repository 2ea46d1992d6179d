using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Auditing;

/// <summary>Texts on their way into a log: cut or hidden. Generated delivery logs call it.</summary>
public static class LogText
{
    /// <summary>At most so many UTF-16 units, never half a surrogate pair.</summary>
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

    /// <summary><c>[redacted]</c> for any text.</summary>
    /// <param name="text">The text.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Mask(string? text) => text is null ? null : "[redacted]";

    /// <summary>The first 32 hexadecimal digits of the text's SHA-256.</summary>
    /// <param name="text">The text.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Hash(string? text) => text is null ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
