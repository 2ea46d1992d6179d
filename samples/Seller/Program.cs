using System.CommandLine;
using System.Data.Common;
using Adcp.Aot;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Platform;
using Adcp.Aot.Platform.Idempotency;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Samples;
using Seller;

Option<string> adcp = new("--adcp") { Description = "The AdCP generation: 3.0, 3.1 or 3.2.", DefaultValueFactory = _ => "3.2" };
adcp.AcceptOnlyFromAmong("3.0", "3.1", "3.2");
Option<int> port = new("--port") { Description = "The port to listen on, on loopback.", DefaultValueFactory = _ => 5080 };
Option<bool> allowPrivate = new("--allow-private")
{
    Description = "Lets webhooks go to http and to private addresses: receivers on this machine.",
};
Option<int> completesAfter = new("--complete-after")
{
    Description = "Milliseconds until a media buy completes; 0 answers at once.",
    DefaultValueFactory = _ => 1000,
};
Option<string> store = new("--store")
{
    Description = "The SQLite file of tasks, answers, media buys and webhook activity, created with mode 0600; beside it, FILE.key "
        + "encrypts its secrets and FILE.jwk signs.",
    DefaultValueFactory = _ => "seller.db",
};
Option<int> patience = new("--patience")
{
    Description = "Seconds that a stop by SIGTERM or Ctrl+C gives to attempts under way. What is left is delivered after the next start.",
    DefaultValueFactory = _ => 30,
};
Option<string[]> principal = new("--principal")
{
    Description = "name=token of a caller; repeat it for several. The token is sent as a bearer token, or exchanged for one at "
        + "/oauth/token. Without any, all callers are one.",
};
RootCommand root = new("A seller that answers AdCP over MCP and A2A and reports by signed webhooks.")
{
    adcp, port, allowPrivate, completesAfter, store, patience, principal,
};
root.SetAction(async (parsed, cancellationToken) =>
{
    AdcpVersion version = parsed.GetValue(adcp) switch { "3.0" => AdcpVersion.V30, "3.1" => AdcpVersion.V31, _ => AdcpVersion.V32 };
    bool isPrivate = parsed.GetValue(allowPrivate);
    Uri url = new($"http://127.0.0.1:{parsed.GetValue(port)}");
    string file = parsed.GetValue(store)!;
    Principals principals;
    SecretsAtRest secrets;
    SigningKey key;
    DbDataSource database;
    try
    {
        principals = new Principals(parsed.GetValue(principal) ?? []);
        secrets = SecretsAtRest.EncryptedWith(KeyFile.ReadOrCreate(file + ".key"));
        key = ReadOrCreateKey(file + ".jwk");
        database = SqliteDataSource.Create(SqliteFactory.Instance, file);
    }
    catch (Exception fault) when (fault is ArgumentException or IOException or UnauthorizedAccessException or DbException)
    {
        await Console.Error.WriteLineAsync(fault.Message);
        return 2;
    }

    using SigningKey signing = key;
    await using DbDataSource closed = database;
    SqlTaskRegistry tasks = new(database, SqlDialect.Sqlite, secrets);
    SqlIdempotencyStore answers = new(database, SqlDialect.Sqlite, new IdempotencyStoreOptions { Secrets = secrets });
    MediaBuys buys = new(database, secrets);
    Creatives creatives = new(database, TimeProvider.System);
    await using AuditLog audit = new(database);
    using ILoggerFactory logging = LoggerFactory.Create(builder => builder.AddSimpleConsole(lines => lines.SingleLine = true));
    ILogger logger = logging.CreateLogger("Seller");
    WebhookSenderOptions sending = new() { Version = version, AllowHttp = isPrivate, AllowPrivateNetworks = isPrivate };
    using WebhookSender sender = new(new Rfc9421Signer(key), sending);

    // Task webhooks are committed with the task's status, and survive the process. Reports are sent from memory.
    await using SqlWebhookOutbox outbox =
        new(new StoreDatabase(database, SqlDialect.Sqlite), sender, secrets, new SqlWebhookOutboxOptions { Logger = logger });
    RetryPolicy retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromSeconds(1) };
    OutboxWorkerOptions working = new() { Attempts = new WebhookSupervisorOptions { Sink = audit, Retry = retry, Logger = logger } };
    await using OutboxWorker worker = new(outbox, sender, working);
    List<KeptBuy> pending;
    try
    {
        await tasks.CreateIfAbsentAsync(cancellationToken);
        await answers.CreateIfAbsentAsync(cancellationToken);
        await buys.CreateIfAbsentAsync();
        await creatives.CreateIfAbsentAsync();
        await audit.CreateIfAbsentAsync(cancellationToken);
        await outbox.CreateIfAbsentAsync(cancellationToken);
        pending = await buys.PendingAsync();
        await worker.StartAsync(cancellationToken);
    }
    catch (Exception fault) when (fault is DbException or IOException or InvalidOperationException or TimeoutException)
    {
        await Console.Error.WriteLineAsync($"The store {file} cannot be used: {fault.Message.ReplaceLineEndings(" ")}");
        return 1;
    }

    WebhookSupervisorOptions delivering = new() { Sink = audit, Retry = new RetryPolicy { MaxAttempts = 5 }, Logger = logger };
    await using InMemoryWebhookDeliverySupervisor supervisor = new(sender, delivering);
    TimeSpan drain = TimeSpan.FromSeconds(parsed.GetValue(patience));
    PlatformOptions options = new()
    {
        Version = version,

        // AdCP's compliance runner of 3.0.6 waits for a webhook after each answer. It has no meaning in later versions.
        EmitsInlineCompletions = true,
        Tasks = tasks,
        Idempotency = answers,
        Reconciler = new Reconciler(buys),
        SigningKeys = [key],
        WebhookSigning = new WebhookSigningCapability
        {
            Algorithms = [key.Algorithm],

            // AdCP 3.0's buyers may still ask for an HMAC or a bearer token instead of a signature.
            AllowsLegacyAuthentication = version == AdcpVersion.V30,
            RetryHorizon = version >= AdcpVersion.V32 ? outbox.RetryHorizon : null,
        },
        Guard = sending.CreateGuard(),
        Outbox = outbox,
        DrainPatience = drain,
        Logger = logger,
    };
    TimeSpan trafficking = TimeSpan.FromMilliseconds(parsed.GetValue(completesAfter));
    Catalog catalog = new(url, version, options.TimeProvider);
    using SellerPlatform platform = new(options, sender.Facts.Guard, supervisor, catalog, buys, creatives, audit, trafficking);
    AuthorizationServer authorization = new(url, principals, TimeProvider.System);
    AdcpServerOptions serving = new()
    {
        Endpoints = principals.AreNamed
            ? new AdcpEndpointOptions { TenantOf = authorization.TenantOf, NamesResourceMetadata = true }
            : new AdcpEndpointOptions { SharesOneTenant = true },
        Map = principals.AreNamed ? authorization.Map : null,
        Stopping = platform.FinishAsync,
        Started = handler =>
        {
            platform.Resume(pending, handler.Tasks);
            Console.WriteLine($"AdCP {parsed.GetValue(adcp)} seller. MCP: {url}mcp  A2A: {url}a2a  "
                + $"card: {url}.well-known/agent-card.json  keys: {url}.well-known/jwks.json");
            Console.WriteLine("Call it, for example:");
            Console.WriteLine($"curl -s {url}a2a -H 'Content-Type: application/json' -H 'A2A-Version: 1.0' "
                + "-H 'A2A-Extensions: https://adcontextprotocol.org/extensions/adcp/v3' -d "
                + """'{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":"""
                + """{"messageId":"1","role":"ROLE_USER","parts":[{"data":{"skill":"get_products","input":{}}}]}}}'""");
        },
    };
    await AdcpServer.ServeAsync(platform, options, url, serving, cancellationToken: cancellationToken);
    OutboxStopReport stopped = await worker.StopAsync(drain);
    OutboxStatus left = await outbox.GetStatusAsync(CancellationToken.None);
    Console.WriteLine(
        $"Stopped. {left.Waiting + left.Parked} webhooks wait in the store for the next start, {left.Dead} ended undelivered, "
        + $"{stopped.Cancelled} attempts were cut short.");
    return 0;
});

// The web host handles signals: it accepts no more requests, and attempts under way end within the time of --patience. Task webhooks
// that wait are delivered after the next start, and media buys in trafficking continue.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

// The key outlives the process as the store does, so that buyers that keep the published one can still verify.
static SigningKey ReadOrCreateKey(string path)
{
    if (!File.Exists(path))
    {
        using SigningKey created = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-sample-" + Guid.NewGuid().ToString("N")[..8]);
        using StreamWriter file = new(PrivateFile.Create(path));
        file.Write(created.ExportPrivateJwk());
    }

    return SigningKey.FromJwk(File.ReadAllText(path));
}
