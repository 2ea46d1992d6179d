using System.Net;
using System.Net.Sockets;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Delivery;

/// <summary>A real sender and a host that refuses every connection.</summary>
public sealed class DeadHostTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fifty_operations_by_the_url_template_of_AdCP_try_to_connect_seven_times_at_most(bool hasOperationId)
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller");
        WebhookSenderOptions sending = new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true };
        using WebhookSender sender = new(new Rfc9421Signer(key), sending);
        await using InMemoryWebhookDeliverySupervisor supervisor = new(
            sender, new WebhookSupervisorOptions { Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero } });
        int port = ClosedPort();

        int attempts = 0;
        for (int i = 0; i < 50; i++)
        {
            string url = $"http://127.0.0.1:{port}/adcp/webhook/create_media_buy/agent_1/op_{i}";
            WebhookDestination destination = new(url, hasOperationId ? $"op_{i}" : null);
            DeliveryOutcome outcome = await supervisor.SendAsync(
                destination, new RawPayload(), new DeliveryOptions { Tenant = "acme" }, TestContext.Current.CancellationToken);
            attempts += outcome.Attempts;
        }

        Assert.InRange(attempts, 5, 7);
    }

    private static int ClosedPort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
