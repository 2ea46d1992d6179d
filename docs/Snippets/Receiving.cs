// snippet: receiver
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Adcp.Aot.Verification;
using Microsoft.Data.Sqlite;

// end
// snippet: verify-request
using Adcp.Aot.AspNetCore;

// end
using Adcp.Aot.Payloads.Notifications;
using Microsoft.AspNetCore.Builder;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of README.md (the receiver) and docs/receiving.md.</summary>
internal static class Receiving
{
    public static async Task Receiver(string[] args)
    {
        // snippet: receiver
        WebApplication app = WebApplication.CreateSlimBuilder(args).Build();
        SqlWebhookClaimStore claims = new(SqliteDataSource.Create(SqliteFactory.Instance, "claims.db"), SqlDialect.Sqlite);
        await claims.CreateIfAbsentAsync();
        RemoteKeySource keys = RemoteKeySource.FromJwksUri(
            "https://seller.example/.well-known/jwks.json", sender: "https://seller.example");
        app.MapAdcpWebhookReceiver(
            "/adcp/webhooks",
            (webhook, cancellationToken) =>
            {
                Console.WriteLine(webhook.Envelope); // your work; throw if it fails, and the seller sends the webhook again
                return ValueTask.CompletedTask;
            },
            new WebhookReceiverOptions
            {
                Verifier = new Rfc9421Verifier(keys, new InMemoryReplayCache()),
                Store = claims,
                PublicOrigins = ["https://buyer.example"], // the origin in the url that you gave to the seller
            });
        app.Run();
        // end
    }

    public static WebhookReceiverOptions Challenges(WebhookVerifier verifier, string seller)
    {
        // snippet: challenges
        WebhookReceiverOptions options = new()
        {
            Verifier = verifier,
            PublicOrigins = ["https://buyer.example"],
            AcceptsChallenge = (challenge, _) => ValueTask.FromResult(
                challenge.Sender == seller
                && challenge.Envelope.SubscriberId == "buyer-primary"
                && challenge.Envelope.DeliveryAuthentication == DeliveryAuthentication.Rfc9421),
        };
        // end
        return options;
    }

    public static async Task<Rfc9421Verifier> Trusted(RemoteKeySourceOptions defaults, CancellationToken cancellationToken)
    {
        // snippet: trusted-keys
        RemoteKeySource keys = RemoteKeySource.FromDomain("seller.example", "https://seller.example/mcp", defaults with
        {
            KeyOrigin = "https://keys.seller.example", // identity.key_origins.webhook_signing of the seller
            MaxBrandJsonBytes = 2 << 20,
        });
        PublisherPins pins = new(await File.ReadAllTextAsync("adagents.json", cancellationToken), "https://seller.example/mcp");
        Rfc9421Verifier verifier = new(keys, new InMemoryReplayCache(), new Rfc9421VerifierOptions { Pins = pins });
        // end
        return verifier;
    }

    public static void Verify(WebApplication app)
    {
        // snippet: verify-request
        RemoteKeySource keys = RemoteKeySource.FromBrandJson(
            "https://seller.example/.well-known/brand.json", "https://seller.example/mcp");
        Rfc9421Verifier verifier = new(keys, new InMemoryReplayCache());
        app.MapPost("/raw", async http =>
        {
            using MemoryStream body = new();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            InboundRequest request = http.Request.ToInboundRequest("https://buyer.example");
            VerificationResult result = await verifier.VerifyAsync(request, body.ToArray(), cancellationToken: http.RequestAborted);
            http.Response.StatusCode = result.Ok ? 200 : result.StatusCode;
            http.Response.Headers.WWWAuthenticate = result.Challenge;
        });
        // end
    }
}
