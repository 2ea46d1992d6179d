using System.Text;

namespace Adcp.Aot.Signing;

/// <summary>Checks shared secrets (AdCP security, "secret entropy"). Messages never show them.</summary>
internal static class SecretRules
{
    internal const int MinBytes = 32;

    /// <summary>Bounds the check for repetitions: its time grows with the square of the length, and buyers choose secrets.</summary>
    private const int MaxBytes = 4096;

    private const int MinDistinctBytes = 8;

    /// <summary>Returns the secret's bytes as given: not decoded from hex or base64.</summary>
    internal static byte[] HmacKey(string secret, string paramName)
    {
        ArgumentNullException.ThrowIfNull(secret, paramName);
        byte[] bytes = secret.Length > MaxBytes ? [] : Encoding.UTF8.GetBytes(secret);
        if (bytes.Length is < MinBytes or > MaxBytes)
        {
            throw new ArgumentException("A secret has 32 to 4096 bytes.", paramName);
        }

        CheckEntropy(bytes, paramName);
        return bytes;
    }

    /// <summary>
    /// Refuses a secret that is not random: few distinct bytes, a repeated unit, or an even step from byte to byte.
    /// </summary>
    internal static void CheckEntropy(ReadOnlySpan<byte> secret, string paramName)
    {
        if (Distinct(secret) < MinDistinctBytes || IsRepetition(secret) || IsProgression(secret))
        {
            throw new ArgumentException("The secret is a pattern, not a random value. Draw at least 32 random bytes.", paramName);
        }
    }

    private static int Distinct(ReadOnlySpan<byte> secret)
    {
        Span<bool> seen = stackalloc bool[256];
        seen.Clear();
        int count = 0;
        foreach (byte value in secret)
        {
            count += seen[value] ? 0 : 1;
            seen[value] = true;
        }

        return count;
    }

    private static bool IsRepetition(ReadOnlySpan<byte> secret)
    {
        for (int period = 1; period <= secret.Length / 2; period++)
        {
            if (secret[period..].SequenceEqual(secret[..^period]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsProgression(ReadOnlySpan<byte> secret)
    {
        for (int i = 2; i < secret.Length; i++)
        {
            if ((byte)(secret[i] - secret[i - 1]) != (byte)(secret[1] - secret[0]))
            {
                return false;
            }
        }

        return true;
    }
}
