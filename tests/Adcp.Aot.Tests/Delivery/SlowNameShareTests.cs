using System.Net;
using System.Threading.Channels;
using Adcp.Aot.Signing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Delivery;

public sealed class SlowNameShareTests
{
    [Fact]
    public async Task Slow_names_of_one_tenants_deliveries_do_not_delay_the_first_attempt_of_another()
    {
        Channel<string> asked = Channel.CreateUnbounded<string>();
        WebhookSenderOptions options = new()
        {
            Version = AdcpVersion.V32,
            AllowHttp = true,
            AllowPrivateNetworks = true,
            ConnectTimeout = TimeSpan.FromMinutes(1),
            AttemptTimeout = TimeSpan.FromMinutes(1),
            Resolver = async (host, cancellationToken) =>
            {
                asked.Writer.TryWrite(host);
                await Task.Delay(host == "other.example" ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, cancellationToken);
                return [IPAddress.Loopback];
            },
        };
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
        using WebhookSender sender = new(new Rfc9421Signer(key), options);
        using CancellationTokenSource over = new();
        await using InMemoryWebhookDeliverySupervisor supervisor =
            new(sender, new WebhookSupervisorOptions { Retry = new RetryPolicy { MaxAttempts = 1 } });
        List<Task<DeliveryOutcome>> slow =
            [.. Enumerable.Range(0, 200).Select(i => SendAsync($"http://h{i}.example:1/", "attacker", over.Token))];
        for (int begun = 0; begun < 8; begun++)
        {
            await asked.Reader.ReadAsync();
        }

        DeliveryOutcome outcome = await SendAsync("http://other.example:1/", "other", CancellationToken.None);

        Assert.Equal(WebhookSendError.ConnectionFailed, outcome.LastResult?.Error);
        Assert.Equal("other.example", await asked.Reader.ReadAsync());
        Assert.DoesNotContain(true, slow.Select(static task => task.IsCompleted));
        await over.CancelAsync();
        await Task.WhenAll(slow);

        Task<DeliveryOutcome> SendAsync(string url, string tenant, CancellationToken token) =>
            supervisor.SendAsync(new WebhookDestination(url), new RawPayload(), new DeliveryOptions { Tenant = tenant }, token).AsTask();
    }
}
