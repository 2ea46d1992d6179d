using System.CommandLine;
using System.Net;
using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Benchmarks.Attacks;

/// <summary>
/// The receiver that <see cref="AttacksCommand"/> attacks, all bounds at their defaults. Prints its address and ends when its input does.
/// </summary>
internal static class AttackedReceiver
{
    internal static Command Create()
    {
        Command command = new("attacks-receiver") { Hidden = true };
        command.SetAction(_ => RunAsync());
        return command;
    }

    private static async Task RunAsync()
    {
        using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using WebApplication app = builder.Build();
        VerificationKeySet keys = VerificationKeySet.FromJwks(SigningKey.ExportJwks([key]), "https://seller.example/agent");
        app.MapAdcpWebhookReceiver("/hook", static (_, _) => default, new WebhookReceiverOptions
        {
            Verifier = new Rfc9421Verifier(keys, new InMemoryReplayCache()),
            PublicOrigins = ["https://buyer.example"],
            Store = new DevelopmentWebhookClaimStore(),
        });
        await app.StartAsync();
        Console.WriteLine(app.Urls.First());
        while (await Console.In.ReadLineAsync() is not null)
        {
        }

        await app.StopAsync(new CancellationToken(canceled: true));
    }
}
