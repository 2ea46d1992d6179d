// snippet: first-webhook
using Adcp.Aot;
using Adcp.Aot.Signing;

using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
using WebhookSender sender = new(new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32 });
await using InMemoryWebhookDeliverySupervisor webhooks = new(sender);

// Url and operation id come from the buyer's push_notification_config.
WebhookDestination destination = new("https://buyer.example/adcp/webhooks", operationId: "op_456");
DeliveryOutcome outcome = await webhooks.SendMcpAsync(destination, new McpWebhook
{
    TaskId = "task_456",
    TaskType = TaskType.CreateMediaBuy,
    Status = AdcpTaskStatus.Completed,
    Result = """{"media_buy_id":"mb_1","packages":[]}"""u8.ToArray(),
});
Console.WriteLine(outcome);                      // Delivered after 1 attempt
Console.WriteLine(SigningKey.ExportJwks([key])); // publish this at your jwks_uri
// end
