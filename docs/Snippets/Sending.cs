using System.Security.Cryptography.X509Certificates;
using Adcp.Aot.Auditing;
using Adcp.Aot.Payloads.Notifications;
using Adcp.Aot.Resilience;
using Adcp.Aot.Signing;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/sending.md.</summary>
internal static class SendingDocs
{
    public static async Task KeepAsync(ILogger logger, CancellationToken cancellationToken)
    {
        // snippet: long-lived
        using SigningKey key = SigningKey.FromJwk(await File.ReadAllTextAsync("seller.jwk", cancellationToken));
        using WebhookSender sender = new(
            new Rfc9421Signer(key),
            new WebhookSenderOptions { Version = AdcpVersion.V32, Logger = logger });
        await using JsonLinesDeliveryLogSink audit = new("webhooks.jsonl");
        await using InMemoryWebhookDeliverySupervisor webhooks = new(
            sender,
            new WebhookSupervisorOptions { Sink = audit, Logger = logger, Retry = new RetryPolicy { MaxAttempts = 5 } });
        // end
        await webhooks.DrainAsync(cancellationToken);
    }

    public static void Egress(SigningKey key, X509Certificate2 certificate, X509Certificate2[] partnerRoots)
    {
        // snippet: egress
        WebhookSender sender = new(new Rfc9421Signer(key), new WebhookSenderOptions
        {
            Version = AdcpVersion.V32,
            Egress =
            [
                new EgressRule { Origins = ["https://partner.example"], ClientCertificate = certificate, Roots = partnerRoots },
                new EgressRule { Origins = ["https://*.slow.example"], AttemptTimeout = TimeSpan.FromSeconds(40) },
                new EgressRule { Origins = ["*"], Proxy = new EgressProxy(new Uri("http://proxy.internal:3128")) },
            ],
        });
        InMemoryWebhookDeliverySupervisor webhooks = new(sender, new WebhookSupervisorOptions
        {
            RateLimits = [new EndpointRateLimit { Origins = ["https://partner.example"], MaxAttempts = 10, Burst = 5 }],
        });
        // end
        _ = webhooks;
    }

    public static void Tenants(WebhookSender sender, IKeys keys)
    {
        // snippet: tenant-keys
        TenantSenders tenants = new(sender, async (tenant, cancellationToken) =>
            await keys.FindJwkAsync(tenant, cancellationToken) is { } jwk ? new Rfc9421Signer(SigningKey.FromJwk(jwk)) : null);
        InMemoryWebhookDeliverySupervisor webhooks = new(sender, new WebhookSupervisorOptions { Senders = tenants });
        // end
        _ = webhooks;
    }

    public static async Task OptionsAsync(
        IWebhookDeliverySupervisor webhooks, WebhookDestination destination, McpWebhook webhook, CancellationToken cancellationToken)
    {
        // snippet: delivery-options
        DeliveryOptions options = new() { Tenant = "acme" }; // keep them beside the destination

        DeliveryOutcome outcome = await webhooks.SendMcpAsync(destination, webhook, options, cancellationToken);
        if (outcome is { Status: DeliveryStatus.Exhausted or DeliveryStatus.CircuitOpen, Webhook: { } frozen })
        {
            // Later, for example at outcome.RetryAt: the same key and the same bytes under a new signature.
            outcome = await webhooks.DeliverAsync(frozen, options, cancellationToken);
        }
        // end

        _ = outcome;
    }

    public static async Task NotifyAsync(IWebhookDeliverySupervisor webhooks, WebhookDestination destination)
    {
        // snippet: rights-revocation
        RightsRevocation revocation = new()
        {
            RightsId = "rights_1",
            BrandId = "brand_7",
            Reason = "The licence ended.",
            EffectiveAt = DateTimeOffset.UtcNow,
        };
        await webhooks.SendAsync(destination, revocation, new DeliveryOptions { Retry = RetryPolicy.RightsRevocation });
        // end
    }

    public static void Endpoints(InMemoryWebhookDeliverySupervisor webhooks, WebhookDestination destination)
    {
        // snippet: endpoints
        foreach (EndpointSnapshot endpoint in webhooks.Endpoints.Snapshot())
        {
            Console.WriteLine($"{endpoint.Key}: {endpoint.State}, next probe in {endpoint.NextProbeIn}");
        }

        webhooks.Endpoints.Isolate(destination, tenant: "acme"); // send nothing there
        webhooks.Endpoints.Reset(destination, tenant: "acme");   // close the circuit now
        // end
    }

    public static WebhookSender ForDevelopment(SigningKey key)
    {
        // snippet: local-receiver
        WebhookSender sender = new(
            new Rfc9421Signer(key),
            new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        // end
        return sender;
    }

    // snippet: response-table
    internal sealed class PatientTable : ResponseTable
    {
        public override ResponseClassification Classify(WebhookSendResult result) => result.StatusCode == 404
            ? new ResponseClassification(DeliveryVerdict.Retry, EndpointHealth.Healthy)
            : Adcp.Classify(result);
    }
    // end

    /// <summary>The key store of an application.</summary>
    internal interface IKeys
    {
        ValueTask<string?> FindJwkAsync(string tenant, CancellationToken cancellationToken);
    }
}
