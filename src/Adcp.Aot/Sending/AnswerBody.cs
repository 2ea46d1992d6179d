using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace Adcp.Aot.Sending;

/// <summary>Reads the bodies of answers, bounded in bytes and in time.</summary>
internal static class AnswerBody
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Returns whether the answer's headers state that it has no body. They are compared as text, which costs a third
    /// of parsing the number. After 101 no HTTP follows.
    /// </summary>
    internal static bool IsEmpty(HttpResponseMessage response) =>
        response.StatusCode == HttpStatusCode.SwitchingProtocols
        || (response.Content.Headers.NonValidated.TryGetValues("Content-Length", out HeaderStringValues length)
            && length is { Count: 1 } && length.ToString() == "0");

    /// <summary>
    /// Reads an answer's body up to the limit. The status is the result. If the body is part of the result, it may take
    /// the rest of the attempt's time. Otherwise it is read only so that its connection can be used again, for a second
    /// at most.
    /// </summary>
    internal static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(
        PreparedWebhook webhook, HttpResponseMessage response, WebhookSenderOptions options, CancellationTokenSource attempt)
    {
        if (!webhook.NeedsAnswerBody)
        {
            attempt.CancelAfter(options.AttemptTimeout < LongestWait ? options.AttemptTimeout : LongestWait);
        }

        // Reads one byte more than it keeps. That shows whether the answer ends here, so that its connection can be
        // used again.
        byte[] buffer = ArrayPool<byte>.Shared.Rent(options.MaxResponseBytes + 1);
        try
        {
            Stream stream = await response.Content.ReadAsStreamAsync(attempt.Token).ConfigureAwait(false);
            int length = 0;
            try
            {
                int read;
                do
                {
                    Memory<byte> rest = buffer.AsMemory(length, options.MaxResponseBytes + 1 - length);
                    read = await stream.ReadAsync(rest, attempt.Token).ConfigureAwait(false);
                    length += read;
                }
                while (read > 0 && length <= options.MaxResponseBytes);
            }
            catch (Exception fault) when (AttemptFault.IsTransport(fault))
            {
                // The status is the answer. If the body drips, breaks or is cancelled, the status still counts: a 2xx
                // stays delivered.
            }

            return length == 0 ? default : buffer.AsSpan(0, Math.Min(length, options.MaxResponseBytes)).ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
