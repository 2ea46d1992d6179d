using System.Buffers;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Sending;

/// <summary>What a caller's extra headers may be: none that the sender or HTTP writes itself, and nothing that could break out of its line.</summary>
internal static class HeaderRules
{
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "authorization", "connection", "content-digest", "content-encoding", "content-length", "content-type", "cookie", "expect", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "signature", "signature-input", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "digest",
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
            if (string.IsNullOrEmpty(name) || name.Length > 128 || name.AsSpan().ContainsAnyExcept(Token))
            {
                throw new WebhookPayloadException("invalid_header", "A header name is 1 to 128 token characters.", nameof(headers));
            }

            if (Reserved.Contains(name) || name.StartsWith("proxy-", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("content-", StringComparison.OrdinalIgnoreCase))
            {
                throw new WebhookPayloadException("reserved_header", $"The header '{name}' is written by the sender and cannot be set.", nameof(headers));
            }

            if (value is null || value.Length > 4096 || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                throw new WebhookPayloadException(
                    "invalid_header", $"The value of header '{name}' must be at most 4096 printable ASCII characters.", nameof(headers));
            }
        }
    }
}
