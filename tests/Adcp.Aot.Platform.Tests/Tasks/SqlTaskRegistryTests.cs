using System.Data.Common;
using System.Security.Cryptography;
using System.Text.Json;
using Adcp.Aot.Delivery;
using Adcp.Aot.Storage;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Platform.Tests.Tasks;

public sealed class SqliteTaskRegistryTests() : SqlTaskRegistryTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlTaskRegistryTests() : SqlTaskRegistryTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlTaskRegistryTests() : SqlTaskRegistryTests(SqlDialect.MySql);

/// <summary>The contract on a database, and tests that only a database can pass.</summary>
public abstract class SqlTaskRegistryTests(SqlDialect dialect) : TaskRegistryTests
{
    private static readonly EncryptionKey Key = new("k1", Enumerable.Range(0, 32).Select(static i => (byte)i).ToArray());

    private TestDatabase? _database;

    [Fact]
    public async Task Another_process_knows_the_tasks_of_one_that_ended()
    {
        await Tasks.CreateAsync(New("t1") with { Registration = Adcp() });
        await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"x":1}"""));
        SqlTaskRegistry restarted = new(_database!.Source, dialect,
            SecretsAtRest.EncryptedWith(new EncryptionKey("k2", new byte[32]), Key));
        await restarted.CreateIfAbsentAsync();
        Assert.Equal(Token, (await restarted.FindAsync("buyer", "t1"))!.Registration!.Destination.Token);
        Assert.Equal(TaskTransition.Repeated,
            await restarted.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"x":1}""")));
        Assert.Equal(TaskTransition.Conflict,
            await restarted.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("""{"x":2}""")));
    }

    [Fact]
    public async Task Status_and_what_is_written_with_it_are_committed_together_or_not_at_all()
    {
        await _database!.ExecuteAsync("CREATE TABLE told (task_id VARCHAR(64) NOT NULL)");
        await Tasks.CreateAsync(New("t1"));
        bool fails = true;
        await Assert.ThrowsAsync<IOException>(() => Complete().AsTask());
        Assert.Equal(0, await _database.CountAsync("SELECT COUNT(*) FROM told"));
        Assert.Equal(AdcpTaskStatus.Submitted, (await Tasks.FindAsync("buyer", "t1"))!.Status);
        fails = false;
        Assert.Equal(TaskTransition.Entered, await Complete());
        Assert.Equal(TaskTransition.Repeated, await Complete());
        Assert.Equal(1, await _database.CountAsync("SELECT COUNT(*) FROM told"));

        ValueTask<TaskTransition> Complete() =>
            Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("{}"), async (task, transaction, cancellationToken) =>
        {
            await TellAsync(task.TaskId, transaction!, cancellationToken);
            if (fails)
            {
                throw new IOException("disk full");
            }
        });
    }

    [Theory]
    [InlineData(AdcpTaskStatus.Completed)]
    [InlineData(AdcpTaskStatus.Canceled)]
    [InlineData(AdcpTaskStatus.Working)]
    public async Task A_commit_whose_answer_is_lost_has_entered_the_status(AdcpTaskStatus status)
    {
        await Tasks.CreateAsync(New("t1"));

        // For the registry its own commit fails, and the status is committed all the same.
        TaskTransition entered = await Tasks.TransitionAsync(
            "buyer", "t1", status, Json("{}"), async (_, transaction, cancellationToken) =>
                await transaction!.CommitAsync(cancellationToken));

        Assert.Equal(TaskTransition.Entered, entered);
        Assert.Equal(status, (await Tasks.FindAsync("buyer", "t1"))!.Status);
    }

    [Fact]
    public async Task A_commit_that_was_rolled_back_is_thrown_and_nothing_is_entered()
    {
        await Tasks.CreateAsync(New("t1"));

        await Assert.ThrowsAnyAsync<Exception>(() => Tasks.TransitionAsync(
            "buyer", "t1", AdcpTaskStatus.Completed, Json("{}"), async (_, transaction, cancellationToken) =>
                await transaction!.RollbackAsync(cancellationToken)).AsTask());

        Assert.Equal(AdcpTaskStatus.Submitted, (await Tasks.FindAsync("buyer", "t1"))!.Status);
    }

    [Fact]
    public async Task Of_processes_that_race_one_status_and_one_webhook_are_committed()
    {
        await _database!.ExecuteAsync("CREATE TABLE told (task_id VARCHAR(64) NOT NULL)");
        Outbox outbox = new();
        TestPlatform platform = new();
        PlatformOptions options = new() { Version = AdcpVersion.V31, Tasks = Tasks, Outbox = outbox };
        await using PlatformHandler one = new(platform, options);
        await using PlatformHandler two = new(platform, options with { Tasks = Open() });
        for (int round = 0; round < 4; round++)
        {
            using JsonDocument arguments =
                JsonDocument.Parse(Bench.Keyed($$"""{"plan":"later","push_notification_config":{{Bench.Push}}}"""));
            await one.CallAsync("create_media_buy", arguments.RootElement, "buyer");
            string task = platform.Tasks[^1];
            TaskTransition[] ends = await Task.WhenAll(Enumerable.Range(0, 6).Select(i =>
                (i % 2 == 0 ? one : two).Tasks.CompleteAsync("buyer", task, new BuyResponse($"mb_{i}"), TestJson.Default.BuyResponse)
                .AsTask()));
            Assert.Single(ends, TaskTransition.Entered);
            Assert.Equal(5, ends.Count(end => end == TaskTransition.Conflict));
            Assert.Equal(round + 1, await _database.CountAsync("SELECT COUNT(*) FROM told"));
        }
    }

    [Fact]
    public async Task The_table_shows_no_url_token_or_credentials()
    {
        await Tasks.CreateAsync(New("t1") with { Registration = Adcp(), A2ARegistration = A2A() });
        string rows = string.Join('\n', (await _database!.RowsAsync("SELECT * FROM adcp_tasks")).SelectMany(row => row));
        Assert.Contains("create_media_buy", rows, StringComparison.Ordinal);
        foreach (string secret in (string[])[Token, Credentials, "query-secret", "buyer.example", "op_1"])
        {
            Assert.DoesNotContain(secret, rows, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_registration_is_never_kept_without_its_key_nor_read_without_it()
    {
        Assert.Throws<ArgumentException>(() => new SqlTaskRegistry(_database!.Source, dialect, SecretsAtRest.KeptOut));
        await Tasks.CreateAsync(New("t1") with { Registration = Adcp() });
        SqlTaskRegistry stranger = new(_database!.Source, dialect, SecretsAtRest.EncryptedWith(new EncryptionKey("k2", new byte[32])));
        await Assert.ThrowsAsync<CryptographicException>(() => stranger.FindAsync("buyer", "t1").AsTask());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Status_whose_commit_lost_its_answer_is_entered_by_the_call_that_wrote_it(bool isTransaction)
    {
        await Tasks.CreateAsync(New("t1"));
        FaultyDataSource source = new(_database!.Source);
        source.Once(isTransaction ? "COMMIT" : "UPDATE", Fault.LostAnswer());

        TaskTransition end = await Open(source).TransactionOrNotAsync(isTransaction);

        Assert.Equal(TaskTransition.Entered, end);
        Assert.Equal(TaskTransition.Repeated, await Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("{}")));
    }

    [Fact]
    public async Task Status_that_another_process_committed_is_never_entered_twice()
    {
        await Tasks.CreateAsync(New("t1"));
        FaultyDataSource source = new(_database!.Source);
        SqlTaskRegistry registry = Open(source);
        int left = 1;
        source.Plan = (sql, _) =>
        {
            if (!sql.StartsWith("UPDATE", StringComparison.Ordinal) || Interlocked.Decrement(ref left) < 0)
            {
                return null;
            }

            TaskTransition other =
                Tasks.TransitionAsync("buyer", "t1", AdcpTaskStatus.Completed, Json("{}")).AsTask().GetAwaiter().GetResult();
            Assert.Equal(TaskTransition.Entered, other);
            return Fault.Stale();
        };

        TaskTransition mine = await registry.TransactionOrNotAsync(isTransaction: false);

        Assert.Equal(TaskTransition.Repeated, mine);
    }

    [Fact]
    public async Task Tasks_are_purged_a_month_after_their_end_and_open_ones_never()
    {
        await Tasks.CreateAsync(New("open"));
        await Tasks.CreateAsync(New("ended", status: AdcpTaskStatus.Completed));
        IExpiringStore expiring = (IExpiringStore)Tasks;
        Time.Advance(TimeSpan.FromDays(29));
        Assert.Equal(0, await expiring.PurgeAsync());
        Time.Advance(TimeSpan.FromDays(2));
        Assert.Equal(1, await expiring.PurgeAsync());
        Assert.NotNull(await Tasks.FindAsync("buyer", "open"));
        Assert.Null(await Tasks.FindAsync("buyer", "ended"));
    }

    protected override async Task PrepareAsync()
    {
        _database = await TestDatabase.CreateAsync(dialect);
        await ((SqlTaskRegistry)Open()).CreateIfAbsentAsync();
    }

    protected override async Task EndAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    private protected override ITaskRegistry Open() => Open(_database!.Source);

    private SqlTaskRegistry Open(DbDataSource source) =>
        new(source, dialect, SecretsAtRest.EncryptedWith(Key), new TaskStoreOptions { TimeProvider = Time });

    private static async Task TellAsync(string taskId, DbTransaction transaction, CancellationToken cancellationToken)
    {
        await using DbCommand command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "INSERT INTO told (task_id) VALUES (@task_id)";
        DbParameter parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("@task_id", taskId);
        command.Parameters.Add(parameter);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>An outbox that keeps the task's id in a table of the same database.</summary>
    private sealed class Outbox : IWebhookOutbox
    {
        public TimeSpan? RetryHorizon => null;

        public ValueTask<OutboxDeliveryState?> FindAsync(string tenant, string deliveryId, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public async ValueTask<IReadOnlyList<OutboxReceipt>> EnqueueAsync(
            DbTransaction? transaction, IReadOnlyList<OutboxItem> items, CancellationToken cancellationToken = default)
        {
            foreach (OutboxItem item in items)
            {
                await TellAsync(item.Payload.AuditTaskId!, transaction!, cancellationToken);
            }

            return [.. items.Select(static _ => new OutboxReceipt(EnqueueStatus.Enqueued, 1, "k"))];
        }
    }
}

/// <summary>One transition, with and without a transaction of its own.</summary>
internal static class Transitions
{
    public static async Task<TaskTransition> TransactionOrNotAsync(this SqlTaskRegistry registry, bool isTransaction) =>
        await registry.TransitionAsync(
            "buyer", "t1", AdcpTaskStatus.Completed, "{}"u8.ToArray(), isTransaction ? static (_, _, _) => ValueTask.CompletedTask : null);
}
