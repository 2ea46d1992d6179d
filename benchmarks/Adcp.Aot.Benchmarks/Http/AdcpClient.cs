using Adcp.Aot.Benchmarks.Engine;
using Adcp.Aot.Signing;

namespace Adcp.Aot.Benchmarks.Http;

/// <summary>Our way: payload, number, signature, attempt, breaker and audit record, over real sockets.</summary>
internal sealed class AdcpClient : IAsyncDisposable
{
    private readonly WebhookSender _sender;
    private readonly InMemoryWebhookDeliverySupervisor _supervisor;
    private readonly WebhookDestination[] _destinations;
    private readonly DeliveryOptions[] _streams;

    internal AdcpClient(SigningKey key, IEnumerable<string> urls, bool http2, TimeSpan? attemptTimeout = null)
    {
        WebhookSenderOptions options = new() { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true, Http2 = http2 };
        _sender = new WebhookSender(new Rfc9421Signer(key), options with { AttemptTimeout = attemptTimeout ?? options.AttemptTimeout });
        _supervisor = new InMemoryWebhookDeliverySupervisor(
            _sender, new WebhookSupervisorOptions { Sink = new NoOpSink(), SinkQueueCapacity = 32_768 });
        _destinations = [.. urls.Select(static url => new WebhookDestination(url, Webhooks.OperationId))];
        _streams = [.. _destinations.Select(static (_, i) => new DeliveryOptions { SequenceKey = $"media_buy_{i}:final" })];
    }

    internal long RecordsDropped => _supervisor.RecordsDropped;

    internal PreparedWebhook Prepare() => _sender.Prepare(_destinations[0], Webhook());

    internal ValueTask<DeliveryOutcome> SendAsync(int endpoint) =>
        _supervisor.SendMcpAsync(_destinations[endpoint], Webhook(), _streams[endpoint]);

    internal async Task RequireAsync(int endpoint)
    {
        DeliveryOutcome outcome = await SendAsync(endpoint);
        if (outcome is not { IsDelivered: true, Attempts: 1 })
        {
            throw new InvalidOperationException($"{outcome.Status} after {outcome.Attempts} attempts.");
        }
    }

    private static McpWebhook Webhook() => new()
    {
        TaskId = Webhooks.TaskId,
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        Protocol = AdcpProtocol.MediaBuy,
        Result = Webhooks.Result,
    };

    public async ValueTask DisposeAsync()
    {
        await _supervisor.DisposeAsync();
        _sender.Dispose();
    }
}
