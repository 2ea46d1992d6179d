using Adcp.Aot.Operations;
using Microsoft.AspNetCore.Builder;

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
}
