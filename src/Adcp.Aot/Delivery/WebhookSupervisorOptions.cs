using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sequencing;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot;

/// <summary>The options of a supervisor. Immutable; a bad value throws when it is set.</summary>
public sealed record WebhookSupervisorOptions
{
    /// <summary>The most rate limits.</summary>
    internal const int MaxRateLimits = 256;

    /// <summary>Attempts and delays. Default <see cref="RetryPolicy.Default"/>.</summary>
    public RetryPolicy Retry { get; init => field = Require.NotNull(value, nameof(Retry)); } = RetryPolicy.Default;

    /// <summary>The rules for opening and closing an endpoint's circuit. Default <see cref="CircuitBreakerPolicy.Default"/>.</summary>
    public CircuitBreakerPolicy Circuit { get; init => field = Require.NotNull(value, nameof(Circuit)); } = CircuitBreakerPolicy.Default;

    /// <summary>The classification of answers. Default <see cref="ResponseTable.Adcp"/>.</summary>
    public ResponseTable Responses { get; init => field = Require.NotNull(value, nameof(Responses)); } = ResponseTable.Adcp;

    /// <summary>Receives the audit records. Default null, no sink.</summary>
    public IDeliveryLogSink? Sink { get; init; }

    /// <summary>The way in which records reach the sink. Default <see cref="SinkMode.Buffered"/>.</summary>
    public SinkMode SinkMode { get; init; }

    /// <summary>
    /// The most records that wait for a buffered sink, in blocks of up to 64 that each thread fills for itself. 1 to
    /// 1,048,576, default 8,192.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,048,576.</exception>
    public int SinkQueueCapacity { get; init => field = Require.InRange(value, 1, 1 << 20, nameof(SinkQueueCapacity)); } = 8192;

    /// <summary>
    /// The interval at which refusals of one endpoint are recorded while its circuit is open; the others are counted in
    /// the next record's <see cref="DeliveryAttempt.SkippedBefore"/>. If zero, each is recorded. 0 to 1 hour, default 1
    /// s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 hour.</exception>
    public TimeSpan CircuitOpenRecordInterval
    {
        get;
        init => field = Require.InRange(value, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(CircuitOpenRecordInterval));
    } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Gets the timeout of one call of the sink. If a call exceeds it, the call is cancelled and its records count as
    /// failed. 1 ms to 1 hour, default 5 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 1 hour.</exception>
    public TimeSpan SinkTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), nameof(SinkTimeout));
    } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Gets the time that a sender may take to end an attempt after its token, its deadline or a shutdown cancelled the
    /// delivery. After that the attempt is abandoned and the delivery ends without it; the attempt's permits stay taken
    /// until the sender ends. Measured on the machine's clock. 1 ms to 1 hour, default 5 s.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 ms to 1 hour.</exception>
    public TimeSpan CancellationTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), nameof(CancellationTimeout));
    } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Gets whether audit records show the whole path of a url. Default false: they show ordinary words, versions, and
    /// the operation and task id, and a short hash in place of any other segment, because segments may be secrets.
    /// Queries are never shown.
    /// </summary>
    public bool RecordsFullPaths { get; init; }

    /// <summary>
    /// Gets the most attempts under way at one endpoint; further ones wait in order of arrival. 1 to 1,000,000, default 64.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000,000.</exception>
    public int MaxConcurrencyPerEndpoint
    {
        get;
        init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxConcurrencyPerEndpoint));
    } = 64;

    /// <summary>
    /// Gets the most attempts under way for one <see cref="DeliveryOptions.Tenant"/>; further ones wait in order of arrival, and
    /// no other tenant waits behind them. Deliveries without
    /// a tenant have no such limit. 1 to 1,000,000, default 1,024.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000,000.</exception>
    public int MaxConcurrencyPerTenant
    {
        get;
        init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxConcurrencyPerTenant));
    } = 1024;

    /// <summary>Gets the most attempts under way in all; further ones wait in order of arrival. 1 to 1,000,000, default 8,192.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 1,000,000.</exception>
    public int MaxConcurrency { get; init => field = Require.InRange(value, 1, 1_000_000, nameof(MaxConcurrency)); } = 8192;

    /// <summary>
    /// Gets the rate limits of endpoints. The first one whose origins contain the destination holds. At most 256, default none.
    /// </summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    /// <exception cref="ArgumentException">More than 256, or one is null.</exception>
    public IReadOnlyList<EndpointRateLimit> RateLimits
    {
        get;
        init => field = Require.NotNull(value, nameof(RateLimits)).Count <= MaxRateLimits && value.All(static limit => limit is not null)
            ? value
            : throw new ArgumentException($"At most {MaxRateLimits} limits, and none of them null.", nameof(RateLimits));
    } = [];

    /// <summary>
    /// The maximum number of endpoints. 1 to 100,000,000, default 1,000,000 (about 160 bytes each beside the key).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 to 100,000,000.</exception>
    public int MaxEndpoints { get; init => field = Require.InRange(value, 1, 100_000_000, nameof(MaxEndpoints)); } = 1_000_000;

    /// <summary>
    /// Gets the idle time after which an endpoint may be forgotten if its circuit is closed. 1 s to 7 days, default 10
    /// minutes.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 s to 7 days.</exception>
    public TimeSpan EndpointIdleTimeout
    {
        get;
        init => field = Require.InRange(value, TimeSpan.FromSeconds(1), TimeSpan.FromDays(7), nameof(EndpointIdleTimeout));
    } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Gets the senders of tenants, such as <see cref="TenantSenders"/>. Attempts of a delivery with a
    /// <see cref="DeliveryOptions.Tenant"/> are made by its sender. Bodies are still written by the sender of the supervisor, and so must
    /// speak one AdCP version. Default <see langword="null"/>: one sender for all.
    /// </summary>
    public IWebhookSenderSource? Senders { get; init; }

    /// <summary>The streams. Default null, the supervisor's own allocator.</summary>
    public SequenceAllocator? Sequences { get; init; }

    /// <summary>The clock of everything that waits or measures. Default the system's.</summary>
    public TimeProvider TimeProvider { get; init => field = Require.NotNull(value, nameof(TimeProvider)); } = TimeProvider.System;

    /// <summary>The source of jitter; it must be safe for concurrent use. Default <see cref="Random.Shared"/>.</summary>
    public Random Random { get; init => field = Require.NotNull(value, nameof(Random)); } = Random.Shared;

    /// <summary>The logger. Default null, no log.</summary>
    public ILogger? Logger { get; init; }
}
