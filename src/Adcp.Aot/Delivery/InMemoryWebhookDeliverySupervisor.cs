using Adcp.Aot.Delivery;
using Adcp.Aot.Resilience;

namespace Adcp.Aot;

/// <summary>
/// Delivers webhooks from memory: retries, a circuit breaker for each endpoint, sequence numbers, one audit record for each
/// attempt.
/// </summary>
/// <remarks>
/// <para>
/// Deliveries live in memory and are lost if the process ends. Use a durable outbox if they must survive. Safe for concurrent use.
/// </para>
/// <para>
/// Before each attempt a delivery takes its concurrency permits (endpoint, tenant, total) and then asks the endpoint's circuit.
/// The sequence number is drawn after the first
/// permit of the circuit, so a refusal draws none, and it stays with the delivery. A gap at the receiver therefore means a
/// delivery that was attempted and failed.
/// </para>
/// <para>
/// A delivery ends soon after its token or its deadline, even if the sender ignores cancellation: after <see
/// cref="WebhookSupervisorOptions.CancellationTimeout"/> the sender is
/// abandoned. Senders, sinks, loggers and listeners may throw or block without an effect on other deliveries.
/// </para>
/// </remarks>
public sealed class InMemoryWebhookDeliverySupervisor : IWebhookDeliverySupervisor, IAsyncDisposable
{
    private readonly IWebhookSender _sender;
    private readonly AttemptRunner _runner;
    private readonly DeliveryEngine _engine;

    /// <summary>Creates a supervisor over a sender.</summary>
    /// <param name="sender">The sender that makes the attempts. The caller disposes it.</param>
    /// <param name="options">The options; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sender"/> is null.</exception>
    public InMemoryWebhookDeliverySupervisor(IWebhookSender sender, WebhookSupervisorOptions? options = null)
    {
        _sender = sender ?? throw new ArgumentNullException(
            nameof(sender), "The supervisor requires a non-null WebhookSender. Construct one, for example with "
            + "WebhookSender.FromJwk(jwk, options).");
        options ??= new WebhookSupervisorOptions();
        _runner = new AttemptRunner(sender, options);
        _engine = new DeliveryEngine(_runner, options);
    }

    /// <summary>Gets false: deliveries in flight end with the process.</summary>
    public bool IsDurable => false;

    /// <summary>Gets <see langword="null"/>: no retries are promised beyond the process.</summary>
    public TimeSpan? RetryHorizon => null;

    /// <summary>Gets the sender that makes the attempts.</summary>
    public IWebhookSender Sender => _sender;

    /// <summary>Gets or sets the retry policy of deliveries that begin from now on and have none of their own.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public RetryPolicy Retry { get => _runner.Retry; set => _runner.Retry = value; }

    /// <summary>Gets the longest delay of the supervisor's own retry policy.</summary>
    public TimeSpan LongestDelay => Retry.LongestDelay;

    /// <summary>Gets the known endpoints, their circuits, and the switches for them.</summary>
    public EndpointTable Endpoints => _runner.Endpoints;

    /// <summary>Gets the number of deliveries accepted and not yet ended.</summary>
    public int InFlight => _engine.InFlight;

    /// <summary>Gets the number of audit records dropped because the sink's queue was full.</summary>
    public long RecordsDropped => _runner.RecordsDropped;

    /// <summary>Gets the number of sink calls that threw or outlived their timeout.</summary>
    public long SinkFailures => _runner.SinkFailures;

    /// <inheritdoc/>
    public long NextSequence(string key) => _runner.Sequences.Next(key);

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> SendMcpAsync(
        WebhookDestination destination, McpWebhook webhook, DeliveryOptions? options = null,
        CancellationToken cancellationToken = default) =>
        SendAsync(destination, webhook, options, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> SendAsync(
        WebhookDestination destination, WebhookPayload payload, DeliveryOptions? options = null,
        CancellationToken cancellationToken = default)
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

        // Written once with the longest number, so that a payload that cannot be sent draws none: a drawn number must
        // reach an attempt.
        PreparedWebhook checkedOnly = _sender.Prepare(destination, payload, sequenceNumber: long.MaxValue);
        return _engine.BeginAsync(checkedOnly, payload, options, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<DeliveryOutcome> DeliverAsync(
        PreparedWebhook webhook, DeliveryOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(webhook);
        return _engine.BeginAsync(webhook, null, options ?? DeliveryOptions.None, cancellationToken);
    }

    /// <summary>Completes when every record made before the call has been passed to the sink.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task FlushAuditAsync(CancellationToken cancellationToken = default) => _runner.FlushAuditAsync(cancellationToken);

    /// <summary>
    /// Stops. New deliveries are refused as <see cref="DeliveryStatus.ShutDown"/>. Deliveries in flight may finish until
    /// <paramref name="cancellationToken"/> is cancelled and are
    /// then cut short, each with a record and an outcome. The audit queue is emptied last. May be called more than once, also
    /// concurrently and after <see cref="DisposeAsync"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the grace period of deliveries in flight.</param>
    public Task<DrainReport> DrainAsync(CancellationToken cancellationToken = default) => _engine.DrainAsync(cancellationToken);

    /// <summary>
    /// Cuts deliveries in flight short and empties the audit queue. Use <see cref="DrainAsync"/> to let deliveries finish. May be
    /// called more than once.
    /// </summary>
    public ValueTask DisposeAsync() => _engine.DisposeAsync();
}
