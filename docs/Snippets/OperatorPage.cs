using Adcp.Aot.Operations;
using Adcp.Aot.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Adcp.Aot.Snippets;

/// <summary>The C# of docs/operator-page.md.</summary>
internal static class OperatorPageDocs
{
    public static void Map(WebApplication app, WebhookSender sender)
    {
        // snippet: operator-page
        AttemptHistory history = new();
        InMemoryWebhookDeliverySupervisor webhooks = new(sender, new WebhookSupervisorOptions { Sink = history });
        app.MapAdcpOperations(new WebhookOperations(webhooks, history), options => options.Policy = "operators");
        // end
    }

    public static void MapHosted(WebApplicationBuilder builder)
    {
        // snippet: operator-page-hosted
        builder.Services.AddAdcpWebhooks().BindConfiguration("Adcp").AddOutbox().AddOperations();
        WebApplication app = builder.Build();
        app.MapAdcpOperations(options => options.Policy = "operators");
        // end
    }

    public static async Task MapOutboxAsync(WebApplication app, WebhookSender sender, SqlWebhookOutbox outbox)
    {
        // snippet: operator-page-outbox
        AttemptHistory history = new();
        await using OutboxWorker worker = new(
            outbox, sender, new OutboxWorkerOptions { Attempts = new WebhookSupervisorOptions { Sink = history } });
        await using OutboxOperations operations = new(worker, history);
        app.MapAdcpOperations(operations, options =>
        {
            options.Policy = "operators";
            options.BodyPolicy = "operators-that-may-read-bodies"; // without it no body is opened
        });
        // end
    }
}
