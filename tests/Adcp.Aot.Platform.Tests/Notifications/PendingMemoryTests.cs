using System.Text;

namespace Adcp.Aot.Platform.Tests.Notifications;

/// <summary>Runs by itself, because it measures the process's memory.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>The memory that pending webhooks hold.</summary>
[Collection(nameof(Alone))]
public sealed class PendingMemoryTests
{
    [Fact]
    public async Task Undeliverable_webhooks_of_a_megabyte_hold_megabytes_and_not_their_number_of_them()
    {
        const int Tasks = 400;
        byte[] result = Encoding.UTF8.GetBytes($$"""{"k":"{{new string('x', 900_000)}}"}""");
        InMemoryLimits limits = new() { MaxBytes = 1L << 30, MaxBytesPerTenant = 1L << 30 };
        await using Bench bench = new(AdcpVersion.V32, options => options with { Tasks = new InMemoryTaskRegistry(limits) });
        bench.Sender.Otherwise = static (webhook, _, _) =>
            new(new WebhookSendResult(webhook, WebhookSendError.ConnectionFailed, "connection refused"));
        for (int i = 0; i < Tasks; i++)
        {
            await bench.BuyAsync("later");
        }

        // The registry's own memory belongs to the seller; the same array counts once.
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long kept = 0;
        foreach (string task in bench.Platform.Tasks)
        {
            await bench.Handler.Tasks.EnterAsync("buyer", task, AdcpTaskStatus.Completed, result);
            kept += result.Length;
        }

        await bench.Sender.WhenSent(1);
        long held = GC.GetTotalMemory(forceFullCollection: true) - before - kept;

        Assert.Equal(Tasks, bench.Handler.PendingDeliveries);
        Assert.InRange(held, long.MinValue, 40L << 20);
    }
}
