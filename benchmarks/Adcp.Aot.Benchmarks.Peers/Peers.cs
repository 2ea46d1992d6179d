using System.Diagnostics;
using System.Security.Cryptography;
using Adcp.Aot.Delivery;
using Adcp.Aot.PostgreSql;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using DotNetCore.CAP;
using Hangfire;
using Hangfire.PostgreSql;
using Npgsql;
using Wolverine;
using Wolverine.Postgresql;
using Wolverine.Runtime;

namespace Adcp.Aot.Benchmarks.Peers;

/// <summary>Each way to keep a webhook in PostgreSQL until it is delivered.</summary>
public static class Peers
{
    private const int Producers = 8;
    private const int Callers = 64;
    private const int BodySize = 1024;

    private static readonly byte[] Body = [.. Enumerable.Range(0, BodySize).Select(static i => (byte)('a' + (i % 26)))];

    private static WebhookDestination s_destination = null!;
    private static WebhookSender s_sender = null!;
    private static int s_delivered;

    public static string[] Names { get; } = ["outbox", "hangfire", "cap", "wolverine"];

    /// <summary>Delivers a number of webhooks and returns the deliveries a second, from the first enqueue to the last answer.</summary>
    public static async Task<double> RunAsync(string name, string url, int rows)
    {
        s_destination = new WebhookDestination(url, "op_1");
        s_sender = new WebhookSender(
            new Rfc9421Signer(SigningKey.Generate(SignatureAlgorithm.Ed25519, "bench")),
            new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        string schema = "adcp_peer_" + name;
        NpgsqlConnectionStringBuilder settings = new(Environment.GetEnvironmentVariable("ADCP_TEST_POSTGRES")) { MaxPoolSize = 80 };
        await using (NpgsqlDataSource plain = NpgsqlDataSource.Create(settings))
        {
            await using NpgsqlCommand command = plain.CreateCommand($"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
            await command.ExecuteNonQueryAsync();
        }

        settings.SearchPath = schema;
        Func<string, Task> enqueue = name switch
        {
            "outbox" => await OutboxAsync(settings.ConnectionString),
            "hangfire" => Hangfire(settings.ConnectionString, schema),
            "cap" => await CapAsync(settings.ConnectionString, schema),
            _ => await WolverineAsync(settings.ConnectionString, schema),
        };

        // The first ones compile the code.
        await ProduceAsync(enqueue, 500);
        long started = Stopwatch.GetTimestamp();
        Volatile.Write(ref s_delivered, 0);
        await ProduceAsync(enqueue, rows);
        return rows / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>The handler of all peers.</summary>
    public static async Task SendAsync(string body)
    {
        string key = "whk_" + Guid.NewGuid().ToString("N");
        WebhookSendResult result =
            await s_sender.SendAsync(new PreparedWebhook(s_destination, System.Text.Encoding.UTF8.GetBytes(body), key));
        if (result.StatusCode != 200)
        {
            throw new InvalidOperationException($"{result.StatusCode} {result.Error}");
        }

        Interlocked.Increment(ref s_delivered);
    }

    private static async Task ProduceAsync(Func<string, Task> enqueue, int rows)
    {
        Volatile.Write(ref s_delivered, 0);
        string body = System.Text.Encoding.UTF8.GetString(Body);
        await Task.WhenAll(Enumerable.Range(0, Producers).Select(producer => Task.Run(async () =>
        {
            for (int i = producer; i < rows; i += Producers)
            {
                await enqueue(body);
            }
        })));
        while (Volatile.Read(ref s_delivered) < rows)
        {
            await Task.Delay(1);
        }
    }

    private static async Task<Func<string, Task>> OutboxAsync(string connectionString)
    {
        NpgsqlDataSource source = NpgsqlDataSource.Create(connectionString);
        CountingSender sender = new(s_sender);
        SqlWebhookOutbox outbox = new(
            new StoreDatabase(source, SqlDialect.PostgreSql), sender,
            SecretsAtRest.EncryptedWith(new EncryptionKey("bench", RandomNumberGenerator.GetBytes(32))),
            new SqlWebhookOutboxOptions { WakeUp = new PostgreSqlWakeUp(source) });
        await outbox.CreateIfAbsentAsync();
        OutboxWorker worker = new(outbox, sender, new OutboxWorkerOptions
        {
            Attempts = new WebhookSupervisorOptions { MaxConcurrency = Callers, Retry = OutboxWorkerOptions.DefaultRetry },
        });
        await worker.StartAsync();
        return async body => await outbox.EnqueueAsync(
            null,
            [
                new OutboxItem(
                    s_destination,
                    new McpWebhook
                    {
                        TaskId = "task_1",
                        TaskType = TaskType.CreateMediaBuy,
                        Status = AdcpTaskStatus.Completed,
                        Result = System.Text.Encoding.UTF8.GetBytes($"{{\"text\":\"{body}\"}}"),
                    },
                    new OutboxOptions { Tenant = "t" }),
            ]);
    }

    private static Func<string, Task> Hangfire(string connectionString, string schema)
    {
        GlobalConfiguration.Configuration.UseRecommendedSerializerSettings().UseSimpleAssemblyNameTypeSerializer().UsePostgreSqlStorage(
            options => options.UseNpgsqlConnection(connectionString),
            new PostgreSqlStorageOptions
            {
                SchemaName = schema,
                EnableLongPolling = true,
                UseSlidingInvisibilityTimeout = true,
                QueuePollInterval = TimeSpan.FromMilliseconds(50),
            });
        _ = new BackgroundJobServer(new BackgroundJobServerOptions { WorkerCount = Callers });
        return static body =>
        {
            BackgroundJob.Enqueue(() => SendAsync(body));
            return Task.CompletedTask;
        };
    }

    private static async Task<Func<string, Task>> CapAsync(string connectionString, string schema)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddTransient<CapHandler>();
        builder.Services.AddCap(options =>
        {
            options.UsePostgreSql(postgres =>
            {
                postgres.ConnectionString = connectionString;
                postgres.Schema = schema;
            });
            options.RegisterExtension(new InMemoryTransport());
            options.EnablePublishParallelSend = true;
            options.EnableSubscriberParallelExecute = true;
            options.SubscriberParallelExecuteThreadCount = Callers;
        });
        WebApplication app = builder.Build();
        await app.StartAsync();
        ICapPublisher publisher = app.Services.GetRequiredService<ICapPublisher>();
        await Task.Delay(2_000);
        return body => publisher.PublishAsync("adcp.hook", body);
    }

    private static async Task<Func<string, Task>> WolverineAsync(string connectionString, string schema)
    {
        IHost host = Host.CreateDefaultBuilder().ConfigureLogging(static logging => logging.ClearProviders()).UseWolverine(options =>
        {
            options.PersistMessagesWithPostgresql(connectionString, schema);
            options.Policies.UseDurableLocalQueues();
            options.LocalQueueFor<Hook>().MaximumParallelMessages(Callers);
            options.Discovery.IncludeType<HookHandler>();
            options.Durability.Mode = DurabilityMode.Solo;
        }).Build();
        await host.StartAsync();
        return async body => await new MessageBus(host.Services.GetRequiredService<IWolverineRuntime>())
            .PublishAsync(new Hook(body));
    }

    private sealed class CountingSender(WebhookSender inner) : IWebhookSender
    {
        public WebhookSenderFacts? Facts => inner.Facts;

        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
            inner.Prepare(destination, payload, sequenceNumber);

        public async ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
        {
            WebhookSendResult result = await inner.SendAsync(webhook, cancellationToken);
            if (result.StatusCode == 200)
            {
                Interlocked.Increment(ref s_delivered);
            }

            return result;
        }
    }
}

/// <summary>Wolverine's message.</summary>
public sealed record Hook(string Body);

/// <summary>Wolverine's handler.</summary>
public sealed class HookHandler
{
    public Task Handle(Hook hook) => Peers.SendAsync(hook.Body);
}

/// <summary>CAP's handler.</summary>
public sealed class CapHandler : ICapSubscribe
{
    [CapSubscribe("adcp.hook")]
    public Task HandleAsync(string body) => Peers.SendAsync(body);
}
