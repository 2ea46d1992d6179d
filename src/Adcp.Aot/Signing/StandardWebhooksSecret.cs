namespace Adcp.Aot.Signing;

/// <summary>A <c>whsec_</c> secret of Standard Webhooks: standard base64 of 24 to 64 random bytes.</summary>
internal static class StandardWebhooksSecret
{
    private const string Prefix = "whsec_";
    private const int MaxLength = 128;

    internal static byte[] Decode(string secret, string paramName)
    {
        ArgumentNullException.ThrowIfNull(secret, paramName);
        byte[] key = new byte[64];
        if (!secret.StartsWith(Prefix, StringComparison.Ordinal) || secret.Length > MaxLength
            || !Convert.TryFromBase64Chars(secret.AsSpan(Prefix.Length), key, out int length) || length < 24)
        {
            throw new ArgumentException("A Standard Webhooks secret is 'whsec_' and the base64 of 24 to 64 bytes.", paramName);
        }

        Array.Resize(ref key, length);
        SecretRules.CheckEntropy(key, paramName);
        return key;
    }
}
