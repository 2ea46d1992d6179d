using Adcp.Aot;
using Adcp.Aot.Signing;
using MinimalSender;

// Sends one signed webhook to a receiver on this machine. With a number behind the url it sends more and measures them, see Load.cs.
if (!Load.TryRead(args, out string url, out int deliveries, out int concurrency))
{
    return 2;
}

using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
using WebhookSender sender = new(
    new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
await using InMemoryWebhookDeliverySupervisor supervisor = new(sender);
WebhookDestination destination = new(url, operationId: "op_1");
byte[] result = """{"media_buy_id":"mb_1","packages":[]}"""u8.ToArray();

DeliveryOutcome outcome = await SendAsync(1);
Console.WriteLine(outcome.IsDelivered ? "first delivered" : "first not delivered");
return await Load.RunAsync(SendAsync, outcome.IsDelivered, deliveries, concurrency);

ValueTask<DeliveryOutcome> SendAsync(int number) => supervisor.SendMcpAsync(
    destination,
    new McpWebhook { TaskId = $"task_{number}", TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed, Result = result });
