using System.Diagnostics;
using System.Globalization;
using Adcp.Aot.Delivery;
using Adcp.Aot.Payloads;
using Adcp.Aot.Sending;
using Adcp.Aot.Signing;

// The client half alone: no web server, no database. MinimalSender URL [DELIVERIES [CONCURRENCY]]
if (args.Length is 0 or > 3
    || !int.TryParse(args.ElementAtOrDefault(1) ?? "1", CultureInfo.InvariantCulture, out int deliveries) || deliveries < 1
    || !int.TryParse(args.ElementAtOrDefault(2) ?? "64", CultureInfo.InvariantCulture, out int concurrency) || concurrency < 1)
{
    Console.Error.WriteLine("MinimalSender URL [DELIVERIES [CONCURRENCY]]: sends signed webhooks to a receiver on this machine and says what it took.");
    return 2;
}

using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-2026");
using WebhookSender sender = new(new Rfc9421Signer(key), new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
await using InMemoryWebhookDeliverySupervisor supervisor = new(sender);
WebhookDestination destination = new(args[0], operationId: "op_1");
byte[] result = "{\"media_buy_id\":\"mb_1\",\"packages\":[]}"u8.ToArray();

int delivered = await DeliverAsync(0) ? 1 : 0;
Console.WriteLine(delivered == 1 ? "first delivered" : "first not delivered");

long start = Stopwatch.GetTimestamp();
int next = 1;
await Task.WhenAll(Enumerable.Range(0, Math.Min(concurrency, deliveries)).Select(_ => Task.Run(async () =>
{
    while (Interlocked.Increment(ref next) is int number && number <= deliveries)
    {
        if (await DeliverAsync(number))
        {
            Interlocked.Increment(ref delivered);
        }
    }
})));

double perSecond = deliveries < 2 ? 0 : (deliveries - 1) / Stopwatch.GetElapsedTime(start).TotalSeconds;
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $"{{\"delivered\":{delivered},\"failed\":{deliveries - delivered},\"per_second\":{perSecond:0},\"rss_mb\":{Environment.WorkingSet / 1048576.0:0.0}}}"));
return delivered == deliveries ? 0 : 1;

async Task<bool> DeliverAsync(int number)
{
    DeliveryOutcome outcome = await supervisor.SendMcpAsync(destination, new McpWebhook
    {
        TaskId = string.Create(CultureInfo.InvariantCulture, $"task_{number}"),
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        Result = result,
    });
    return outcome.IsDelivered;
}
