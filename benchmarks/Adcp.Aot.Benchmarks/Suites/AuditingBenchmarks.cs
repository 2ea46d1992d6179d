using Adcp.Aot.Auditing;
using Adcp.Aot.Benchmarks.Engine;
using Adcp.Aot.Threading;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Benchmarks.Suites;

/// <summary>
/// One record through the queue to a sink that does nothing. A record that does not fit is dropped and counted, as in
/// production.
/// </summary>
[MemoryDiagnoser]
public class AuditingBenchmarks
{
    private readonly DeliveryLog _log =
        new(new NoOpSink(), SinkMode.Buffered, 32_768, TimeSpan.FromSeconds(5), TimeProvider.System, NullLogger.Instance);
    private readonly PreparedWebhook _webhook =
        new(new WebhookDestination("https://buyer.example/hook"), "{}"u8.ToArray(), "benchmark-key-00000001");

    [GlobalCleanup]
    public async Task Cleanup() => await _log.DisposeAsync();

    [Benchmark]
    public bool Record_through_the_queue()
    {
        if (_log.Claim(ThreadStripe.Index) is not { } claimed)
        {
            return false;
        }

        claimed.Entry.Webhook = _webhook;
        claimed.Entry.AttemptNumber = 1;
        _log.Publish(claimed);
        return true;
    }
}
