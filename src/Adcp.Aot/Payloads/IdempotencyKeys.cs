using System.Buffers;

namespace Adcp.Aot.Payloads;

/// <summary>
/// Creates and checks the idempotency keys of deliveries: <c>^[A-Za-z0-9_.:-]{16,255}$</c>, random, one for each
/// delivery.
/// </summary>
public static class IdempotencyKeys
{
    private const int MinLength = 16;
    private const int MaxLength = 255;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-");

    /// <summary>Creates a new key: <c>whk_</c> and 128 random bits in hex.</summary>
    public static string Create() => string.Create(36, (object?)null, static (text, _) =>
    {
        "whk_".CopyTo(text);
        Convert.TryToHexStringLower(RandomBytes.Next(16), text[4..], out int _);
    });

    /// <summary>Returns whether <paramref name="key"/> matches the pattern.</summary>
    /// <param name="key">The key.</param>
    internal static bool IsValid(string key) => key.Length is >= MinLength and <= MaxLength && !key.AsSpan().ContainsAnyExcept(Allowed);

    /// <summary>Throws if <paramref name="key"/> does not match the pattern.</summary>
    /// <param name="key">The key.</param>
    /// <param name="paramName">The name of the argument.</param>
    /// <exception cref="ArgumentException">The key does not match the pattern.</exception>
    public static void Validate(string key, string paramName)
    {
        ArgumentNullException.ThrowIfNull(key, paramName);
        if (!IsValid(key))
        {
            throw new ArgumentException($"An idempotency key is {MinLength} to {MaxLength} characters of A-Z a-z 0-9 _ . : -", paramName);
        }
    }
}
