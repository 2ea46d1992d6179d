using System.Buffers;

namespace Adcp.Aot.Sending;

/// <summary>
/// Checks a caller's extra headers: none that the sender or HTTP writes itself, and no character that could end its
/// line.
/// </summary>
internal static class HeaderRules
{
    private const int MaxNameLength = 128;
    private const int MaxValueLength = 4096;

    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "authorization", "connection", "content-digest", "content-encoding", "content-length", "content-type", "cookie", "expect",
            "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "signature", "signature-input", "te", "trailer", "transfer-encoding",
        "upgrade", "user-agent", "digest",
        "webhook-id", "webhook-timestamp", "webhook-signature", "x-adcp-signature", "x-adcp-timestamp", "x-adcp-key-id",
    };

    internal static void Check(IReadOnlyList<KeyValuePair<string, string>>? headers)
    {
        if (headers is null)
        {
            return;
        }

        foreach ((string name, string value) in headers)
        {
            if (string.IsNullOrEmpty(name) || name.Length > MaxNameLength || name.AsSpan().ContainsAnyExcept(Token))
            {
                throw new WebhookPayloadException(
                    "invalid_header", $"A header name is 1 to {MaxNameLength} token characters.", nameof(headers));
            }

            if (Reserved.Contains(name) || name.StartsWith("proxy-", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("content-", StringComparison.OrdinalIgnoreCase))
            {
                throw new WebhookPayloadException("reserved_header",
                    $"The header '{name}' is written by the sender and cannot be set.", nameof(headers));
            }

            if (value is null || value.Length > MaxValueLength || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                throw new WebhookPayloadException(
                    "invalid_header",
                    $"The value of header '{name}' must be at most {MaxValueLength} printable ASCII characters.",
                    nameof(headers));
            }
        }
    }
}
