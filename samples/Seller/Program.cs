using System.CommandLine;
using Adcp.Aot.AspNetCore.Serving;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Platform;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;
using Seller;

Option<string> adcp = new("--adcp") { Description = "The AdCP generation: 3.0, 3.1 or 3.2.", DefaultValueFactory = _ => "3.2" };
adcp.AcceptOnlyFromAmong("3.0", "3.1", "3.2");
Option<int> port = new("--port") { Description = "Where to listen on loopback.", DefaultValueFactory = _ => 5080 };
Option<bool> allowPrivate = new("--allow-private") { Description = "Lets webhooks go to http and to private addresses: receivers on this machine." };
Option<int> completesAfter = new("--complete-after") { Description = "Milliseconds until a media buy completes; 0 answers at once.", DefaultValueFactory = _ => 1000 };
RootCommand root = new("A seller that answers AdCP over MCP and A2A and tells by signed webhooks.") { adcp, port, allowPrivate, completesAfter };
root.SetAction(async (parsed, cancellationToken) =>
{
    AdcpVersion version = parsed.GetValue(adcp) switch { "3.0" => AdcpVersion.V30, "3.1" => AdcpVersion.V31, _ => AdcpVersion.V32 };
    bool isPrivate = parsed.GetValue(allowPrivate);
    Uri url = new($"http://127.0.0.1:{parsed.GetValue(port)}");

    using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-sample");
    WebhookSenderOptions sending = new() { Version = version, AllowHttp = isPrivate, AllowPrivateNetworks = isPrivate };
    using WebhookSender sender = new(new Rfc9421Signer(key), sending);
    InMemoryDeliveryLogSink audit = new(10_000);
    await using InMemoryWebhookDeliverySupervisor supervisor = new(sender, new WebhookDeliveryOptions { Sink = audit, Retry = new RetryPolicy { MaxAttempts = 5 } });
    using InMemoryTaskRegistry tasks = new();
    PlatformOptions options = new()
    {
        Version = version,
        Tasks = tasks,
        SigningKeys = [key],
        WebhookSigning = new WebhookSigningCapability { Algorithms = [key.Algorithm] },
        Guard = new DestinationGuard(sending),

        // A sample has no durable outbox, so that a 3.2 seller of this kind promises no retry horizon.
        AllowsProcessLocalDelivery = true,
    };
    SellerPlatform platform = new(options, audit, TimeSpan.FromMilliseconds(parsed.GetValue(completesAfter)));
    await AdcpServer.ServeAsync(platform, options, url, sender, supervisor, handler =>
    {
        platform.Handler = handler;
        Console.WriteLine($"AdCP {parsed.GetValue(adcp)} seller. MCP: {url}mcp  A2A: {url}a2a  keys: {url}.well-known/jwks.json");
        Console.WriteLine("Call it, for example:");
        Console.WriteLine($"curl -s {url}a2a -H 'Content-Type: application/json' -d "
            + """'{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"1","role":"ROLE_USER","parts":[{"data":{"skill":"get_products","input":{}}}]}}}'""");
    }, platform.FinishAsync, cancellationToken);
});
return await root.Parse(args).InvokeAsync();
