using System.Data.Common;
using System.Security.Cryptography;
using Adcp.Aot.Auditing;
using Adcp.Aot.Delivery;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage;
using Adcp.Aot.Testing;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>
/// An outbox in a file of SQLite or in another database, its worker, a real sender and receiver, and its operator page on a loopback port.
/// </summary>
internal sealed class OperatedOutbox : IAsyncDisposable
{
    private const string Token = "t-a-bearer-token-of-more-than-32-characters";

    private readonly string _folder = Directory.CreateTempSubdirectory("adcp-operated-").FullName;
    private readonly DbDataSource _database;
    private readonly WebhookSender _sender;
    private OperatorSite _site = null!;

    private OperatedOutbox(DbDataSource? postgreSql, string tablePrefix)
    {
        _database = postgreSql ?? SqliteDataSource.Create(SqliteFactory.Instance, DatabaseFile);
        _sender = WebhookSender.FromBearerToken(
            Token, new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true });
        Outbox = new SqlWebhookOutbox(
            new StoreDatabase(_database, postgreSql is null ? SqlDialect.Sqlite : SqlDialect.PostgreSql), _sender,
            SecretsAtRest.EncryptedWith(new Storage.EncryptionKey("k1", EncryptionKey)),
            new SqlWebhookOutboxOptions { TablePrefix = tablePrefix });
        AttemptHistory history = new();
        Worker = new OutboxWorker(Outbox, _sender, new OutboxWorkerOptions
        {
            Name = "worker-of-the-test",
            Attempts = new WebhookSupervisorOptions
            {
                Sink = history,
                Logger = Log,
                SinkMode = SinkMode.Inline,
                Retry = OutboxWorkerOptions.DefaultRetry with { BaseDelay = TimeSpan.FromMilliseconds(50) },
            },
        });
        Operations = new OutboxOperations(Worker, history, Log);
    }

    public ScriptedReceiver Receiver { get; } = new();

    public string DatabaseFile => Path.Combine(_folder, "outbox.db");

    /// <summary>Gets the bytes of the encryption key <c>k1</c>.</summary>
    public byte[] EncryptionKey { get; } = RandomNumberGenerator.GetBytes(32);

    public SqlWebhookOutbox Outbox { get; }

    public OutboxWorker Worker { get; }

    public OutboxOperations Operations { get; }

    public OperatorSite.LinesLog Log { get; } = new();

    public Uri Url => _site.Url;

    /// <summary>Gets every route; see <see cref="OperatorSite.Routes"/>.</summary>
    public IReadOnlyList<(string Method, string Path)> Routes => _site.Routes;

    /// <param name="hasBodyPolicy">Whether a policy allows to open bodies.</param>
    /// <param name="postgreSql">The database, which is disposed with the outbox; <see langword="null"/> for a file of SQLite.</param>
    /// <param name="tablePrefix">The beginning of the tables' names.</param>
    /// <param name="requiresReason">Whether the page requires a reason for an action.</param>
    public static async Task<OperatedOutbox> StartAsync(
        bool hasBodyPolicy = false, DbDataSource? postgreSql = null, string tablePrefix = "adcp_outbox_", bool requiresReason = false)
    {
        OperatedOutbox operated = new(postgreSql, tablePrefix);
        await operated.Outbox.CreateIfAbsentAsync();
        await operated.Worker.StartAsync();
        operated._site = await OperatorSite.StartAsync(
            operated.Operations, operated.Log, hasBodyPolicy: hasBodyPolicy, requiresReason: requiresReason);
        return operated;
    }

    /// <summary>Makes dead letters: the receiver refuses each with 410.</summary>
    public async Task<IReadOnlyList<DeadLetter>> KillAsync(
        int webhooks, string tenant = "acme", string path = "/hook?secret=in-the-query", string? type = null)
    {
        long before = (await Outbox.GetStatusAsync()).Dead;
        Receiver.Otherwise = ReceiverAnswer.WithStatus(410);
        for (int done = 0; done < webhooks; done += 1000)
        {
            await Outbox.EnqueueAsync(
                null, [.. Enumerable.Range(done, Math.Min(1000, webhooks - done)).Select(i => Item($"task_{i}", tenant, path, type))]);
        }

        await UntilAsync(async () => (await Outbox.GetStatusAsync()).Dead == before + webhooks);
        return await Outbox.DeadLetters.ListAsync();
    }

    public OutboxItem Item(string taskId, string tenant = "acme", string path = "/hook", string? type = null) => new(
        new WebhookDestination(Receiver.Origin + path, "op_1", "a-token-of-16-chars"),
        new McpWebhook { TaskId = taskId, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed },
        new OutboxOptions { Tenant = tenant, DeliveryId = $"{tenant} {taskId}", NotificationType = type });

    /// <summary>Polls what another process or thread changes.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        long began = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromMinutes(1), "The condition did not come true.");
            await Task.Delay(20);
        }
    }

    public Task<HttpResponseMessage> GetAsync(string path, string? user = "alice:operator") => _site.GetAsync(path, user);

    public Task<HttpResponseMessage> SendAsync(string method, string path, string? user) => _site.SendAsync(method, path, user);

    public Task<HttpResponseMessage> PostAsync(
        string path, string body = "{}", string? user = "alice:operator", Action<HttpRequestMessage>? with = null) =>
        _site.PostAsync(path, body, user, with);

    public async ValueTask DisposeAsync()
    {
        await _site.DisposeAsync();
        await Operations.DisposeAsync();
        await Worker.DisposeAsync();
        await Outbox.DisposeAsync();
        await Receiver.DisposeAsync();
        _sender.Dispose();
        await _database.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }
}
