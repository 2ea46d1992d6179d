using System.Data.Common;
using Adcp.Aot;
using Adcp.Aot.PostgreSql;
using Adcp.Aot.Signing;
using Adcp.Aot.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace DurableSeller;

/// <summary>The database with the seller's own table and the outbox beside it.</summary>
internal sealed class Store : IAsyncDisposable
{
    private readonly PostgreSqlWakeUp? _wakeUp;

    private readonly string _name;

    private Store(
        string name, string prefix, DbDataSource source, PostgreSqlWakeUp? wakeUp, SigningKey key, WebhookSender sender,
        SqlWebhookOutbox outbox)
    {
        _name = name;
        Orders = prefix + "orders";
        Source = source;
        _wakeUp = wakeUp;
        Key = key;
        Sender = sender;
        Outbox = outbox;
    }

    public DbDataSource Source { get; }

    /// <summary>Gets the name of the seller's table.</summary>
    public string Orders { get; }

    public WebhookSender Sender { get; }

    public SqlWebhookOutbox Outbox { get; }

    private SigningKey Key { get; }

    /// <param name="settings">The settings of the run.</param>
    /// <param name="preparing">Gets each webhook as it is frozen; <c>null</c> if it is not needed.</param>
    /// <exception cref="ArgumentException">The store is of neither form.</exception>
    public static Store Open(Settings settings, Action<PreparedWebhook>? preparing = null)
    {
        (string name, DbDataSource source, SqlDialect dialect) = Database(settings.Store);
        SigningKey key = SigningKey.FromJwk(settings.SigningJwk);
        WebhookSender sender = new(
            new Rfc9421Signer(key),
            new WebhookSenderOptions
            {
                Version = AdcpVersion.V32,
                AllowHttp = true,
                AllowPrivateNetworks = true,
                AttemptTimeout = Worker.AttemptTimeout,
            });

        // Workers hear of the producers' commits at once. On SQLite they look at the file's version.
        PostgreSqlWakeUp? wakeUp = source is NpgsqlDataSource direct ? new PostgreSqlWakeUp(direct) : null;
        SqlWebhookOutbox outbox = new(
            new StoreDatabase(source, dialect),
            preparing is null ? sender : new ObservedSender(sender, preparing),
            SecretsAtRest.EncryptedWith(new EncryptionKey("run-" + settings.Run, settings.EncryptionKey)),
            new SqlWebhookOutboxOptions { TablePrefix = settings.TablePrefix, WakeUp = wakeUp });
        return new Store(name, settings.TablePrefix, source, wakeUp, key, sender, outbox);
    }

    /// <summary>Creates the seller's table and the outbox's.</summary>
    /// <exception cref="RunFault">The database cannot be reached or used.</exception>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Outbox.CreateIfAbsentAsync(cancellationToken);
            await using DbCommand command = Source.CreateCommand(
                $"CREATE TABLE {Orders} (number BIGINT NOT NULL PRIMARY KEY, status TEXT NOT NULL)");
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (Exception fault) when (fault is DbException or IOException or InvalidOperationException or TimeoutException)
        {
            string cause = fault.GetBaseException().Message;
            string reason = cause == fault.Message ? cause : $"{fault.Message} ({cause})";
            throw new RunFault($"The store {_name} cannot be used: {reason.ReplaceLineEndings(" ")}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Outbox.DisposeAsync();
        await (_wakeUp?.DisposeAsync() ?? default);
        Sender.Dispose();
        Key.Dispose();
        await Source.DisposeAsync();
    }

    /// <summary>Returns the name of a store, which has no password, and its database.</summary>
    private static (string Name, DbDataSource Source, SqlDialect Dialect) Database(string store)
    {
        int colon = store.IndexOf(':', StringComparison.Ordinal);
        string where = store[(colon + 1)..];
        switch (colon < 0 ? "" : store[..colon])
        {
            case "sqlite" when where.Length > 0:
                return (store, SqliteDataSource.Create(SqliteFactory.Instance, where), SqlDialect.Sqlite);
            case "postgres" when where.Length > 0:
                NpgsqlSlimDataSourceBuilder builder = new(where);
                builder.EnableTransportSecurity();
                NpgsqlConnectionStringBuilder given = builder.ConnectionStringBuilder;
                NpgsqlConnectionStringBuilder named = new()
                {
                    Host = given.Host,
                    Port = given.Port,
                    Database = given.Database,
                    Username = given.Username,
                };
                return ("postgres:" + named.ConnectionString, builder.Build(), SqlDialect.PostgreSql);
            default:
                throw new ArgumentException("A store is sqlite:FILE or postgres:CONNECTION-STRING.", nameof(store));
        }
    }

    /// <summary>Shows the frozen webhooks to the producer, which writes down the accepted ones.</summary>
    private sealed class ObservedSender(IWebhookSender inner, Action<PreparedWebhook> preparing) : IWebhookSender
    {
        public WebhookSenderFacts? Facts => inner.Facts;

        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null)
        {
            PreparedWebhook webhook = inner.Prepare(destination, payload, sequenceNumber);
            preparing(webhook);
            return webhook;
        }

        public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
            inner.SendAsync(webhook, cancellationToken);
    }
}
