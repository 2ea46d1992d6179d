using Adcp.Aot.Auditing;
using Adcp.Aot.Operations;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Sinks;

public sealed class SqliteAttemptReaderTests() : SqlAttemptReaderTests(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlAttemptReaderTests() : SqlAttemptReaderTests(SqlDialect.PostgreSql);

[Needs(Resource.MySql)]
public sealed class MySqlAttemptReaderTests() : SqlAttemptReaderTests(SqlDialect.MySql);

/// <summary>Attempts that a generated sink has written, as operators read them.</summary>
public abstract class SqlAttemptReaderTests(SqlDialect dialect) : DatabaseTests(dialect)
{
    private AuditLog _log = null!;

    private SqlAttemptReader Reader => new(new StoreDatabase(Database.Source, Dialect), "webhook_delivery_log");

    public override async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Attempt_is_read_as_it_was_recorded()
    {
        DeliveryAttempt[] attempts =
        [
            Attempts.Of(1),
            Attempts.Of(7, status: 503, change: static (ref AttemptEntry attempt) =>
            {
                attempt.AttemptNumber = 2;
                attempt.WillRetry = true;
                attempt.SkippedBefore = 3;
            }, cause: new AttemptCause { Code = "busy", RetryDelay = TimeSpan.FromSeconds(4) }),
            Attempts.Of(9, status: 0, change: static (ref AttemptEntry attempt) =>
            {
                attempt.IsAttempt = false;
                attempt.Outcome = (byte)AttemptOutcome.Deferred;
            }),
        ];
        await _log.RecordAsync(attempts, default);

        OperationsPage<DeliveryAttemptSnapshot> page = await Reader.ListAsync();

        Assert.Equal(attempts.Reverse().Select(static attempt => Stored(DeliveryAttemptSnapshot.Of(attempt))), page.Items.Select(Stored));
        Assert.Equal((null, 3L, false), (page.Next, page.Count, page.IsEstimate));

        // The databases keep microseconds at least.
        static DeliveryAttemptSnapshot Stored(DeliveryAttemptSnapshot attempt) => attempt with
        {
            OccurredAt = Cut(attempt.OccurredAt),
            CompletedAt = Cut(attempt.CompletedAt),
            NextRetryAt = attempt.NextRetryAt is { } next ? Cut(next) : null,
        };

        static DateTimeOffset Cut(DateTimeOffset time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
    }

    [Fact]
    public async Task Every_filter_admits_the_same_attempts_as_the_history_of_a_process()
    {
        AttemptHistory history = new();
        DeliveryAttempt[] attempts =
        [
            .. Enumerable.Range(0, 40).Select(static n => Attempts.Of(n % 10, $"t{n % 3}", n % 2 == 0 ? 200 : 503)),
            .. Attempts.Many(5, 100),
        ];
        await _log.RecordAsync(attempts, default);
        await history.RecordAsync(attempts, default);
        DeliveryAttemptSnapshot one = DeliveryAttemptSnapshot.Of(attempts[13]);
        AttemptQuery[] queries =
        [
            new(), new() { Outcome = AttemptOutcome.Failure }, new() { Endpoint = one.BreakerKey }, new() { Endpoint = "other" },
            new() { TaskId = "task_7" }, new() { NotificationType = "scheduled" }, new() { NotificationType = "final" },
            new() { IdempotencyKey = one.IdempotencyKey, Outcome = AttemptOutcome.Failure },
            new() { Since = one.CompletedAt }, new() { Until = one.CompletedAt },
            new() { Since = one.CompletedAt, Until = Attempts.Noon.AddSeconds(1), TaskId = "task_104" },
        ];

        foreach (AttemptQuery query in queries)
        {
            foreach (int limit in new[] { 1, 7, 1000 })
            {
                List<(string, int?)> expected = [];
                List<(string, int?)> read = [];
                string? after = null;
                do
                {
                    OperationsPage<DeliveryAttemptSnapshot> page = await Reader.ListAsync(query with { Limit = limit, After = after });
                    read.AddRange(page.Items.Select(static attempt => (attempt.IdempotencyKey, attempt.HttpStatusCode)));
                    Assert.InRange(page.Items.Count, page.Next is null ? 0 : limit, limit);
                    Assert.Equal(history.List(query).Count, page.Count);
                    after = page.Next;
                }
                while (after is not null);

                Assert.Equal(
                    history.List(query with { Limit = 1000 }).Items
                        .Select(static attempt => (attempt.IdempotencyKey, attempt.HttpStatusCode)),
                    read);
            }
        }
    }

    [Fact]
    public async Task Page_follows_the_one_before_it_although_attempts_are_added()
    {
        await _log.RecordAsync(Attempts.Many(10), default);

        OperationsPage<DeliveryAttemptSnapshot> first = await Reader.ListAsync(new AttemptQuery { Limit = 5 });
        await _log.RecordAsync(Attempts.Many(10, 10), default);
        OperationsPage<DeliveryAttemptSnapshot> second = await Reader.ListAsync(new AttemptQuery { Limit = 5, After = first.Next });

        Assert.Equal(
            Enumerable.Range(0, 10).Reverse().Select(static n => $"task_{n}"),
            first.Items.Concat(second.Items).Select(static attempt => attempt.TaskId));
        Assert.Null(second.Next);
        await Assert.ThrowsAsync<ArgumentException>(async () => await Reader.ListAsync(new AttemptQuery { After = "1; DROP TABLE x" }));
    }

    [Fact]
    public async Task More_than_ten_thousand_attempts_are_not_counted()
    {
        await _log.RecordAsync(Attempts.Many(10_001), default);

        OperationsPage<DeliveryAttemptSnapshot> all = await Reader.ListAsync();
        OperationsPage<DeliveryAttemptSnapshot> some = await Reader.ListAsync(new AttemptQuery { TaskId = "task_10000" });

        Assert.Equal((100, 10_000L, true), (all.Items.Count, all.Count, all.IsEstimate));
        Assert.Equal((1, 1L, false), (some.Items.Count, some.Count, some.IsEstimate));
    }

    [Fact]
    public async Task Table_with_fewer_columns_and_times_in_milliseconds_is_read()
    {
        string text = Dialect == SqlDialect.MySql ? "VARCHAR(100)" : "TEXT";
        await Database.ExecuteAsync(
            $"CREATE TABLE small_log (id BIGINT PRIMARY KEY, idempotency_key {text}, outcome {text}, attempt_number INT, "
            + "occurred_at BIGINT)");
        for (int i = 1; i <= 3; i++)
        {
            await Database.ExecuteAsync($"INSERT INTO small_log VALUES ({i}, 'key_{i}', 'failure', {i}, {i}000)");
        }

        SqlAttemptReader reader = new(new StoreDatabase(Database.Source, Dialect), "small_log");
        DeliveryAttemptSnapshot attempt = Assert.Single(
            (await reader.ListAsync(new AttemptQuery { Since = DateTimeOffset.FromUnixTimeMilliseconds(2500) })).Items);
        InvalidOperationException noColumn = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await reader.ListAsync(new AttemptQuery { TaskId = "task" }));
        await Database.ExecuteAsync("UPDATE small_log SET outcome = 'later'");
        InvalidOperationException unknown = await Assert.ThrowsAsync<InvalidOperationException>(async () => await reader.ListAsync());

        Assert.Equal(("key_3", 3, 0, true), (attempt.IdempotencyKey, attempt.AttemptNumber, attempt.MaxAttempts, attempt.IsAttempt));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(3000), attempt.CompletedAt);
        Assert.Contains("'task_id'", noColumn.Message, StringComparison.Ordinal);
        Assert.Contains("outcome", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Table_that_is_missing_or_is_no_log_is_refused_by_name()
    {
        await Database.ExecuteAsync("CREATE TABLE other (id INT PRIMARY KEY, name INT)");
        foreach ((string table, string reason) in new[] { ("none", "cannot be read"), ("other", "'idempotency_key'") })
        {
            InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(
                async () => await new SqlAttemptReader(new StoreDatabase(Database.Source, Dialect), table).ListAsync());

            Assert.Contains($"'{table}'", fault.Message, StringComparison.Ordinal);
            Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b.c")]
    [InlineData("a.")]
    [InlineData("1a")]
    [InlineData("a\"; DROP TABLE webhook_delivery_log; --")]
    [InlineData("a`b")]
    [InlineData("a b")]
    [InlineData("webhook_delivery_log--")]
    [InlineData("ä")]
    public void Name_that_could_be_more_than_a_name_is_refused(string table) => Assert.Throws<ArgumentException>(
        nameof(table), () => new SqlAttemptReader(new StoreDatabase(Database.Source, Dialect), table));

    [Fact]
    public async Task Hostile_texts_are_values()
    {
        await _log.RecordAsync(Attempts.Many(3), default);
        foreach (string text in new[] { "' OR ''='", "task_1' --", "\\' OR 1=1 #", "%", "$1", "@p1" })
        {
            Assert.Empty((await Reader.ListAsync(new AttemptQuery { TaskId = text, Endpoint = text })).Items);
        }
    }

    protected override async Task PrepareAsync()
    {
        _log = new AuditLog(Database.Source, Dialect);
        await _log.CreateIfAbsentAsync();
    }
}
