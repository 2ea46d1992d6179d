using System.Collections.Concurrent;
using System.Data.Common;
using System.Transactions;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage.Tests.Databases;
using Npgsql;
using IsolationLevel = System.Data.IsolationLevel;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>The conditions that only a server has.</summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlOutboxConditionsTests() : OutboxConditionsContract(SqlDialect.PostgreSql)
{
    [Theory]
    [InlineData(90_624, "9")]
    [InlineData(120_022, "12")]
    public async Task Server_that_is_too_old_is_refused_and_the_fault_says_what_to_do(int number, string version)
    {
        // The schema of the test comes before the server's own functions.
        await Database.ExecuteAsync(
            $"""
            CREATE FUNCTION current_setting(name text) RETURNS text LANGUAGE sql AS
            'SELECT CASE name WHEN ''server_version_num'' THEN ''{number}'' ELSE pg_catalog.current_setting(name) END'
            """);
        NpgsqlConnectionStringBuilder settings = new(Database.ConnectionString);
        settings.SearchPath += ",pg_catalog";
        await using NpgsqlDataSource old = NpgsqlDataSource.Create(settings);
        SqlWebhookOutbox outbox = Open(old);
        OutboxWorker worker = Worker(outbox);

        InvalidOperationException[] faults =
        [
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await outbox.CreateIfAbsentAsync()),
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await outbox.CheckAsync()),
            await Assert.ThrowsAsync<InvalidOperationException>(() => worker.StartAsync()),
        ];

        Assert.All(faults, fault => Assert.Equal(
            $"The outbox needs PostgreSQL 13 or newer; the server has version {version}. Upgrade the server.", fault.Message));
        Assert.Equal(0, await Database.CountAsync("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"));
    }

    [Theory]
    [InlineData("Maximum Pool Size=3", 3)]
    [InlineData("MaxPoolSize=2", 2)]
    [InlineData("Maximum Pool Size=4", null)]
    [InlineData("Maximum Pool Size=3;Pooling=false", null)]
    [InlineData("Timeout=15", null)]
    public async Task Pool_that_is_too_small_for_a_worker_is_reported_when_it_starts(string setting, int? reported)
    {
        Lines log = new();
        await using NpgsqlDataSource source = NpgsqlDataSource.Create($"{Database.ConnectionString};{setting}");
        SqlWebhookOutbox outbox = await OpenAsync(source);
        await using (OutboxWorker worker = new(
            outbox, Sender, new OutboxWorkerOptions { Attempts = new WebhookSupervisorOptions { Logger = log } }))
        {
            await worker.StartAsync();
        }

        string[] lines = log.Of(StorageEventIds.OutboxPoolTooSmall);
        Assert.Equal(reported is null ? 0 : 1, lines.Length);
        Assert.All(lines, line => Assert.Contains($"its pool has {reported}:", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Enqueue_inside_a_transaction_scope_is_refused_although_the_source_does_not_enlist()
    {
        await using NpgsqlDataSource apart = NpgsqlDataSource.Create(Database.ConnectionString + ";Enlist=false");
        SqlWebhookOutbox outbox = await OpenAsync(apart);

        using (new TransactionScope(TransactionScopeAsyncFlowOption.Enabled))
        {
            InvalidOperationException alone = await Assert.ThrowsAsync<InvalidOperationException>(
                async () => await outbox.EnqueueAsync(null, [OutboxHarness.Item(id: "alone")]));
            InvalidOperationException numbered = await Assert.ThrowsAsync<InvalidOperationException>(
                async () => await outbox.EnqueueAsync(null, [OutboxHarness.Item(id: "numbered", stream: "s")]));

            Assert.Equal(alone.Message, numbered.Message);
            Assert.StartsWith("An enqueue without a transaction commits a transaction of its own", alone.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("Enlist=false", alone.Message, StringComparison.Ordinal);
        }

        Assert.Null(await outbox.FindAsync("t1", "alone"));
        Assert.Null(await outbox.FindAsync("t1", "numbered"));
    }

    [Fact]
    public async Task Transaction_that_the_server_ends_because_it_was_idle_sends_nothing()
    {
        NpgsqlConnectionStringBuilder settings = new(Database.ConnectionString) { Options = "-c idle_in_transaction_session_timeout=100" };
        await using NpgsqlDataSource impatient = NpgsqlDataSource.Create(settings);
        SqlWebhookOutbox outbox = await OpenAsync();
        await using OutboxWorker worker = Worker(Open(impatient));
        await worker.StartAsync();

        await using (DbConnection connection = await Database.Source.OpenConnectionAsync())
        {
            DbTransaction transaction = await connection.BeginTransactionAsync();
            await outbox.EnqueueAsync(transaction, Items(1, "never"));
            await using (DbCommand command = connection.CreateCommand())
            {
                command.Transaction = transaction;
                command.CommandText = "SET LOCAL idle_in_transaction_session_timeout = 100";
                await command.ExecuteNonQueryAsync();
            }

            await UntilAsync(async () => await Database.CountAsync(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = current_setting('application_name') "
                + "AND state = 'idle in transaction'") == 0);
            await Assert.ThrowsAnyAsync<DbException>(() => transaction.CommitAsync());
        }

        await outbox.EnqueueAsync(null, Items(300));
        await EmptyAsync(outbox);
        Assert.Equal(300, Sender.Count);
        Assert.DoesNotContain(Sender.Attempts, static sent => sent.Destination.Url.Contains("never", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Transaction_that_fails_to_serialize_and_is_made_again_sends_one_webhook()
    {
        SqlWebhookOutbox outbox = await OpenAsync();
        OutboxWorker worker = Worker(outbox);
        await worker.StartAsync();
        await Database.ExecuteAsync("CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL)");
        await Database.ExecuteAsync("INSERT INTO account VALUES (1, 100), (2, 100)");
        await using Transfer first = await Transfer.BeginAsync(Database.Source), second = await Transfer.BeginAsync(Database.Source);
        OutboxItem paid = OutboxHarness.Item(id: "first"), again = OutboxHarness.Item(id: "second");

        // Each reads both rows and writes one: together they are no serial order.
        await first.WithdrawAsync(1);
        await second.WithdrawAsync(2);
        await outbox.EnqueueAsync(first.Transaction, [paid]);
        await outbox.EnqueueAsync(second.Transaction, [again]);
        await first.Transaction.CommitAsync();
        DbException fault = await Assert.ThrowsAnyAsync<DbException>(() => second.Transaction.CommitAsync());
        await using (Transfer repeated = await Transfer.BeginAsync(Database.Source))
        {
            await repeated.WithdrawAsync(2);
            OutboxReceipt receipt = (await outbox.EnqueueAsync(repeated.Transaction, [again]))[0];
            Assert.Equal(EnqueueStatus.Enqueued, receipt.Status);
            await repeated.Transaction.CommitAsync();
        }

        Assert.Equal("40001", fault.SqlState);
        await EmptyAsync(outbox);
        Assert.Equal(2, Sender.Count);
    }

    [Fact]
    public async Task Enqueueing_sends_no_notification_in_the_transaction_of_the_caller()
    {
        ConcurrentQueue<string> statements = [];
        FaultyDataSource recorded = new(Database.Source);
        recorded.Plan = (sql, _) =>
        {
            statements.Enqueue(sql);
            return null;
        };
        SqlWebhookOutbox outbox = await OpenAsync(recorded);
        statements.Clear();

        await using (DbConnection connection = await recorded.OpenConnectionAsync())
        await using (DbTransaction transaction = await connection.BeginTransactionAsync())
        {
            await outbox.EnqueueAsync(transaction, Items(3));
            await transaction.CommitAsync();
        }

        await outbox.EnqueueAsync(null, Items(3));

        Assert.Contains(statements, static sql => sql.Contains("INSERT", StringComparison.Ordinal));
        Assert.DoesNotContain(statements, static sql => sql.Contains("notify", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(0, await Database.CountAsync("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"));
    }

    private protected override async Task CountWritesAsync(IReadOnlyList<string> tables)
    {
        await Database.ExecuteAsync("CREATE TABLE writes (what text NOT NULL)");
        await Database.ExecuteAsync(
            """
            CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO writes VALUES (TG_OP || '' '' || TG_TABLE_NAME); RETURN NULL; END'
            """);
        foreach (string table in tables)
        {
            await Database.ExecuteAsync(
                $"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION note_write()");
        }
    }

    private protected override async Task<bool> HasOpenTransactionAsync() => await Database.CountAsync(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = current_setting('application_name') AND xact_start IS NOT NULL "
        + "AND pid <> pg_backend_pid()") > 0;

    private sealed class Transfer(DbConnection connection, DbTransaction transaction) : IAsyncDisposable
    {
        public DbTransaction Transaction { get; } = transaction;

        public static async Task<Transfer> BeginAsync(DbDataSource source)
        {
            DbConnection connection = await source.OpenConnectionAsync();
            return new Transfer(connection, await connection.BeginTransactionAsync(IsolationLevel.Serializable));
        }

        public async Task WithdrawAsync(int id)
        {
            await using DbCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // A test's own statement.
            command.CommandText =
                $"UPDATE account SET amount = amount - 1 WHERE id = {id} AND (SELECT sum(amount) FROM account) > 100";
#pragma warning restore CA2100
            Assert.Equal(1, await command.ExecuteNonQueryAsync());
        }

        public async ValueTask DisposeAsync()
        {
            await Transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
