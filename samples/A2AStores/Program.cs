using System.CommandLine;
using System.Data.Common;
using System.Diagnostics;
using System.Net;
using A2AStores;
using Adcp.Aot;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Samples;

Option<string> store = new("--store") { Description = Database.Forms + ".", DefaultValueFactory = _ => "sqlite:a2a.db" };
Option<int> port = new("--port")
{
    Description = "The port to listen on, on loopback; 0 picks a free one.",
    DefaultValueFactory = _ => 5080,
};
Option<string> keyFile = new("--key-file")
{
    Description = "The key that encrypts push tokens; created if it is absent.",
    DefaultValueFactory = _ => "a2a.key",
};
Option<string[]> principal = new("--principal")
{
    Description = "name=token of a caller; repeat it for several. Without any, all callers share one anonymous scope.",
};
Option<int> workMilliseconds = new("--work-ms") { Description = "How long a task works.", DefaultValueFactory = _ => 300 };
Option<string?> publicUrl = new("--url")
{
    Description = "How clients call the agent, such as https://agent.example. Default: the loopback address that it listens on.",
};
Option<int> patienceSeconds = new("--patience")
{
    Description = "Seconds that a stop by SIGTERM or Ctrl+C gives to notifications under way. Each that is left is logged by task, "
        + "and delivered after the next start if the store is SQLite or PostgreSQL.",
    DefaultValueFactory = _ => 30,
};
Option<bool> allowPrivate = new("--allow-private")
{
    Description = "Lets notifications go to http and to private networks, for receivers on this machine.",
};

RootCommand root = new("An A2A 1.0 agent whose tasks and push configurations live in generated stores.")
{
    store, port, keyFile, principal, workMilliseconds, publicUrl, patienceSeconds, allowPrivate,
};
root.SetAction(async (arguments, cancellationToken) =>
{
    Database database;
    Principals principals;
    EncryptionKey secrets;
    Uri? url = null;
    try
    {
        if (arguments.GetValue(publicUrl) is { } text
            && !(Uri.TryCreate(text, UriKind.Absolute, out url) && url.Scheme is "http" or "https" && url.PathAndQuery == "/"))
        {
            throw new ArgumentException("--url is scheme and host, such as https://agent.example.");
        }

        principals = new Principals(arguments.GetValue(principal) ?? []);
        secrets = KeyFile.ReadOrCreate(arguments.GetValue(keyFile)!);
        database = Database.Open(arguments.GetValue(store)!);
    }
    catch (Exception fault) when (fault is ArgumentException or IOException or UnauthorizedAccessException or DbException)
    {
        await Console.Error.WriteLineAsync(fault.Message);
        return 2;
    }

    await using Database closed = database;
    WebhookSenderOptions sending = new()
    {
        Version = AdcpVersion.V32,
        AllowHttp = arguments.GetValue(allowPrivate),
        AllowPrivateNetworks = arguments.GetValue(allowPrivate),
    };
    AnonymousCallers anonymous = principals.AreNamed ? AnonymousCallers.Refused : AnonymousCallers.ShareOneScope;
    TaskStore tasks = new(database.Source, database.Dialect, new TaskStoreOptions { Anonymous = anonymous });
    PushConfigStore configs = new(database.Source, database.Dialect, new PushNotificationConfigStoreOptions
    {
        Secrets = SecretsAtRest.EncryptedWith(secrets),
        Destinations = sending.CreateGuard(),
        Anonymous = anonymous,
    });
    await using PushLog pushes = new(database.Source, database.Dialect);
    using ILoggerFactory logs = LoggerFactory.Create(logging =>
        logging.AddFilter("Microsoft", LogLevel.Warning).AddSimpleConsole(lines => lines.SingleLine = true));
    using SigningKey key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "a2a-stores-" + Guid.NewGuid().ToString("N")[..8]);
    using WebhookSender sender = new(new Rfc9421Signer(key), sending);
    SqlWebhookOutbox? outbox = database.CreateOutbox(sender, secrets, logs.CreateLogger<SqlWebhookOutbox>());
    WebhookSupervisorOptions delivering = new() { Sink = pushes };
    await using PushNotifier notifier = outbox is null
        ? new MemoryNotifier(configs, sender, delivering, logs.CreateLogger<MemoryNotifier>())
        : new OutboxNotifier(
            configs, outbox, sender,
            delivering with
            {
                Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromSeconds(1) },
                Logger = logs.CreateLogger<OutboxWorker>(),
            },
            logs.CreateLogger<OutboxNotifier>());
    try
    {
        await tasks.CreateIfAbsentAsync(cancellationToken);
        await configs.CreateIfAbsentAsync(cancellationToken);
        await pushes.CreateIfAbsentAsync(cancellationToken);
        await (outbox?.CreateIfAbsentAsync(cancellationToken) ?? default);
    }
    catch (Exception fault) when (IsOfStore(fault))
    {
        await Console.Error.WriteLineAsync($"The tables cannot be created: {fault.Message.ReplaceLineEndings(" ")}");
        return 1;
    }

    WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
    builder.Services.AddSingleton(logs);
    builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.Listen(IPAddress.Loopback, arguments.GetValue(port));
        kestrel.Limits.MaxRequestBodySize = A2AServer.MaxRequestBytes;
        kestrel.AddServerHeader = false;
    });
    builder.Services.AddAdcpPurge(outbox is null ? [tasks] : [tasks, outbox]);
    WebApplication app = builder.Build();
    using Agent agent = new(tasks, notifier, TimeSpan.FromMilliseconds(arguments.GetValue(workMilliseconds)), TimeProvider.System,
        logs.CreateLogger<Agent>());
    A2AServer server = new(tasks, configs, agent, principals, logs.CreateLogger<A2AServer>());

    // Never the Host of the request: a card names one agent, whatever name the request used.
    RequestDelegate card = http => http.Response.WriteAsJsonAsync(
        Card.Of(new Uri(url ?? new Uri(app.Urls.First()), "/a2a").ToString(), principals.AreNamed), A2AJson.Default.AgentCard);
    RequestDelegate keys = http =>
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(SigningKey.ExportJwks([key]));
    };
    app.Use(new HostCheck(url?.Host).InvokeAsync);
    app.MapPost("/a2a", (RequestDelegate)server.HandleAsync);
    app.MapGet("/.well-known/agent-card.json", card);
    app.MapGet("/.well-known/jwks.json", keys);
    try
    {
        await app.StartAsync(cancellationToken);

        // Not before receivers can read the keys of this start.
        await notifier.StartAsync(cancellationToken);
    }
    catch (Exception fault) when (IsOfStore(fault))
    {
        await Console.Error.WriteLineAsync($"The agent cannot start: {fault.Message.ReplaceLineEndings(" ")}");
        return 1;
    }

    Console.WriteLine($"Listening on {app.Urls.First()}, tasks in {database.Name}, "
        + $"callers {(principals.AreNamed ? "by bearer token" : "anonymous, in one scope")}.");
    Console.WriteLine($"Agent card at {app.Urls.First()}/.well-known/agent-card.json");
    await app.WaitForShutdownAsync(cancellationToken);
    TimeSpan patience = TimeSpan.FromSeconds(arguments.GetValue(patienceSeconds));
    long stopped = Stopwatch.GetTimestamp();
    using CancellationTokenSource patienceEnds = new(patience);
    await agent.DrainAsync(patienceEnds.Token);
    TimeSpan left = patience - Stopwatch.GetElapsedTime(stopped);
    await notifier.StopAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero);

    // Notifications that were cut short are logged by now, or within a moment.
    using CancellationTokenSource moment = new(TimeSpan.FromSeconds(2));
    await agent.DrainAsync(moment.Token);
    Console.WriteLine($"{pushes.Counts.Recorded} attempts to notify are in a2a_push_log.");
    await app.DisposeAsync();
    return 0;
});

ParseResult parsed = root.Parse(args);
if (parsed.Errors.Count == 0)
{
    // The web host handles signals, and --patience limits how long a stop takes.
    return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
}

foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
{
    await Console.Error.WriteLineAsync(error.Message);
}

return 2;

// Drivers report a store that is away by these. InvalidOperationException is the refusal of tables that lack a column or are of another
// version, by the creation and by the worker's start. A port that is taken is an IOException too.
static bool IsOfStore(Exception fault) => fault is DbException or IOException or InvalidOperationException or TimeoutException;
