using Adcp.Aot.Auditing;
using Adcp.Aot.Payloads;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Sequencing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Delivery;

/// <summary>
/// Delivers webhooks from memory: retries, a circuit breaker for each endpoint, numbers, one audit record for every attempt. What it has accepted ends with the
/// process; use a durable outbox where that is not enough. Safe for concurrent use.
/// </summary>
/// <remarks>
/// A delivery asks for a place (endpoint, then all), then for the circuit's permit, before every attempt. The number is drawn after the first permit, so a
/// refusal burns none, and stays with the delivery. A gap at the receiver therefore means a delivery that was attempted and failed. A delivery
/// whose sender answers at once neither allocates nor suspends.
/// </remarks>
public sealed class InMemoryWebhookDeliverySupervisor : IWebhookDeliverySupervisor, IAsyncDisposable
{
    private readonly IWebhookSender _sender;
    private readonly SequenceAllocator _sequences;

    /// <summary>Creates a supervisor over a sender.</summary>
    /// <param name="sender">Makes the attempts; it stays the caller's to dispose.</param>
    /// <param name="options">How to work; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sender"/> is null.</exception>
    public InMemoryWebhookDeliverySupervisor(IWebhookSender sender, WebhookDeliveryOptions? options = null)
    {
        _sender = sender ?? throw new ArgumentNullException(
            nameof(sender), "The supervisor requires a non-null WebhookSender. Construct one, for example with WebhookSender.FromJwk(jwk, options).");
        options ??= new WebhookDeliveryOptions();
        _sequences = options.Sequences ?? new SequenceAllocator();
        Engine = new DeliveryEngine(sender, options, _sequences, options.Logger is { } logger ? new GuardedLogger(logger) : NullLogger.Instance);
    }

    /// <summary>False: what is in flight ends with the process.</summary>
    public bool IsDurable => false;

    /// <summary>Null: nothing is promised beyond the process.</summary>
    public TimeSpan? RetryHorizon => null;

    /// <summary>The endpoints known, their circuits, and the switches for them.</summary>
    public EndpointTable Endpoints => Engine.Endpoints;

    /// <summary>Deliveries accepted and not yet ended.</summary>
    public int InFlight => Engine.InFlight;

    /// <summary>Audit records dropped because the sink's queue was full.</summary>
    public long RecordsDropped => Engine.Log.Dropped;

    /// <summary>Sink calls that threw or outlived their timeout.</summary>
    public long SinkFailures => Engine.Log.SinkFailures;

    internal DeliveryEngine Engine { get; }

    /// <inheritdoc/>
    public long NextSequence(string key) => _sequences.Next(key);

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> SendMcpAsync(
        WebhookDestination destination, McpWebhook webhook, DeliveryOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(destination, webhook, options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> SendAsync(
        WebhookDestination destination, WebhookPayload payload, DeliveryOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(payload);
        if (!payload.CarriesSequenceNumber)
        {
            return DeliverAsync(_sender.Prepare(destination, payload), options, cancellationToken);
        }

        if (options?.SequenceKey is null)
        {
            throw new ArgumentException("A payload that carries its sequence number needs DeliveryOptions.SequenceKey.", nameof(options));
        }

        // Written once with a stand-in, so that a payload the wire refuses never draws a number: a number drawn must reach an attempt.
        PreparedWebhook checkedOnly = _sender.Prepare(destination, payload, sequenceNumber: 1);
        return Engine.BeginAsync(checkedOnly, payload, options, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> DeliverAsync(
        PreparedWebhook webhook, DeliveryOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        return Engine.BeginAsync(webhook, null, options ?? DeliveryOptions.None, cancellationToken);
    }

    /// <summary>Completes when every record made so far has been given to the sink.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task FlushAuditAsync(CancellationToken cancellationToken = default) => Engine.Log.FlushAsync(cancellationToken);

    /// <summary>
    /// Stops: new deliveries are refused as <see cref="DeliveryStatus.ShutDown"/>, those in flight may finish until <paramref name="cancellationToken"/> is cancelled and are
    /// then cut short, each with a record and an outcome. The audit queue is emptied last. Safe to call more than once.
    /// </summary>
    /// <param name="cancellationToken">Ends the grace given to deliveries in flight.</param>
    public Task<DrainReport> DrainAsync(CancellationToken cancellationToken = default) => Engine.DrainAsync(cancellationToken);

    /// <summary>Cuts short what is in flight and empties the audit queue. Use <see cref="DrainAsync"/> to let deliveries finish.</summary>
    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}
