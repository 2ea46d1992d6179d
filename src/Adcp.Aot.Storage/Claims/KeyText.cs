using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Adcp.Aot.Storage;

/// <summary>
/// Converts names that senders chose to the text of a key column. Short names stay as they are, so that an operator can
/// read them. Other names become their hash, so that every name fits an index of each database.
/// </summary>
internal static class KeyText
{
    /// <summary>The width of a key column in bytes.</summary>
    internal const int MaxBytes = 255;

    private const string HashPrefix = "sha256:";

    /// <summary>Returns the column's text. Different names give different texts.</summary>
    internal static string Of(string name) =>
        StoredText.Fits(name, MaxBytes) && !name.StartsWith(HashPrefix, StringComparison.Ordinal)
            ? name
            : HashPrefix + Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(name.AsSpan())));
}
