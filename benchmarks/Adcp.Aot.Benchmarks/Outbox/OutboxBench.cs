using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Adcp.Aot.Auditing;
using Adcp.Aot.Benchmarks.Http;
using Adcp.Aot.Delivery;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Adcp.Aot.Benchmarks.Outbox;

/// <summary>A database for one measurement, with the sender and the receivers that all candidates share.</summary>
internal sealed class OutboxBench : IAsyncDisposable
{
    internal const int Endpoints = 16;
    internal const int RowsOfTransaction = 100;
    internal const int Callers = 64;

    /// <summary>The schema of all tables on PostgreSQL. It is dropped.</summary>
    private const string Schema = "adcp_bench_outbox";

    /// <summary>The name of the sessions of a worker in another process.</summary>
    internal const string WorkerApplication = "adcp_bench_worker";

    private readonly string? _file;
    private readonly SigningKey _signingKey;

    private OutboxBench(DbDataSource source, SqlDialect dialect, string? file, string origin, byte[] encryptionKey)
    {
        Source = source;
        Dialect = dialect;
        _file = file;
        EncryptionKey = encryptionKey;
        _signingKey = SigningKey.Generate(SignatureAlgorithm.Ed25519, "bench");
        Sender = new ObservedSender(new WebhookSender(
            new Rfc9421Signer(_signingKey),
            new WebhookSenderOptions { Version = AdcpVersion.V32, AllowHttp = true, AllowPrivateNetworks = true }));
        Destinations = [.. Enumerable.Range(0, Endpoints).Select(i => new WebhookDestination(
            string.Create(CultureInfo.InvariantCulture, $"{origin}/buyers/{i}"), Webhooks.OperationId))];
        Outbox = OpenOutbox();
    }

    internal DbDataSource Source { get; }

    internal SqlDialect Dialect { get; }

    internal byte[] EncryptionKey { get; }

    internal ObservedSender Sender { get; }

    internal WebhookDestination[] Destinations { get; }

    internal SqlWebhookOutbox Outbox { get; }

    internal string Store => _file is null ? "postgres" : "sqlite:" + _file;

    /// <summary>Gets the options of the attempts, without a sink.</summary>
    internal WebhookSupervisorOptions Attempts { get; } = new()
    {
        MaxConcurrency = Callers,
        Retry = OutboxWorkerOptions.DefaultRetry,
    };

    internal static McpWebhook Webhook { get; } = new()
    {
        TaskId = Webhooks.TaskId,
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        Protocol = AdcpProtocol.MediaBuy,
        Result = Webhooks.Result,
    };

    internal static async Task<OutboxBench> OpenAsync(SqlDialect dialect, string origin)
    {
        string? file = dialect == SqlDialect.Sqlite ? Path.Combine(Path.GetTempPath(), $"bench-{Guid.NewGuid():N}.db") : null;
        OutboxBench bench = new(OpenSource(dialect, file), dialect, file, origin, RandomNumberGenerator.GetBytes(32));
        await bench.DropAsync($"CREATE SCHEMA {Schema}");
        await bench.Outbox.CreateIfAbsentAsync();
        return bench;
    }

    /// <summary>Opens the database as another process would.</summary>
    internal static DbDataSource OpenSource(SqlDialect dialect, string? file, string? application = null) => dialect == SqlDialect.Sqlite
        ? SqliteDataSource.Create(SqliteFactory.Instance, file!)
        : NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable("ADCP_TEST_POSTGRES"))
            {
                SearchPath = Schema,
                ApplicationName = application,
            });

    internal SqlWebhookOutbox OpenOutbox(DbDataSource? source = null, IOutboxWakeUp? wakeUp = null) => new(
        new StoreDatabase(source ?? Source, Dialect), Sender, SecretsAtRest.EncryptedWith(new EncryptionKey("bench", EncryptionKey)),
        new SqlWebhookOutboxOptions { WakeUp = wakeUp });

    internal OutboxWorker OpenWorker(SqlWebhookOutbox? outbox = null, IDeliveryLogSink? sink = null) => new(
        outbox ?? Outbox, Sender,
        new OutboxWorkerOptions { Attempts = Attempts with { Sink = sink } });

    /// <summary>Returns the tenant of a webhook: there are four, and each has a quarter of the endpoints.</summary>
    internal static string Tenant(int i) => "t" + (i % 4).ToString(CultureInfo.InvariantCulture);

    internal OutboxItem Item(int i, string? url = null, string? deliveryId = null) => new(
        url is null ? Destinations[i % Endpoints] : new WebhookDestination(url, Webhooks.OperationId),
        Webhook,
        new OutboxOptions { Tenant = Tenant(i), DeliveryId = deliveryId });

    /// <summary>Enqueues rows in transactions of 100.</summary>
    internal async Task EnqueueAsync(int count, Func<int, OutboxItem> item, SqlWebhookOutbox? outbox = null)
    {
        for (int done = 0; done < count; done += RowsOfTransaction)
        {
            await (outbox ?? Outbox).EnqueueAsync(
                null, [.. Enumerable.Range(done, Math.Min(RowsOfTransaction, count - done)).Select(item)]);
        }
    }

    internal async Task EmptyAsync()
    {
        while (await Outbox.GetStatusAsync() is not { Waiting: 0, Parked: 0 })
        {
            await Task.Delay(2);
        }
    }

    internal async Task<long> NumberAsync(string sql)
    {
        await using DbCommand command = Source.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await Outbox.DisposeAsync();
        await DropAsync();
        Sender.Dispose();
        _signingKey.Dispose();
        await Source.DisposeAsync();
        if (_file is not null)
        {
            SqliteConnection.ClearAllPools();
            foreach (string file in Directory.GetFiles(Path.GetDirectoryName(_file)!, Path.GetFileName(_file) + "*"))
            {
                File.Delete(file);
            }
        }
    }

    private async Task DropAsync(string then = "")
    {
        if (Dialect == SqlDialect.PostgreSql)
        {
            await using DbCommand command = Source.CreateCommand($"DROP SCHEMA IF EXISTS {Schema} CASCADE; {then}");
            await command.ExecuteNonQueryAsync();
        }
    }
}

/// <summary>The sender of all candidates. It notes when webhooks arrived, by their key, if they are waited for.</summary>
internal sealed class ObservedSender(WebhookSender inner) : IWebhookSender, IDisposable
{
    private int _delivered;

    /// <summary>Gets the webhooks that are waited for, with the time of their answer.</summary>
    internal ConcurrentDictionary<string, long> Answered { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets when the last attempts of these webhooks began: signature and first byte follow at once.</summary>
    internal ConcurrentDictionary<string, long> Begun { get; } = new(StringComparer.Ordinal);

    /// <summary>Gets or sets whether times are noted.</summary>
    internal bool Notes { get; set; }

    internal int Delivered => Volatile.Read(ref _delivered);

    public WebhookSenderFacts? Facts => inner.Facts;

    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        inner.Prepare(destination, payload, sequenceNumber);

    public async ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        if (Notes)
        {
            Begun[webhook.IdempotencyKey] = Stopwatch.GetTimestamp();
        }

        WebhookSendResult result = await inner.SendAsync(webhook, cancellationToken);
        if (result.StatusCode == 200)
        {
            Interlocked.Increment(ref _delivered);
            if (Notes)
            {
                Answered[webhook.IdempotencyKey] = Stopwatch.GetTimestamp();
            }
        }

        return result;
    }

    public void Dispose() => inner.Dispose();
}
