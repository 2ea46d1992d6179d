using System.Buffers;
using System.Net.Http.Headers;

namespace Adcp.Aot.Resilience;

/// <summary>
/// Classifies the result of an attempt. Derive from it to replace AdCP's table. Implementations are thread-safe.
/// </summary>
public abstract class ResponseTable
{
    /// <summary>
    /// Gets AdCP's own table. 2xx is delivered. 409 stops. 401 with <c>WWW-Authenticate: Signature
    /// error="webhook_..."</c> stops and names the code; a plain 401 is retried. 408, 425, 429, 5xx, timeouts,
    /// connection failures and names without a usable address are retried. 3xx is a failed attempt, retried and never
    /// followed. Other 4xx stop. A url that the guard refuses and a signing fault stop. If a remote key cannot be
    /// reached, the attempt is retried, and so is a fault of this machine or its network. Only 408, 429, 5xx, timeouts,
    /// connection failures and names without a usable address count against the endpoint.
    /// </summary>
    public static ResponseTable Adcp { get; } = new AdcpResponseTable();

    /// <summary>Classifies one result.</summary>
    /// <param name="result">The result of the attempt.</param>
    public abstract ResponseClassification Classify(WebhookSendResult result);

    private sealed class AdcpResponseTable : ResponseTable
    {
        /// <summary>The maximum length of a code of a <c>Signature</c> challenge, in characters.</summary>
        private const int MaxCodeLength = 64;

        private static readonly SearchValues<char> CodeCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_");
        private static readonly ResponseClassification Delivered = new(DeliveryVerdict.Delivered, EndpointHealth.Healthy);
        private static readonly ResponseClassification RetryFailing = new(DeliveryVerdict.Retry, EndpointHealth.Failing);
        private static readonly ResponseClassification RetryHealthy = new(DeliveryVerdict.Retry, EndpointHealth.Healthy);
        private static readonly ResponseClassification StopHealthy = new(DeliveryVerdict.Stop, EndpointHealth.Healthy);

        public override ResponseClassification Classify(WebhookSendResult result)
        {
            ArgumentNullException.ThrowIfNull(result);
            return result.StatusCode switch
            {
                >= 200 and < 300 => Delivered,
                0 => result.Error switch
                {
                    WebhookSendError.DestinationRefused => new(DeliveryVerdict.Stop, EndpointHealth.Unknown, "destination_refused"),
                    WebhookSendError.SigningFailed => new(DeliveryVerdict.Stop, EndpointHealth.Unknown, "signing_failed"),
                    WebhookSendError.SignerUnavailable => new(DeliveryVerdict.Retry, EndpointHealth.Unknown, "signer_unavailable"),
                    WebhookSendError.LocalNetwork => new(DeliveryVerdict.Retry, EndpointHealth.Unknown, "local_network"),
                    _ => RetryFailing,
                },
                401 => SignatureError(result.ResponseHeaders) is { } code
                    ? new(DeliveryVerdict.Stop, EndpointHealth.Healthy, code)
                    : RetryHealthy,
                408 or 429 or >= 500 => RetryFailing,
                409 => new(DeliveryVerdict.Stop, EndpointHealth.Healthy, "payload_conflict"),
                425 or (>= 300 and < 400) or < 200 => RetryHealthy,
                _ => StopHealthy,
            };
        }

        /// <summary>
        /// Returns the <c>webhook_*</c> code of a <c>Signature</c> challenge. Only lower-case letters and underscores
        /// are accepted, 64 at most.
        /// </summary>
        private static string? SignatureError(HttpResponseHeaders? headers)
        {
            if (headers is null || !headers.NonValidated.TryGetValues("WWW-Authenticate", out HeaderStringValues values))
            {
                return null;
            }

            foreach (string value in values)
            {
                ReadOnlySpan<char> challenge = value.AsSpan().Trim();
                const string Start = "Signature error=\"webhook_";
                if (!challenge.StartsWith(Start, StringComparison.OrdinalIgnoreCase))
                {
                    continue;
                }

                ReadOnlySpan<char> code = challenge["Signature error=\"".Length..];
                int end = code.IndexOf('"');
                if (end is > 8 and <= MaxCodeLength && !code[..end].ContainsAnyExcept(CodeCharacters))
                {
                    return code[..end].ToString();
                }
            }

            return null;
        }
    }
}
