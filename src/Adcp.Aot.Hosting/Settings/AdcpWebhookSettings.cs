using Adcp.Aot.Storage;

namespace Adcp.Aot.Hosting;

/// <summary>
/// The settings of webhook delivery, of the outbox and of a seller, as they are in a configuration file. Mutable, read once when the host
/// starts. A member that is <see langword="null"/> has the default of the option that it stands for.
/// </summary>
public sealed class AdcpWebhookSettings
{
    /// <summary>
    /// Gets or sets the AdCP version that is spoken, for the sender and the seller alike. Required. In a file it is <c>3.0</c>,
    /// <c>3.1</c> or <c>3.2</c>.
    /// </summary>
    public AdcpVersion? Version { get; set; }

    /// <summary>
    /// Gets the signing keys. The first one signs, and all of them are published. Required, unless the application gives the keys in code.
    /// </summary>
    public IList<SigningKeySettings> Keys { get; } = [];

    /// <summary>Gets the settings of the sender.</summary>
    public SenderSettings Sender { get; } = new();

    /// <summary>Gets the settings of retries from memory. They can be changed while the host runs.</summary>
    public RetrySettings Retry { get; } = new();

    /// <summary>Gets the settings of circuit breakers.</summary>
    public CircuitSettings Circuit { get; } = new();

    /// <summary>Gets the limits of deliveries, and the settings of the sinks.</summary>
    public DeliverySettings Delivery { get; } = new();

    /// <summary>Gets the settings of the database of outbox, tasks and answers.</summary>
    public DatabaseSettings Database { get; } = new();

    /// <summary>
    /// Gets the keys that encrypt secrets in the database. The first one encrypts, and the others decrypt older rows. Required if there is
    /// a database.
    /// </summary>
    public IList<EncryptionKeySettings> EncryptionKeys { get; } = [];

    /// <summary>Gets the settings of the durable outbox.</summary>
    public OutboxSettings Outbox { get; } = new();

    /// <summary>Gets the settings of the seller.</summary>
    public SellerSettings Seller { get; } = new();

    /// <summary>Gets the thresholds of the health checks.</summary>
    public HealthSettings Health { get; } = new();

    /// <summary>Gets the sections that were bound, and the faults that were found in them.</summary>
    internal BoundSections Bound { get; } = new();

    /// <summary>
    /// Gets the lists, each with its path and the action that empties it. A list in an item of a list is new with the item.
    /// </summary>
    internal IEnumerable<(string Path, Action Clear)> Lists =>
    [
        (nameof(Keys), Keys.Clear),
        (nameof(EncryptionKeys), EncryptionKeys.Clear),
        ($"{nameof(Sender)}:{nameof(SenderSettings.AllowedPorts)}", Sender.AllowedPorts.Clear),
        ($"{nameof(Sender)}:{nameof(SenderSettings.Egress)}", Sender.Egress.Clear),
        ($"{nameof(Delivery)}:{nameof(DeliverySettings.RateLimits)}", Delivery.RateLimits.Clear),
        ($"{nameof(Seller)}:{nameof(SellerSettings.AllowedHosts)}", Seller.AllowedHosts.Clear),
        ($"{nameof(Seller)}:{nameof(SellerSettings.AllowedOrigins)}", Seller.AllowedOrigins.Clear),
    ];
}

/// <summary>A private signing key, from a file or from the configuration.</summary>
public sealed class SigningKeySettings
{
    /// <summary>
    /// Gets or sets the path of a file with a private JWK or a PEM private key. A relative path begins at the content root.
    /// </summary>
    public string? File { get; set; }

    /// <summary>Gets or sets the private JWK itself, for a secret store that is a configuration source.</summary>
    public string? Jwk { get; set; }

    /// <summary>Gets or sets the <c>kid</c> of a PEM key, which has none of its own.</summary>
    public string? KeyId { get; set; }

    /// <summary>Gets or sets the algorithm of a PEM key. Default <see cref="SignatureAlgorithm.Ed25519"/>.</summary>
    public SignatureAlgorithm? Algorithm { get; set; }

    /// <summary>Gets or sets the passphrase of an encrypted PEM key.</summary>
    public string? Passphrase { get; set; }
}

/// <summary>The settings that become <see cref="WebhookSenderOptions"/>.</summary>
public sealed class SenderSettings
{
    /// <summary>Gets or sets <see cref="WebhookSenderOptions.AttemptTimeout"/>.</summary>
    public TimeSpan? AttemptTimeout { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.ConnectTimeout"/>.</summary>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.ConnectionLifetime"/>.</summary>
    public TimeSpan? ConnectionLifetime { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.AllowHttp"/>.</summary>
    public bool AllowHttp { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.AllowPrivateNetworks"/>.</summary>
    public bool AllowPrivateNetworks { get; set; }

    /// <summary>Gets <see cref="WebhookSenderOptions.AllowedPorts"/>; empty for any port.</summary>
    public IList<int> AllowedPorts { get; } = [];

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.MaxBodyBytes"/>.</summary>
    public int? MaxBodyBytes { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.MaxResponseBytes"/>.</summary>
    public int? MaxResponseBytes { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.Http2"/>.</summary>
    public bool Http2 { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSenderOptions.PropagatesTraceContext"/>.</summary>
    public bool PropagatesTraceContext { get; set; }

    /// <summary>Gets the rules for the way to some destinations. The first rule with the origin of a destination holds.</summary>
    public IList<EgressSettings> Egress { get; } = [];
}

/// <summary>The settings that become an <see cref="EgressRule"/>.</summary>
public sealed class EgressSettings
{
    /// <summary>Gets <see cref="EgressRule.Origins"/>. Required.</summary>
    public IList<string> Origins { get; } = [];

    /// <summary>Gets or sets the url of the proxy, such as <c>http://proxy.internal:3128</c>.</summary>
    public string? Proxy { get; set; }

    /// <summary>Gets or sets the user for the proxy.</summary>
    public string? ProxyUser { get; set; }

    /// <summary>Gets or sets the password for the proxy, a secret.</summary>
    public string? ProxyPassword { get; set; }

    /// <summary>Gets or sets <see cref="EgressProxy.ResolvesNames"/>.</summary>
    public bool ProxyResolvesNames { get; set; }

    /// <summary>
    /// Gets or sets the path of the client certificate: a PEM file, or a PKCS#12 file with its key. A relative path begins at the content
    /// root.
    /// </summary>
    public string? ClientCertificateFile { get; set; }

    /// <summary>
    /// Gets or sets the path of the PEM file with the key of the client certificate. Default: the file of the certificate.
    /// </summary>
    public string? ClientCertificateKeyFile { get; set; }

    /// <summary>Gets or sets the password of the client certificate's key, a secret.</summary>
    public string? ClientCertificatePassword { get; set; }

    /// <summary>Gets or sets the path of a PEM file with the only trusted roots. A relative path begins at the content root.</summary>
    public string? RootsFile { get; set; }

    /// <summary>Gets or sets <see cref="EgressRule.AttemptTimeout"/>.</summary>
    public TimeSpan? AttemptTimeout { get; set; }

    /// <summary>Gets or sets <see cref="EgressRule.ConnectTimeout"/>.</summary>
    public TimeSpan? ConnectTimeout { get; set; }
}

/// <summary>The settings that become an <see cref="EndpointRateLimit"/>.</summary>
public sealed class RateLimitSettings
{
    /// <summary>Gets <see cref="EndpointRateLimit.Origins"/>. Required.</summary>
    public IList<string> Origins { get; } = [];

    /// <summary>Gets or sets <see cref="EndpointRateLimit.MaxAttempts"/>. Required.</summary>
    public int? MaxAttempts { get; set; }

    /// <summary>Gets or sets <see cref="EndpointRateLimit.Period"/>.</summary>
    public TimeSpan? Period { get; set; }

    /// <summary>Gets or sets <see cref="EndpointRateLimit.Burst"/>.</summary>
    public int? Burst { get; set; }
}

/// <summary>The settings that become a <see cref="RetryPolicy"/>.</summary>
public sealed class RetrySettings
{
    /// <summary>Gets or sets <see cref="RetryPolicy.MaxAttempts"/>.</summary>
    public int? MaxAttempts { get; set; }

    /// <summary>Gets or sets <see cref="RetryPolicy.BaseDelay"/>.</summary>
    public TimeSpan? BaseDelay { get; set; }

    /// <summary>Gets or sets <see cref="RetryPolicy.MaxDelay"/>.</summary>
    public TimeSpan? MaxDelay { get; set; }

    /// <summary>Gets or sets <see cref="RetryPolicy.Jitter"/>.</summary>
    public bool? Jitter { get; set; }

    /// <summary>Gets or sets <see cref="RetryPolicy.MaxRetryAfter"/>.</summary>
    public TimeSpan? MaxRetryAfter { get; set; }

    /// <summary>Gets or sets <see cref="RetryPolicy.Deadline"/>.</summary>
    public TimeSpan? Deadline { get; set; }
}

/// <summary>The settings that become a <see cref="CircuitBreakerPolicy"/>.</summary>
public sealed class CircuitSettings
{
    /// <summary>Gets or sets <see cref="CircuitBreakerPolicy.FailureThreshold"/>.</summary>
    public int? FailureThreshold { get; set; }

    /// <summary>Gets or sets <see cref="CircuitBreakerPolicy.SuccessThreshold"/>.</summary>
    public int? SuccessThreshold { get; set; }

    /// <summary>Gets or sets <see cref="CircuitBreakerPolicy.HalfOpenPermits"/>.</summary>
    public int? HalfOpenPermits { get; set; }

    /// <summary>Gets or sets <see cref="CircuitBreakerPolicy.OpenTimeout"/>.</summary>
    public TimeSpan? OpenTimeout { get; set; }
}

/// <summary>The settings that become <see cref="WebhookSupervisorOptions"/>.</summary>
public sealed class DeliverySettings
{
    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.MaxConcurrency"/>.</summary>
    public int? MaxConcurrency { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.MaxConcurrencyPerTenant"/>.</summary>
    public int? MaxConcurrencyPerTenant { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.MaxConcurrencyPerEndpoint"/>.</summary>
    public int? MaxConcurrencyPerEndpoint { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.MaxEndpoints"/>.</summary>
    public int? MaxEndpoints { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.EndpointIdleTimeout"/>.</summary>
    public TimeSpan? EndpointIdleTimeout { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.SinkQueueCapacity"/>.</summary>
    public int? SinkQueueCapacity { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.SinkTimeout"/>.</summary>
    public TimeSpan? SinkTimeout { get; set; }

    /// <summary>Gets or sets <see cref="WebhookSupervisorOptions.RecordsFullPaths"/>.</summary>
    public bool RecordsFullPaths { get; set; }

    /// <summary>
    /// Gets the rate limits of endpoints, in memory and from the outbox. The first one with the origin of a destination holds.
    /// </summary>
    public IList<RateLimitSettings> RateLimits { get; } = [];
}

/// <summary>The database of outbox, tasks and answers.</summary>
public sealed class DatabaseSettings
{
    /// <summary>
    /// Gets or sets the name under <c>ConnectionStrings</c>. Default <c>adcp</c>, which is the resource's name in an Aspire application.
    /// </summary>
    public string ConnectionName { get; set; } = "adcp";

    /// <summary>Gets or sets the SQL of the database: <c>Sqlite</c>, <c>PostgreSql</c> or <c>MySql</c>. Required if there is one.</summary>
    public SqlDialect? Dialect { get; set; }

    /// <summary>
    /// Gets or sets whether missing tables are created when the host starts. Default true. Set it to false if a migration tool owns the
    /// tables.
    /// </summary>
    public bool CreateTables { get; set; } = true;
}

/// <summary>A 256-bit key that encrypts secrets in the database.</summary>
public sealed class EncryptionKeySettings
{
    /// <summary>Gets or sets the key's name, which each row carries. A new key needs a new name.</summary>
    public string? Id { get; set; }

    /// <summary>Gets or sets the 32 bytes as base64.</summary>
    public string? Base64 { get; set; }

    /// <summary>
    /// Gets or sets the path of a file with the 32 bytes, plain or as base64. A relative path begins at the content root.
    /// </summary>
    public string? File { get; set; }
}

/// <summary>The settings that become <see cref="SqlWebhookOutboxOptions"/> and <see cref="OutboxWorkerOptions"/>.</summary>
public sealed class OutboxSettings
{
    /// <summary>Gets or sets whether this process delivers. Default true; false if it only enqueues.</summary>
    public bool RunsWorker { get; set; } = true;

    /// <summary>Gets or sets <see cref="SqlWebhookOutboxOptions.TablePrefix"/>.</summary>
    public string? TablePrefix { get; set; }

    /// <summary>Gets or sets <see cref="SqlWebhookOutboxOptions.RetryHorizon"/>, which a seller of AdCP 3.2 advertises.</summary>
    public TimeSpan? RetryHorizon { get; set; }

    /// <summary>Gets or sets <see cref="SqlWebhookOutboxOptions.DeliveryIdRetention"/>.</summary>
    public TimeSpan? DeliveryIdRetention { get; set; }

    /// <summary>Gets or sets <see cref="SqlWebhookOutboxOptions.DeadLetterRetention"/>.</summary>
    public TimeSpan? DeadLetterRetention { get; set; }

    /// <summary>Gets or sets <see cref="OutboxWorkerOptions.Name"/>.</summary>
    public string? WorkerName { get; set; }

    /// <summary>Gets or sets <see cref="OutboxWorkerOptions.Lease"/>.</summary>
    public TimeSpan? Lease { get; set; }

    /// <summary>Gets or sets <see cref="OutboxWorkerOptions.PollInterval"/>.</summary>
    public TimeSpan? PollInterval { get; set; }

    /// <summary>Gets or sets <see cref="OutboxWorkerOptions.ListeningPollInterval"/>.</summary>
    public TimeSpan? ListeningPollInterval { get; set; }

    /// <summary>Gets or sets <see cref="OutboxWorkerOptions.MaxRowsInMemory"/>.</summary>
    public int? MaxRowsInMemory { get; set; }

    /// <summary>Gets or sets <see cref="OutboxWorkerOptions.MaxBytesInMemory"/>.</summary>
    public long? MaxBytesInMemory { get; set; }

    /// <summary>Gets the delays between attempts. The defaults are those of <see cref="OutboxWorkerOptions.DefaultRetry"/>.</summary>
    public RetrySettings Retry { get; } = new();
}

/// <summary>The settings of a seller and of its endpoints.</summary>
public sealed class SellerSettings
{
    /// <summary>
    /// Gets or sets the url under which buyers know the seller, such as <c>https://seller.example</c>. The endpoints' documents name it,
    /// and its host may be called.
    /// </summary>
    public string? PublicUrl { get; set; }

    /// <summary>Gets or sets the agent's name. Default <c>AdCP seller</c>.</summary>
    public string? Name { get; set; }

    /// <summary>Gets the hosts under which buyers call, besides that of <see cref="PublicUrl"/>.</summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>Gets the origins of web pages that may call.</summary>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Gets or sets whether all callers are one tenant and see each other's tasks. For development.</summary>
    public bool SharesOneTenant { get; set; }

    /// <summary>Gets or sets whether calls may register webhooks. Default true.</summary>
    public bool AcceptsPushConfigs { get; set; } = true;

    /// <summary>Gets or sets whether interim statuses are reported. Default true.</summary>
    public bool EmitsInterimStatuses { get; set; } = true;

    /// <summary>
    /// Gets or sets whether a seller of AdCP 3.2 may start without an outbox. Its webhooks are then lost if the process ends. For
    /// development.
    /// </summary>
    public bool AllowsProcessLocalDelivery { get; set; }

    /// <summary>Gets or sets whether a registration's <c>authentication</c> is honoured. Default false.</summary>
    public bool AllowsLegacyAuthentication { get; set; }

    /// <summary>Gets or sets whether a mutating call needs an <c>idempotency_key</c>. Default true.</summary>
    public bool RequiresIdempotencyKey { get; set; } = true;

    /// <summary>Gets or sets how long a call may take.</summary>
    public TimeSpan? CallTimeout { get; set; }

    /// <summary>Gets or sets how long a webhook that ran out of attempts is tried again from memory.</summary>
    public TimeSpan? RedeliveryWindow { get; set; }
}

/// <summary>The thresholds of the health checks.</summary>
public sealed class HealthSettings
{
    /// <summary>Gets or sets the past-due age of the oldest webhook from which the outbox is degraded. Default 1 minute.</summary>
    public TimeSpan DegradedPastDue { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Gets or sets the past-due age of the oldest webhook from which the outbox is unhealthy. Default 15 minutes.</summary>
    public TimeSpan UnhealthyPastDue { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// Gets or sets the share of known endpoints with an open circuit from which delivery is degraded, 0 to 1. Default 0.5.
    /// </summary>
    public double DegradedOpenShare { get; set; } = 0.5;

    /// <summary>Gets or sets the number of known endpoints below which their share is not judged. Default 4.</summary>
    public int MinEndpoints { get; set; } = 4;

    /// <summary>
    /// Gets or sets the number of dead letters that may be added between two checks. If there are more, the outbox is degraded. Default 0.
    /// </summary>
    public int AllowedNewDeadLetters { get; set; }
}
