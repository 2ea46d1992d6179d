using Adcp.Aot.Auditing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>A supervisor over a scripted sender with a fake clock and inline records.</summary>
internal sealed class Bench
{
    public Bench(Func<WebhookSupervisorOptions, WebhookSupervisorOptions>? configure = null)
    {
        WebhookSupervisorOptions options = new()
        {
            Sink = Sink,
            SinkMode = SinkMode.Inline,
            TimeProvider = Time,
            Retry = new RetryPolicy { BaseDelay = TimeSpan.Zero },
            CircuitOpenRecordInterval = TimeSpan.Zero,
        };
        Supervisor = new InMemoryWebhookDeliverySupervisor(Sender, configure?.Invoke(options) ?? options);
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    public ScriptedSender Sender { get; } = new();

    public InMemoryDeliveryLogSink Sink { get; } = new();

    public InMemoryWebhookDeliverySupervisor Supervisor { get; }

    public WebhookDestination Destination { get; } = new("https://buyer.example/hooks/a?token=secret", "op_1");

    public IReadOnlyList<DeliveryAttemptSnapshot> Records => Sink.Snapshot();

    public ValueTask<DeliveryOutcome> DeliverAsync(DeliveryOptions? options = null, WebhookDestination? to = null,
        CancellationToken token = default) =>
        Supervisor.SendAsync(to ?? Destination, new RawPayload(), options, token);
}
