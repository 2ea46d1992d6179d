using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Network;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Signing;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Adcp.Aot.Platform;

/// <summary>
/// The options of a seller's platform. Immutable. A bad value of one member throws when it is set; contradictions
/// between members are reported at boot.
/// </summary>
public sealed record PlatformOptions
{
    /// <summary>The AdCP version that is spoken. Required: there is no default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a version.</exception>
    public required AdcpVersion Version
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Version), value, "Not an AdCP version.");
    }

    /// <summary>Keeps the tasks that calls are handed off to. Default: in memory.</summary>
    public ITaskRegistry Tasks
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(Tasks));
    } = new InMemoryTaskRegistry();

    /// <summary>The promises in <c>get_adcp_capabilities</c>; default null, no block.</summary>
    public WebhookSigningCapability? WebhookSigning { get; init; }

    /// <summary>The keys that the sender signs with, for publication. Default none.</summary>
    public IReadOnlyList<SigningKey> SigningKeys
    {
        get;
        init => field = [.. value ?? throw new ArgumentNullException(nameof(SigningKeys))];
    } = [];

    /// <summary>
    /// The public keys of remote signers (a KMS) with their algorithms, for private keys that are kept elsewhere.
    /// Default none.
    /// </summary>
    public IReadOnlyList<RemoteSigningKey> RemoteSigningKeys
    {
        get;
        init => field = [.. value ?? throw new ArgumentNullException(nameof(RemoteSigningKeys))];
    } = [];

    /// <summary>
    /// Gets whether calls may register webhooks. Default true; false refuses every <c>push_notification_config</c> at the
    /// call.
    /// </summary>
    public bool AcceptsPushConfigs { get; init; } = true;

    /// <summary>
    /// Gets whether a successful mutating call that registered a webhook and was answered at once is followed by one completion webhook,
    /// with a task id that begins with <c>sync-</c>. Default false: from 3.0.7 on, AdCP says that such a call has no webhook. Some clients
    /// of AdCP 3.0.6 expect it. It holds for 3.0 only; later versions never send it.
    /// </summary>
    public bool EmitsInlineCompletions { get; init; }

    /// <summary>
    /// Gets whether <c>working</c>, <c>input-required</c> and the other interim statuses are reported. The terminal
    /// status always is. Default true.
    /// </summary>
    public bool EmitsInterimStatuses { get; init; } = true;

    /// <summary>
    /// Gets the durable outbox that delivers the task webhooks instead of a sender or supervisor. Its database is the registry's.
    /// Default <see langword="null"/>.
    /// </summary>
    public IWebhookOutbox? Outbox { get; init; }

    /// <summary>Gets whether a system outside this process delivers the task webhooks. Default false.</summary>
    public bool TaskWebhooksAreExternal { get; init; }

    /// <summary>Gets the time for which that system retries a delivery; <c>null</c> if it promises nothing.</summary>
    public TimeSpan? ExternalRetryHorizon { get; init; }

    /// <summary>
    /// Development only: lets a 3.2 seller boot without a durable retry horizon. Its capabilities then promise none,
    /// and webhooks that are pending when the process ends are lost. Default false.
    /// </summary>
    public bool AllowsProcessLocalDelivery { get; init; }

    /// <summary>Gets the bounds of what callers can claim. Default <see cref="PlatformLimits"/>'s defaults.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public PlatformLimits Limits { get; init => field = value ?? throw new ArgumentNullException(nameof(Limits)); } = new();

    /// <summary>
    /// Gets how long a shutdown waits for webhooks that are pending. 0 to 1 hour. Default null: the sender's attempt
    /// time-out and the longest delay of the supervisor's retry policy together, 12 s with their defaults. Give the
    /// host, and whatever stops its process, more time than that.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1 hour.</exception>
    public TimeSpan? DrainPatience
    {
        get;
        init => field = value is null || (value >= TimeSpan.Zero && value <= TimeSpan.FromHours(1))
            ? value
            : throw new ArgumentOutOfRangeException(nameof(DrainPatience), value, "0 to 1 hour.");
    }

    /// <summary>
    /// Gets the guard that checks urls when they are registered. Default null: the guard of the sender, or of the outbox's
    /// sender. If the sender does not report its guard (<see cref="IWebhookSender.Facts"/>), only the form of urls is
    /// checked when they are registered, and the sender refuses the rest later.
    /// </summary>
    public DestinationGuard? Guard { get; init; }

    /// <summary>
    /// Gets the time for which this process tries a webhook again after it ran out of attempts or met an open circuit,
    /// under its own key. 0 to 7 days, default 24 hours. A durable supervisor does this itself.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 7 days.</exception>
    public TimeSpan RedeliveryWindow
    {
        get;
        init => field = value >= TimeSpan.Zero && value <= TimeSpan.FromDays(7)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(RedeliveryWindow), value, "0 to 7 days.");
    } = TimeSpan.FromHours(24);

    /// <summary>
    /// Remembers requests by their <c>idempotency_key</c>. If one is repeated, it gets the kept answer and is not
    /// performed again. Default: in memory, which does not outlive the process as AdCP requires in production. State
    /// its <see cref="IIdempotencyStore.ReplayTimeToLive"/> in the capabilities.
    /// </summary>
    public IIdempotencyStore Idempotency
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(Idempotency));
    } = new InMemoryIdempotencyStore();

    /// <summary>
    /// Gets the seller's word on requests whose outcome is not known. Default <see langword="null"/>: the platform, if it implements
    /// <see cref="IRequestReconciler"/>. Without one, such a request is never performed again, and its buyer is told to reconcile.
    /// </summary>
    public IRequestReconciler? Reconciler { get; init; }

    /// <summary>
    /// Gets whether a mutating call without an <c>idempotency_key</c> is refused, as AdCP requires of a seller from 3.0
    /// on. Default true. Set it to false for buyers that send none.
    /// </summary>
    public bool RequiresIdempotencyKey { get; init; } = true;

    /// <summary>
    /// Gets the timeout of a call with an <c>idempotency_key</c>. If a call exceeds it, the call is cancelled and its outcome is not known:
    /// the request is performed again only if <see cref="Reconciler"/> says that nothing was committed. 1 second to 1 hour, default 2
    /// minutes. The capabilities state it as <c>in_flight_max_seconds</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 1 second to 1 hour.</exception>
    public TimeSpan CallTimeout
    {
        get;
        init => field = value >= TimeSpan.FromSeconds(1) && value <= TimeSpan.FromHours(1)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(CallTimeout), value, "1 second to 1 hour.");
    } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Gets a function that returns the breaker key of a tenant's registration, as in
    /// <see cref="DeliveryOptions.BreakerKey"/>. <see langword="null"/> from it, and by default, means the key that
    /// <see cref="Resilience.EndpointTable.KeyOf"/> returns, which is also used if the function throws or returns no
    /// valid key. It must be safe for concurrent use.
    /// </summary>
    public Func<string, WebhookDestination, string?>? BreakerKeyOf { get; init; }

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider TimeProvider
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(TimeProvider));
    } = TimeProvider.System;

    /// <summary>The logger. Default null, no log.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>
    /// Writes the member <c>idempotency</c> of the capabilities' <c>adcp</c> object: the time for which answers are repeated and, from AdCP
    /// 3.2 on, the longest time that a call is performed.
    /// </summary>
    /// <param name="json">The writer, inside of the object.</param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> is null.</exception>
    public void WriteIdempotency(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject("idempotency"u8);
        json.WriteBoolean("supported"u8, true);
        json.WriteNumber("replay_ttl_seconds"u8, (long)Idempotency.ReplayTimeToLive.TotalSeconds);
        if (Version >= AdcpVersion.V32)
        {
            json.WriteNumber("in_flight_max_seconds"u8, (long)Math.Ceiling(CallTimeout.TotalSeconds));
        }

        json.WriteEndObject();
    }

    /// <summary>Gets the platform's logger. It never throws.</summary>
    internal ILogger Log => Logger is null ? NullLogger.Instance : GuardedLogger.Of(Logger);
}
