using Adcp.Aot.Storage;

namespace Adcp.Aot.Hosting;

/// <summary>The options that settings become. Immutable; the keys are its owner's to dispose.</summary>
internal sealed record WebhookPlan
{
    internal required AdcpVersion Version { get; init; }

    internal required IReadOnlyList<SigningKey> Keys { get; init; }

    internal required WebhookSenderOptions Sender { get; init; }

    /// <summary>Gets the certificates of egress rules, which are disposed after the sender.</summary>
    internal required IReadOnlyList<EgressCertificates> Certificates { get; init; }

    /// <summary>Gets the files that are read again when they change.</summary>
    internal required IReadOnlyList<WatchedFiles> Files { get; init; }

    internal required WebhookSupervisorOptions Supervisor { get; init; }

    internal required SecretsAtRest? Secrets { get; init; }

    internal required SqlWebhookOutboxOptions Outbox { get; init; }

    internal required OutboxWorkerOptions Worker { get; init; }

    /// <summary>Disposes the keys and certificates.</summary>
    internal void DisposeSecrets()
    {
        foreach (IDisposable secret in Keys.Concat<IDisposable>(Certificates.SelectMany(
            static each => (each.Roots ?? []).Append(each.ClientCertificate).OfType<IDisposable>())))
        {
            secret.Dispose();
        }
    }

    /// <summary>Reads the options of settings, and lists every fault.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="registration">The parts that the application gives in code.</param>
    /// <param name="source">The parts of the container that settings refer to.</param>
    /// <param name="faults">The faults, each with the path of its setting.</param>
    internal static WebhookPlan Read(
        AdcpWebhookSettings settings, WebhookRegistration registration, SettingsSource source, SettingFaults faults)
    {
        string contentRoot = source.ContentRoot;
        faults.All.AddRange(settings.Bound.Faults);
        AdcpVersion version = VersionOf(settings, faults);
        List<SigningKey> keys = KeysOf(settings, registration, contentRoot, faults);
        RetryPolicy retry = RetryOf(RetryPolicy.Default, settings.Retry, "Retry", faults);
        WebhookSupervisorOptions supervisor = SupervisorOf(settings, faults) with { Retry = retry };
        SecretsAtRest? secrets = SecretsOf(settings, contentRoot, registration.UsesDatabase(settings), faults);
        DatabaseRules(settings, registration, faults);
        if (registration.UsesDatabase(settings))
        {
            source.Check(settings.Database, registration.OpenDatabase, faults);
        }

        Health(settings.Health, faults);
        Seller(settings.Seller, faults);
        List<EgressCertificates> certificates = [];
        List<WatchedFiles> files = [];
        EgressRule[] egress = EgressPlan.RulesOf(settings.Sender.Egress, contentRoot, certificates, files, faults);
        WebhookSenderOptions sender = SenderOf(settings, version, faults);
        return new WebhookPlan
        {
            Version = version,
            Keys = keys,
            Sender = faults.Try("Sender:Egress", () => sender with { Egress = egress }, sender),
            Certificates = certificates,
            Files = files,
            Supervisor = supervisor,
            Secrets = secrets,
            Outbox = OutboxOf(settings.Outbox, faults),
            Worker = WorkerOf(settings.Outbox, supervisor, faults),
        };
    }

    internal static RetryPolicy RetryOf(RetryPolicy retry, RetrySettings from, string at, SettingFaults faults)
    {
        retry = faults.Set(retry, $"{at}:MaxAttempts", from.MaxAttempts, static (o, v) => o with { MaxAttempts = v });
        retry = faults.Set(retry, $"{at}:BaseDelay", from.BaseDelay, static (o, v) => o with { BaseDelay = v });
        retry = faults.Set(retry, $"{at}:MaxDelay", from.MaxDelay, static (o, v) => o with { MaxDelay = v });
        retry = faults.Set(retry, $"{at}:Jitter", from.Jitter, static (o, v) => o with { Jitter = v });
        retry = faults.Set(retry, $"{at}:MaxRetryAfter", from.MaxRetryAfter, static (o, v) => o with { MaxRetryAfter = v });
        return faults.Set(retry, $"{at}:Deadline", from.Deadline, static (o, v) => o with { Deadline = v });
    }

    private static AdcpVersion VersionOf(AdcpWebhookSettings settings, SettingFaults faults)
    {
        if (settings.Version is { } version && Enum.IsDefined(version))
        {
            return version;
        }

        // A version that cannot be read has its own fault.
        if (!settings.Bound.Faults.Exists(fault => fault.StartsWith(faults.PathOf("Version") + ":", StringComparison.OrdinalIgnoreCase)))
        {
            faults.Add("Version", settings.Version is null
                ? "missing. Set the AdCP version that is spoken: 3.0, 3.1 or 3.2."
                : $"{settings.Version} is no version of AdCP: 3.0, 3.1 or 3.2.");
        }

        return AdcpVersion.V32;
    }

    private static List<SigningKey> KeysOf(
        AdcpWebhookSettings settings, WebhookRegistration registration, string contentRoot, SettingFaults faults)
    {
        List<SigningKey> keys = [];
        for (int i = 0; i < settings.Keys.Count; i++)
        {
            SigningKeySettings key = settings.Keys[i];
            if (faults.Try($"Keys:{i}", () => KeyOf(key, contentRoot), null) is not { } made)
            {
                continue;
            }

            if (keys.Exists(known => known.KeyId == made.KeyId))
            {
                faults.Add($"Keys:{i}", $"the key id '{made.KeyId}' is there twice. Give each key an id of its own.");
            }

            keys.Add(made);
        }

        if (settings.Keys.Count == 0 && !registration.HasAuthenticator)
        {
            faults.Add("Keys", "missing. Name the file of a private key, Keys:0:File, or give a key in code. "
                + "`adcp-webhooks keygen` creates one.");
        }

        return keys;
    }

    private static SigningKey? KeyOf(SigningKeySettings key, string contentRoot)
    {
        if (key.File is null == key.Jwk is null)
        {
            throw new ArgumentException("a key has either File or Jwk.");
        }

        string text = key.Jwk ?? System.IO.File.ReadAllText(Path.Combine(contentRoot, key.File!));
        if (!text.TrimStart().StartsWith("-----", StringComparison.Ordinal))
        {
            return SigningKey.FromJwk(text);
        }

        return key.KeyId is null
            ? throw new ArgumentException("a PEM key needs KeyId, the kid under which its public key is published.")
            : SigningKey.FromPem(text, key.KeyId, key.Algorithm ?? SignatureAlgorithm.Ed25519, key.Passphrase);
    }

    private static WebhookSenderOptions SenderOf(AdcpWebhookSettings settings, AdcpVersion version, SettingFaults faults)
    {
        SenderSettings from = settings.Sender;
        WebhookSenderOptions sender = new()
        {
            Version = version,
            AllowHttp = from.AllowHttp,
            AllowPrivateNetworks = from.AllowPrivateNetworks,
            AllowedPorts = from.AllowedPorts.Count > 0 ? from.AllowedPorts.ToHashSet() : null,
            Http2 = from.Http2,
            PropagatesTraceContext = from.PropagatesTraceContext,
        };
        for (int i = 0; i < from.AllowedPorts.Count; i++)
        {
            if (from.AllowedPorts[i] is < 1 or > 65535)
            {
                faults.Add($"Sender:AllowedPorts:{i}", "a port is 1 to 65535.");
            }
        }

        sender = faults.Set(sender, "Sender:AttemptTimeout", from.AttemptTimeout, static (o, v) => o with { AttemptTimeout = v });
        sender = faults.Set(sender, "Sender:ConnectTimeout", from.ConnectTimeout, static (o, v) => o with { ConnectTimeout = v });
        sender = faults.Set(
            sender, "Sender:ConnectionLifetime", from.ConnectionLifetime, static (o, v) => o with { ConnectionLifetime = v });
        sender = faults.Set(sender, "Sender:MaxBodyBytes", from.MaxBodyBytes, static (o, v) => o with { MaxBodyBytes = v });
        return faults.Set(sender, "Sender:MaxResponseBytes", from.MaxResponseBytes, static (o, v) => o with { MaxResponseBytes = v });
    }

    internal static CircuitBreakerPolicy CircuitOf(CircuitSettings breaker, SettingFaults faults)
    {
        CircuitBreakerPolicy circuit = CircuitBreakerPolicy.Default;
        circuit = faults.Set(
            circuit, "Circuit:FailureThreshold", breaker.FailureThreshold, static (o, v) => o with { FailureThreshold = v });
        circuit = faults.Set(
            circuit, "Circuit:SuccessThreshold", breaker.SuccessThreshold, static (o, v) => o with { SuccessThreshold = v });
        circuit = faults.Set(circuit, "Circuit:HalfOpenPermits", breaker.HalfOpenPermits, static (o, v) => o with { HalfOpenPermits = v });
        return faults.Set(circuit, "Circuit:OpenTimeout", breaker.OpenTimeout, static (o, v) => o with { OpenTimeout = v });
    }

    private static WebhookSupervisorOptions SupervisorOf(AdcpWebhookSettings settings, SettingFaults faults)
    {
        DeliverySettings from = settings.Delivery;
        WebhookSupervisorOptions all = new() { Circuit = CircuitOf(settings.Circuit, faults), RecordsFullPaths = from.RecordsFullPaths };
        all = faults.Set(all, "Delivery:MaxConcurrency", from.MaxConcurrency, static (o, v) => o with { MaxConcurrency = v });
        all = faults.Set(all, "Delivery:MaxConcurrencyPerTenant", from.MaxConcurrencyPerTenant,
            static (o, v) => o with { MaxConcurrencyPerTenant = v });
        all = faults.Set(all, "Delivery:MaxConcurrencyPerEndpoint", from.MaxConcurrencyPerEndpoint,
            static (o, v) => o with { MaxConcurrencyPerEndpoint = v });
        all = faults.Set(all, "Delivery:MaxEndpoints", from.MaxEndpoints, static (o, v) => o with { MaxEndpoints = v });
        all = faults.Set(
            all, "Delivery:EndpointIdleTimeout", from.EndpointIdleTimeout, static (o, v) => o with { EndpointIdleTimeout = v });
        EndpointRateLimit[] limits = EgressPlan.LimitsOf(from.RateLimits, faults);
        all = faults.Try("Delivery:RateLimits", () => all with { RateLimits = limits }, all);
        all = faults.Set(all, "Delivery:SinkQueueCapacity", from.SinkQueueCapacity, static (o, v) => o with { SinkQueueCapacity = v });
        return faults.Set(all, "Delivery:SinkTimeout", from.SinkTimeout, static (o, v) => o with { SinkTimeout = v });
    }

    private static SqlWebhookOutboxOptions OutboxOf(OutboxSettings from, SettingFaults faults)
    {
        SqlWebhookOutboxOptions outbox = new();
        outbox = faults.Set(outbox, "Outbox:TablePrefix", from.TablePrefix, static (o, v) => o with { TablePrefix = v });
        outbox = faults.Set(outbox, "Outbox:RetryHorizon", from.RetryHorizon, static (o, v) => o with { RetryHorizon = v });
        outbox = faults.Set(
            outbox, "Outbox:DeliveryIdRetention", from.DeliveryIdRetention, static (o, v) => o with { DeliveryIdRetention = v });
        return faults.Set(
            outbox, "Outbox:DeadLetterRetention", from.DeadLetterRetention, static (o, v) => o with { DeadLetterRetention = v });
    }

    private static OutboxWorkerOptions WorkerOf(OutboxSettings from, WebhookSupervisorOptions attempts, SettingFaults faults)
    {
        RetryPolicy retry = RetryOf(OutboxWorkerOptions.DefaultRetry, from.Retry, "Outbox:Retry", faults);
        OutboxWorkerOptions worker = new() { Attempts = attempts with { Retry = retry } };
        worker = faults.Set(worker, "Outbox:WorkerName", from.WorkerName, static (o, v) => o with { Name = v });
        worker = faults.Set(worker, "Outbox:Lease", from.Lease, static (o, v) => o with { Lease = v });
        worker = faults.Set(worker, "Outbox:PollInterval", from.PollInterval, static (o, v) => o with { PollInterval = v });
        worker = faults.Set(
            worker, "Outbox:ListeningPollInterval", from.ListeningPollInterval, static (o, v) => o with { ListeningPollInterval = v });
        worker = faults.Set(worker, "Outbox:MaxRowsInMemory", from.MaxRowsInMemory, static (o, v) => o with { MaxRowsInMemory = v });
        return faults.Set(worker, "Outbox:MaxBytesInMemory", from.MaxBytesInMemory, static (o, v) => o with { MaxBytesInMemory = v });
    }

    private static SecretsAtRest? SecretsOf(AdcpWebhookSettings settings, string contentRoot, bool hasDatabase, SettingFaults faults)
    {
        List<EncryptionKey> keys = [];
        for (int i = 0; i < settings.EncryptionKeys.Count; i++)
        {
            EncryptionKeySettings key = settings.EncryptionKeys[i];
            if (faults.Try($"EncryptionKeys:{i}", () => EncryptionKeyOf(key, contentRoot), null) is { } made)
            {
                keys.Add(made);
            }
        }

        if (settings.EncryptionKeys.Count == 0 && hasDatabase)
        {
            faults.Add("EncryptionKeys",
                "missing. A database keeps the secrets of webhooks encrypted: set EncryptionKeys:0:Id, and File or Base64 with 32 bytes.");
        }

        return keys.Count == 0
            ? null
            : faults.Try("EncryptionKeys", () => SecretsAtRest.EncryptedWith(keys[0], [.. keys.Skip(1)]), SecretsAtRest.KeptOut);
    }

    private static EncryptionKey? EncryptionKeyOf(EncryptionKeySettings key, string contentRoot)
    {
        if (key.File is null == key.Base64 is null)
        {
            throw new ArgumentException("a key has either File or Base64.");
        }

        byte[] bytes = key.Base64 is { } text ? Convert.FromBase64String(text) : Bytes(Path.Combine(contentRoot, key.File!));
        return new EncryptionKey(key.Id ?? throw new ArgumentException("Id is missing: a name of the key, such as 2026-01."), bytes);

        static byte[] Bytes(string path)
        {
            byte[] content = System.IO.File.ReadAllBytes(path);
            return content.Length == EncryptionKey.SizeInBytes
                ? content
                : Convert.FromBase64String(System.Text.Encoding.ASCII.GetString(content).Trim());
        }
    }

    private static void DatabaseRules(AdcpWebhookSettings settings, WebhookRegistration registration, SettingFaults faults)
    {
        SqlDialect? dialect = settings.Database.Dialect;
        bool isRead = settings.Bound.Faults.Exists(fault =>
            fault.StartsWith(faults.PathOf("Database:Dialect") + ":", StringComparison.OrdinalIgnoreCase));
        if (dialect is { } given && (given == SqlDialect.Any || !Enum.IsDefined(given)))
        {
            faults.Add("Database:Dialect", "a database is Sqlite, PostgreSql or MySql.");
        }
        else if (dialect is null && !isRead && registration.UsesDatabase(settings))
        {
            faults.Add("Database:Dialect", "missing. Set the SQL of the database: Sqlite, PostgreSql or MySql.");
        }
        else if (dialect == SqlDialect.MySql && registration.HasOutbox)
        {
            faults.Add("Database:Dialect", "the outbox runs on Sqlite or PostgreSql.");
        }
    }

    private static void Health(HealthSettings health, SettingFaults faults)
    {
        if (health.DegradedPastDue < TimeSpan.Zero)
        {
            faults.Add("Health:DegradedPastDue", "must not be negative.");
        }

        if (health.UnhealthyPastDue < health.DegradedPastDue)
        {
            faults.Add("Health:UnhealthyPastDue", "must not be less than DegradedPastDue.");
        }

        if (health.DegradedOpenShare is not (>= 0 and <= 1))
        {
            faults.Add("Health:DegradedOpenShare", "must be 0 to 1.");
        }

        if (health.MinEndpoints < 1)
        {
            faults.Add("Health:MinEndpoints", "must be at least 1.");
        }

        if (health.AllowedNewDeadLetters < 0)
        {
            faults.Add("Health:AllowedNewDeadLetters", "must not be negative.");
        }
    }

    private static void Seller(SellerSettings seller, SettingFaults faults)
    {
        if (seller.PublicUrl is { } text
            && (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0
                || url.Query.Length > 0 || url.UserInfo.Length > 0))
        {
            faults.Add("Seller:PublicUrl", $"'{text}' is no http or https url, such as https://seller.example.");
        }

        for (int i = 0; i < seller.AllowedHosts.Count; i++)
        {
            string host = seller.AllowedHosts[i];
            if (host != "*" && (!Uri.TryCreate($"http://{host}/", UriKind.Absolute, out Uri? parsed) || parsed.PathAndQuery != "/"))
            {
                faults.Add($"Seller:AllowedHosts:{i}", $"'{host}' is not a host: use a name or address, with or without a port.");
            }
        }

        for (int i = 0; i < seller.AllowedOrigins.Count; i++)
        {
            string origin = seller.AllowedOrigins[i];
            if (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? parsed) || parsed.GetLeftPart(UriPartial.Authority) != origin)
            {
                faults.Add($"Seller:AllowedOrigins:{i}", $"'{origin}' is no origin: scheme and authority only.");
            }
        }

        PlatformRules(seller, faults);
    }

    private static void PlatformRules(SellerSettings seller, SettingFaults faults)
    {
        Platform.PlatformOptions probe = new() { Version = AdcpVersion.V32 };
        probe = faults.Set(probe, "Seller:CallTimeout", seller.CallTimeout, static (o, v) => o with { CallTimeout = v });
        faults.Set(probe, "Seller:RedeliveryWindow", seller.RedeliveryWindow, static (o, v) => o with { RedeliveryWindow = v });
    }
}
