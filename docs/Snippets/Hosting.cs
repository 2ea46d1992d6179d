using Adcp.Aot.Hosting;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/hosting.md.</summary>
internal static class HostingDocs
{
    public static void Webhooks(IHostApplicationBuilder builder)
    {
        // snippet: hosting-webhooks
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: (_, connection) => SqliteDataSource.Create(SqliteFactory.Instance, connection))
            .AddOutbox()
            .AddSink<AuditLog>();
        // end
    }

    public static void Seller(string[] args)
    {
        // snippet: hosting-seller
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.Services.AddAuthentication().AddBearerToken(); // your own scheme
        builder.Services.AddAuthorization();
        builder.Services.AddAdcpWebhooks()
            .BindConfiguration("Adcp")
            .UseDatabase(open: (_, connection) => NpgsqlDataSource.Create(connection))
            .AddOutbox();
        builder.Services.AddAdcpSeller<Seller>().AddMcp();

        WebApplication app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapAdcpSeller(); // MCP, A2A, agent card, keys, brand.json
        app.Run();
        // end
    }

    public static void Receiver(string[] args)
    {
        // snippet: hosting-receiver
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.Services.AddAdcpWebhookReceiver<Inbox>()
            .BindConfiguration("AdcpReceiver")
            .UseDatabase(open: (_, connection) => SqliteDataSource.Create(SqliteFactory.Instance, connection));

        WebApplication app = builder.Build();
        app.MapAdcpWebhookReceiver("/adcp/webhooks");
        app.Run();
        // end
    }

    public static void Named(IServiceCollection services)
    {
        // snippet: hosting-named
        services.AddAdcpWebhooks("europe").BindConfiguration("Europe");
        services.AddAdcpWebhooks("america").BindConfiguration("America");
        services.AddSingleton(provider => new Campaigns(provider.GetRequiredKeyedService<IWebhookDeliverySupervisor>("europe")));
        // end
    }

    // snippet: hosting-handler
    public sealed class Inbox(Orders orders) : IAdcpWebhookHandler
    {
        public async ValueTask HandleAsync(ReceivedWebhook webhook, CancellationToken cancellationToken) =>
            await orders.SaveAsync(webhook.Envelope!.TaskId, webhook.Body, cancellationToken);
    }
    // end

    public sealed class Campaigns(IWebhookDeliverySupervisor webhooks)
    {
        public IWebhookDeliverySupervisor Webhooks => webhooks;
    }

    public sealed class Orders
    {
        public Task SaveAsync(string? taskId, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) =>
            Task.FromResult((taskId, body, cancellationToken));
    }
}
