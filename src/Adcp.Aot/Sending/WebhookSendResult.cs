using System.Net.Http.Headers;

namespace Adcp.Aot;

/// <summary>The result of one attempt.</summary>
public sealed class WebhookSendResult
{
    /// <summary>Creates the result of an attempt that the receiver answered.</summary>
    /// <param name="webhook">The webhook that was sent.</param>
    /// <param name="statusCode">The HTTP status code.</param>
    public WebhookSendResult(PreparedWebhook webhook, int statusCode)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        ArgumentOutOfRangeException.ThrowIfLessThan(statusCode, 100);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(statusCode, 599);
        Webhook = webhook;
        StatusCode = statusCode;
    }

    /// <summary>Creates the result of an attempt that got no answer.</summary>
    /// <param name="webhook">The webhook that was to be sent.</param>
    /// <param name="error">The reason why there is no answer.</param>
    /// <param name="detail">A short classification without secrets, bodies or addresses.</param>
    public WebhookSendResult(PreparedWebhook webhook, WebhookSendError error, string? detail = null)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        if (error is <= WebhookSendError.None or > WebhookSendError.LocalNetwork)
        {
            throw new ArgumentOutOfRangeException(nameof(error), error, "A result without a status needs an error.");
        }

        Webhook = webhook;
        Error = error;
        ErrorDetail = detail;
    }

    /// <summary>The webhook that was sent: destination, body and key.</summary>
    public PreparedWebhook Webhook { get; }

    /// <summary>The HTTP status code; 0 if there was no answer.</summary>
    public int StatusCode { get; }

    /// <summary>The reason why there was no answer; <see cref="WebhookSendError.None"/> if there was one.</summary>
    public WebhookSendError Error { get; }

    /// <summary>A short classification of <see cref="Error"/>, at most 500 characters, without secrets.</summary>
    public string? ErrorDetail { get; }

    /// <summary>
    /// Gets whether no connection could be made: refused, unreachable, TLS failed, or not connected in time. Such a
    /// failure also counts for the endpoint's origin. Default false.
    /// </summary>
    public bool IsConnectFailure { get; init; }

    /// <summary>Gets whether the status is 200 to 299.</summary>
    public bool Ok => (uint)(StatusCode - 200) < 100;

    /// <summary>The key of the delivery.</summary>
    public string IdempotencyKey => Webhook.IdempotencyKey;

    /// <summary>The url as given. It may hold secrets: do not log it.</summary>
    public string Url => Webhook.Destination.Url;

    /// <summary>The bytes that were sent.</summary>
    public ReadOnlyMemory<byte> SentBody => Webhook.Body;

    /// <summary>
    /// Gets whether a kept connection turned out to be closed before a byte of an answer. The webhook was then sent
    /// once more, at once, on a new connection, with the same key and bytes and a fresh signature. The result is the
    /// second one's.
    /// </summary>
    public bool ConnectionReplaced { get; init; }

    /// <summary>The response's headers, bounded by the sender.</summary>
    public HttpResponseHeaders? ResponseHeaders { get; init; }

    /// <summary>The first bytes of the response's body, bounded by the sender.</summary>
    public ReadOnlyMemory<byte> ResponseBody { get; init; }

    /// <summary>Returns the key and outcome only.</summary>
    public override string ToString() =>
        Error == WebhookSendError.None ? $"{IdempotencyKey}: HTTP {StatusCode}" : $"{IdempotencyKey}: {Error}";
}
