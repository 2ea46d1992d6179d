using System.Data.Common;
using Adcp.Aot.Receiving;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Verification;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Hosting;

/// <summary>The options of a receiver, and the objects that they consist of.</summary>
internal sealed class ReceiverParts
{
    private ReceiverParts(WebhookReceiverOptions options) => Options = options;

    internal WebhookReceiverOptions Options { get; }

    internal List<IStoreTables> Tables { get; } = [];

    internal List<IExpiringStore> Expiring { get; } = [];

    internal List<object> Owned { get; } = [];

    internal bool CreatesTables { get; private init; }

    /// <summary>Gets the database of claims and nonces; <see langword="null"/> if they are kept elsewhere.</summary>
    internal StoreSource? Database { get; private init; }

    /// <summary>Finds every fault of settings.</summary>
    internal static void Check(
        AdcpReceiverSettings settings, ReceiverRegistration registration, SettingsSource source, SettingFaults faults)
    {
        faults.All.AddRange(settings.Bound.Faults);
        if (registration.Verifier is null)
        {
            Sender(settings, faults);
            Pins(settings, source.ContentRoot, faults);
        }
        else if (settings.AdAgentsFile is not null)
        {
            faults.Add("AdAgentsFile", "the verifier is given in code. Set the Pins of its options there.");
        }

        bool hasDatabase = registration.OpensDatabase || settings.Database.Dialect is not null;
        if (hasDatabase && settings.Database.Dialect is null && settings.Bound.Faults.Count == 0)
        {
            faults.Add("Database:Dialect", "missing. Set the SQL of the database: Sqlite, PostgreSql or MySql.");
        }

        if (hasDatabase)
        {
            source.Check(settings.Database, registration.OpenDatabase, faults);
        }
        else if (!settings.KeepsClaimsInMemory && registration.Store is null)
        {
            faults.Add("Database:Dialect",
                "missing. A receiver remembers the webhooks that it has processed: set a database, or KeepsClaimsInMemory in development.");
        }

        if (settings.Version is { } version && !Enum.IsDefined(version))
        {
            faults.Add("Version", $"{version} is no version of AdCP: 3.0, 3.1 or 3.2.");
        }

        if (settings.PublicOrigins.Count == 0 && !settings.TrustHostHeader)
        {
            faults.Add("PublicOrigins", "missing. Set the origin in the urls that senders were given, such as https://buyer.example.");
        }
        else if (settings.PublicOrigins.Count > 0 && settings.TrustHostHeader)
        {
            faults.Add("TrustHostHeader", "PublicOrigins and TrustHostHeader exclude each other.");
        }

        Apply(Blank(), settings, faults);
    }

    /// <summary>Creates the parts of settings without faults.</summary>
    internal static ReceiverParts Create(
        IServiceProvider services, string name, AdcpReceiverSettings settings, ReceiverRegistration registration)
    {
        List<object> owned = [];
        try
        {
            return Create(services, name, settings, registration, owned);
        }
        catch
        {
            // The container does not dispose what was not created.
            foreach (IDisposable part in owned.OfType<IDisposable>())
            {
                part.Dispose();
            }

            throw;
        }
    }

    private static ReceiverParts Create(
        IServiceProvider services, string name, AdcpReceiverSettings settings, ReceiverRegistration registration, List<object> owned)
    {
        TimeProvider time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        StoreSource? database = null;
        if (settings.Database.Dialect is not null)
        {
            database = SettingsSource.Of(services, name)
                .Open(services, name, settings.Database, registration.OpenDatabase, out DbDataSource? opened);
            owned.AddRange(opened is null ? [] : [opened]);
        }

        IReplayCache replays = database is null
            ? new InMemoryReplayCache()
            : new SqlReplayCache(database.Source, database.Dialect, timeProvider: time);
        IWebhookClaimStore store = registration.Store?.Invoke(services)
            ?? (database is null
                ? new DevelopmentWebhookClaimStore(timeProvider: time)
                : new SqlWebhookClaimStore(database.Source, database.Dialect, timeProvider: time));
        WebhookVerifier verifier = registration.Verifier?.Invoke(services, replays) ?? VerifierOf(services, settings, replays, time, owned);
        SettingFaults none = new("");
        WebhookReceiverOptions options = Apply(Blank() with { Verifier = verifier, Store = store, TimeProvider = time }, settings, none);
        options = WebhookRegistration.Apply(services, registration.Steps, options);
        options.Validate();
        ReceiverParts parts = new(options) { CreatesTables = settings.Database.CreateTables, Database = database };
        foreach (object part in new object[] { store, replays })
        {
            if (part is IStoreTables tables)
            {
                parts.Tables.Add(tables);
            }

            if (part is IExpiringStore expiring)
            {
                parts.Expiring.Add(expiring);
            }
        }

        parts.Owned.AddRange(owned);
        return parts;
    }

    private static WebhookReceiverOptions Blank() => new()
    {
        Verifier = new Rfc9421Verifier(VerificationKeySet.FromJwks("""{"keys":[]}""", sender: "none"), new InMemoryReplayCache()),
    };

    private static WebhookReceiverOptions Apply(WebhookReceiverOptions options, AdcpReceiverSettings from, SettingFaults faults)
    {
        options = options with
        {
            TrustHostHeader = from.TrustHostHeader,
            AcceptsOtherPayloads = from.AcceptsOtherPayloads,
            Version = from.Version is { } version && Enum.IsDefined(version) ? version : options.Version,
        };
        options = faults.Try("PublicOrigins", () => options with { PublicOrigins = [.. from.PublicOrigins] }, options);
        options = faults.Set(options, "Token", from.Token, static (o, v) => o with { Token = v });
        options = faults.Set(options, "RetryHorizon", from.RetryHorizon, static (o, v) => o with { RetryHorizon = v });
        options = faults.Set(options, "Lease", from.Lease, static (o, v) => o with { Lease = v });
        options = faults.Set(options, "ReadTimeout", from.ReadTimeout, static (o, v) => o with { ReadTimeout = v });
        options = faults.Set(options, "HandlerTimeout", from.HandlerTimeout, static (o, v) => o with { HandlerTimeout = v });
        options = faults.Set(
            options, "MaxConcurrentWebhooks", from.MaxConcurrentWebhooks, static (o, v) => o with { MaxConcurrentWebhooks = v });
        return faults.Set(options, "MaxBufferedBytes", from.MaxBufferedBytes, static (o, v) => o with { MaxBufferedBytes = v });
    }

    private static void Sender(AdcpReceiverSettings settings, SettingFaults faults)
    {
        (string Member, string? Value)[] places =
            [("JwksUri", settings.JwksUri), ("Domain", settings.Domain), ("BrandJson", settings.BrandJson)];
        (string Member, string? Value)[] given = [.. places.Where(static place => place.Value is not null)];
        RemoteKeySourceOptions options = KeyOptionsOf(new(), settings, faults);
        if (given.Length != 1)
        {
            faults.Add(given.Length == 0 ? "JwksUri" : given[1].Member, given.Length == 0
                ? "missing. Set JwksUri, the url of the sender's keys, or AgentUrl and one of Domain and BrandJson."
                : $"{string.Join(" and ", given.Select(static place => place.Member))} exclude each other.");
            return;
        }

        (string member, string? text) = given[0];
        bool hasAgent = HasAgent(settings);
        if (member != "Domain" && !IsUrl(text!))
        {
            faults.Add(member, $"'{text}' is no http or https url.");
        }
        else if (text!.StartsWith("http:", StringComparison.OrdinalIgnoreCase) && !settings.AllowHttp)
        {
            faults.Add(member, "keys are read over https. Set AllowHttp in development.");
        }
        else if (hasAgent || settings.JwksUri is not null)
        {
            faults.Try<object?>(member, () => { KeysOf(settings, options).Dispose(); return null; }, null);
        }

        if (!hasAgent && (settings.JwksUri is null || settings.AdAgentsFile is not null))
        {
            faults.Add("AgentUrl", settings.AgentUrl is null
                ? "missing. Set the url of the agent that sends: a brand.json lists agents, and an adagents.json pins the keys of one."
                : $"'{settings.AgentUrl}' is no http or https url.");
        }
    }

    private static void Pins(AdcpReceiverSettings settings, string contentRoot, SettingFaults faults)
    {
        if (settings.AdAgentsFile is { } file && HasAgent(settings))
        {
            faults.Try<PublisherPins?>("AdAgentsFile", () => PinsOf(Path.Combine(contentRoot, file), settings.AgentUrl!), null);
        }
    }

    private static bool HasAgent(AdcpReceiverSettings settings) => settings.AgentUrl is { } agent && IsUrl(agent);

    private static PublisherPins PinsOf(string path, string agentUrl) => new(File.ReadAllText(path), agentUrl);

    private static bool IsUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" && url.Host.Length > 0;

    private static RemoteKeySourceOptions KeyOptionsOf(RemoteKeySourceOptions options, AdcpReceiverSettings from, SettingFaults faults)
    {
        options = options with { AllowHttp = from.AllowHttp, AllowPrivateNetworks = from.AllowPrivateNetworks };
        options = faults.Set(options, "MaxBrandJsonBytes", from.MaxBrandJsonBytes, static (o, v) => o with { MaxBrandJsonBytes = v });
        return faults.Set(options, "KeyOrigin", from.KeyOrigin, static (o, v) => o with { KeyOrigin = v });
    }

    private static RemoteKeySource KeysOf(AdcpReceiverSettings settings, RemoteKeySourceOptions options) =>
        settings.JwksUri is { } jwks
            ? RemoteKeySource.FromJwksUri(jwks, settings.SenderName ?? new Uri(jwks).GetLeftPart(UriPartial.Authority), options)
        : settings.Domain is { } domain ? RemoteKeySource.FromDomain(domain, settings.AgentUrl!, options)
        : RemoteKeySource.FromBrandJson(settings.BrandJson!, settings.AgentUrl!, options);

    private static Rfc9421Verifier VerifierOf(
        IServiceProvider services, AdcpReceiverSettings settings, IReplayCache replays, TimeProvider time, List<object> owned)
    {
        RemoteKeySourceOptions options = new()
        {
            TimeProvider = time,
            Logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.RemoteKeys"),
        };
        RemoteKeySource keys = KeysOf(settings, KeyOptionsOf(options, settings, new SettingFaults("")));
        owned.Add(keys);
        Rfc9421VerifierOptions verification = new() { TimeProvider = time };
        if (settings.AdAgentsFile is { } file)
        {
            string path = Path.Combine(SettingsSource.Of(services, "").ContentRoot, file);
            string content = WatchedFiles.ContentOf([path]);
            PublisherPins pins = PinsOf(path, settings.AgentUrl!);
            verification = verification with { Pins = pins };
            ILogger logger = GuardedLogger.Of(services.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.Hosting"));
            WatchedFiles watched = new(
                new SettingFaults(settings.Bound.Root).PathOf("AdAgentsFile"), [path], content, () => pins.Update(File.ReadAllText(path)));
            owned.Add(new FileWatch([watched], time, logger));
        }

        return new Rfc9421Verifier(keys, replays, verification);
    }
}
