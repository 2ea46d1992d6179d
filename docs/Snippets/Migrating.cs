using System.Net.Http.Headers;
using Adcp.Aot.Network;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/migrating-from-polly.md.</summary>
internal static class Migrating
{
    public static InMemoryWebhookDeliverySupervisor Policies(SigningKey key)
    {
        // snippet: polly-policies
        WebhookSender sender = new(
            new Rfc9421Signer(key),
            new WebhookSenderOptions { Version = AdcpVersion.V32, AttemptTimeout = TimeSpan.FromSeconds(10) });
        InMemoryWebhookDeliverySupervisor webhooks = new(sender, new WebhookSupervisorOptions
        {
            Retry = new RetryPolicy { MaxAttempts = 5, BaseDelay = TimeSpan.FromSeconds(2), Deadline = TimeSpan.FromMinutes(2) },
            Circuit = new CircuitBreakerPolicy { FailureThreshold = 10, OpenTimeout = TimeSpan.FromSeconds(30) },
            MaxConcurrencyPerEndpoint = 16,
        });
        webhooks.Endpoints.StateChanged += static change => Console.WriteLine($"{change.Key} is {change.To}");
        // end
        return webhooks;
    }

    // snippet: signing-handler
    internal sealed class SigningHandler(Rfc9421Signer signer) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            if (!TargetUri.TryParse(request.RequestUri!.AbsoluteUri, out TargetUri? target, out string? reason))
            {
                throw new HttpRequestException(reason);
            }

            string digest = Rfc9421Signer.ContentDigest(body);
            signer.Sign(target, digest, TimeProvider.System.GetUtcNow(), out string signatureInput, out string signature);
            Set(request.Content.Headers, "Content-Digest", digest);
            Set(request.Headers, "Signature-Input", signatureInput);
            Set(request.Headers, "Signature", signature);
            return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }

        private static void Set(HttpHeaders headers, string name, string value)
        {
            headers.Remove(name); // of an earlier attempt
            headers.Add(name, value);
        }
    }
    // end
}
