using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Adcp.Aot.Storage;

/// <summary>
/// Names that senders chose, as a key column keeps them: short ones as they are, so that an operator can read them, and
/// others by their hash, so that every name has its place in an index of each database.
/// </summary>
internal static class KeyText
{
    /// <summary>The width of a key column in bytes.</summary>
    internal const int MaxBytes = 255;

    private const string HashPrefix = "sha256:";

    /// <summary>Returns the column's text. Different names have different texts.</summary>
    internal static string Of(string name) =>
        StoredText.Fits(name, MaxBytes) && !name.StartsWith(HashPrefix, StringComparison.Ordinal)
            ? name
            : HashPrefix + Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(name.AsSpan())));
}
