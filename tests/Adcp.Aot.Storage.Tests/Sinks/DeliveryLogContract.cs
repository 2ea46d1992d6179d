using System.Data.Common;
using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Storage.Tests.Databases;

namespace Adcp.Aot.Storage.Tests.Sinks;

public sealed class SqliteDeliveryLogTests() : DeliveryLogContract(SqlDialect.Sqlite);

[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlDeliveryLogTests() : DeliveryLogContract(SqlDialect.PostgreSql);

/// <summary>PostgreSQL for a project that does not reference Npgsql: INSERTs of many rows.</summary>
[Needs(Resource.PostgreSql)]
public sealed class PostgreSqlInsertDeliveryLogTests() : DeliveryLogContract(SqlDialect.PostgreSql)
{
    [Fact]
    public void The_logs_know_nothing_of_the_driver() =>
        Assert.DoesNotContain(typeof(Plain.AuditLog).Assembly.GetReferencedAssemblies(), static reference => reference.Name == "Npgsql");

    private protected override ITestAuditLog Audit(DbDataSource source) => new Plain.AuditLog(source, Dialect);

    private protected override ITestLog Mapped() => new Plain.MappedLog(Database.Source, Dialect);
}

[Needs(Resource.MySql)]
public sealed class MySqlDeliveryLogTests() : DeliveryLogContract(SqlDialect.MySql);

/// <summary>The contract of a generated SQL delivery log, the same on every database.</summary>
public abstract class DeliveryLogContract(SqlDialect dialect) : DatabaseTests(dialect)
{
    private static readonly string[] HostileTexts =
    [
        "'; DROP TABLE webhook_delivery_log; --",
        "\" OR \"1\"=\"1",
        "` OR 1=1 -- ",
        "' OR ''='",
        "\\'; DELETE FROM webhook_delivery_log; #",
        "@p1", "$1", "?", "{0}", "%", "_", "/* x */", "NULL", "ACME", "acme ", "ácme", "🦊 fox",
    ];

    [Fact]
    public async Task Every_field_is_kept_as_it_was()
    {
        await using ITestAuditLog log = await LogAsync();
        DeliveryAttempt failed = Attempts.Of(7, status: 503, change: static (ref AttemptEntry attempt) =>
        {
            attempt.AttemptNumber = 2;
            attempt.WillRetry = true;
            attempt.SkippedBefore = 3;
        }, cause: new AttemptCause { Code = "busy", RetryDelay = TimeSpan.FromSeconds(4) });

        await log.RecordAsync(new[] { failed }, default);

        object?[] row = Assert.Single(await Database.RowsAsync(
            """
            SELECT idempotency_key, outcome, attempt_number, max_attempts, url, breaker_key, http_status_code,
                error, error_message, code, response_time_ms, will_retry, sequence_key, sequence_number, task_id, task_type,
                operation_id, notification_type, notification_id, payload_size_bytes, skipped_before, is_attempt, tenant_id, subscriber_id
            FROM webhook_delivery_log
            """));
        object?[] expected =
        [
            "key_0000000000000007", "failure", 2L, 3L, "https://buyer.example/hooks/a", "https://buyer.example/hooks/a", 503L,
            null, "HTTP 503 busy", "busy", 7L, true, "acme", 8L, "task_7",
            "create_media_buy", "op_1", "scheduled", "event_7", 2L, 3L, true, "acme", "subscriber_1",
        ];
        Assert.Equal(expected, row.Select((value, i) => expected[i] is bool
            ? Convert.ToBoolean(value, null)
            : value is int or short or sbyte ? Convert.ToInt64(value, null) : value));
        Assert.Equal(new SqlBatchCounts(1, 0, 0, 0), log.Counts);
    }

    [Fact]
    public async Task Creating_what_is_there_changes_nothing()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(Attempts.Many(3), default);

        await log.CreateIfAbsentAsync();

        Assert.Equal(3, await Database.CountAsync("SELECT COUNT(*) FROM webhook_delivery_log"));
        Assert.Equal(1, await Database.CountAsync("SELECT version FROM adcp_schema_versions WHERE table_name = 'webhook_delivery_log'"));
    }

    [Fact]
    public async Task Processes_that_start_together_create_one_table()
    {
        await using ITestAuditLog log = Audit(Database.Source);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () => await log.CreateIfAbsentAsync())));

        Assert.Equal(1, await Database.CountAsync("SELECT COUNT(*) FROM adcp_schema_versions"));
    }

    [Fact]
    public async Task A_newer_schema_is_refused()
    {
        await using ITestAuditLog log = await LogAsync();
        await Database.ExecuteAsync("UPDATE adcp_schema_versions SET version = 9");

        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => log.CreateIfAbsentAsync().AsTask());

        Assert.Contains("version 9", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_without_a_mapped_column_is_found_at_start()
    {
        await Database.ExecuteAsync("CREATE TABLE webhook_delivery_log (idempotency_key varchar(99))");
        await using ITestAuditLog log = Audit(Database.Source);

        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => log.CreateIfAbsentAsync().AsTask());

        Assert.Contains("webhook_delivery_log", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_existing_table_is_mapped_without_sql()
    {
        await Database.ExecuteAsync(MappedLog.Create(Dialect));
        await using ITestLog log = Mapped();
        await log.CreateIfAbsentAsync();

        DeliveryAttempt attempt = Attempts.Of(1, "tenant");
        await log.RecordAsync(new[] { attempt }, default);

        object?[] row = Assert.Single(
            await Database.RowsAsync($"SELECT {(Dialect == SqlDialect.MySql ? "`Key`" : "\"Key\"")}, endpoint, state, tries, at_ms, "
                + "task, operation, tenant FROM hook_log"));
        Assert.Equal(
            ["key_0000000000000001", "https://buyer.exampl", "success", 1L, attempt.OccurredAt.ToUnixTimeMilliseconds(),
                "[redacted]", LogText.Hash("op_1"), "tenant"],
            row.Select(static value => value is short small ? (long)small : value));
    }

    [Fact]
    public async Task A_row_that_violates_a_constraint_fails_alone()
    {
        await Database.ExecuteAsync(MappedLog.Create(Dialect));
        await using ITestLog log = Mapped();
        DeliveryAttempt[] batch = Attempts.Many(300);
        batch[17] = Attempts.Of(16); // UNIQUE
        batch[100] = Attempts.Of(100, "refused"); // CHECK
        batch[101] = Attempts.Of(101, null!); // NOT NULL
        batch[299] = Attempts.Of(299, "refused"); // CHECK, at the very end

        await log.RecordAsync(batch, default);

        Assert.Equal(4, log.Rejected.Count);
        Assert.Equal(new SqlBatchCounts(296, 4, 0, 0), log.Counts);
        Assert.Equal(296, await Database.CountAsync("SELECT COUNT(*) FROM hook_log"));
        Assert.Equal(1, await Database.CountAsync(
            $"SELECT COUNT(*) FROM hook_log WHERE {(Dialect == SqlDialect.MySql ? "`Key`" : "\"Key\"")} = 'key_0000000000000016'"));
    }

    [Fact]
    public async Task A_batch_of_nothing_but_bad_rows_leaves_the_next_one_alone()
    {
        await Database.ExecuteAsync(MappedLog.Create(Dialect));
        await using ITestLog log = Mapped();

        await log.RecordAsync(Attempts.Many(40, tenant: "refused"), default);
        await log.RecordAsync(Attempts.Many(40), default);

        Assert.Equal(new SqlBatchCounts(40, 40, 0, 0), log.Counts);
    }

    [Fact]
    public async Task A_member_that_throws_fails_its_row_alone()
    {
        await using ITestAuditLog log = await LogAsync();
        DeliveryAttempt[] batch = Attempts.Many(50);
        batch[20] = Attempts.Of(20, "broken");

        await log.RecordAsync(batch, default);

        Assert.Equal(new SqlBatchCounts(49, 1, 0, 0), log.Counts);
        (string? tenant, Exception reason) = Assert.Single(log.Rejected);
        Assert.Equal("broken", tenant);
        Assert.IsType<TimeoutException>(reason);
    }

    [Fact]
    public async Task A_text_that_the_database_cannot_hold_costs_no_other_row()
    {
        await using ITestAuditLog log = await LogAsync();
        DeliveryAttempt[] batch = Attempts.Many(20);
        batch[3] = Attempts.Of(3, "nul\0nul");
        batch[9] = Attempts.Of(9, "half \ud83e");
        batch[12] = Attempts.Of(12, new string('\u20ac', 4096));

        await log.RecordAsync(batch, default);

        Assert.Equal(20, log.Counts.Recorded + log.Counts.Rejected);
        Assert.InRange(log.Counts.Rejected, 0, 3);
        Assert.Equal(log.Counts.Recorded, await Database.CountAsync("SELECT COUNT(*) FROM webhook_delivery_log"));
        Assert.Equal(17, await Database.CountAsync("SELECT COUNT(*) FROM webhook_delivery_log WHERE tenant_id = 'acme'"));
    }

    [Fact]
    public async Task Hostile_texts_are_values_and_nobody_elses()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(HostileTexts.Select((text, i) => Attempts.Of(i, text)).ToArray(), default);
        await log.RecordAsync(Attempts.Many(1, first: 1000), default);

        Assert.Equal(new SqlBatchCounts(HostileTexts.Length + 1, 0, 0, 0), log.Counts);
        for (int i = 0; i < HostileTexts.Length; i++)
        {
            WebhookActivityRecord own = Assert.Single(await log.ReadRecentAsync(HostileTexts[i], 200));
            Assert.Equal($"key_{i:D16}", own.IdempotencyKey);
        }

        Assert.Single(await log.ReadRecentAsync("acme"));
        Assert.Empty(await log.ReadRecentAsync("Acme"));
        Assert.Empty(await log.ReadRecentAsync(""));
    }

    [Fact]
    public async Task A_tenant_is_told_from_its_likes_on_a_table_that_does_not_tell()
    {
        string collation = Dialect switch
        {
            SqlDialect.Sqlite => "TEXT COLLATE NOCASE",
            SqlDialect.PostgreSql => "text",
            _ => "VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        };
        await using ITestAuditLog log = await LogAsync();
        await Database.ExecuteAsync(Dialect == SqlDialect.MySql
            ? $"ALTER TABLE webhook_delivery_log MODIFY tenant_id {collation} NOT NULL"
            : Dialect == SqlDialect.PostgreSql ? "SELECT 1" : "CREATE INDEX by_tenant ON webhook_delivery_log (tenant_id COLLATE NOCASE)");
        await log.RecordAsync(new[] { Attempts.Of(1, "acme"), Attempts.Of(2, "ACME"), Attempts.Of(3, "acme "),
            Attempts.Of(4, "ácme") }, default);

        Assert.Equal("key_0000000000000001", Assert.Single(await log.ReadRecentAsync("acme")).IdempotencyKey);
        Assert.Equal("key_0000000000000003", Assert.Single(await log.ReadRecentAsync("acme ")).IdempotencyKey);
    }

    [Fact]
    public async Task Recent_attempts_come_back_as_the_record_that_was_told()
    {
        await using ITestAuditLog log = await LogAsync();
        DeliveryAttempt[] batch =
        [
            Attempts.Of(0),
            Attempts.Of(1, status: 500),
            Attempts.Of(2, status: 0, change: static (ref AttemptEntry attempt) => attempt.Error = (byte)WebhookSendError.Timeout),
            Attempts.Of(3, status: 0, change: static (ref AttemptEntry attempt) => attempt.Error = (byte)WebhookSendError.ConnectionFailed),
            Attempts.Of(4, change: static (ref AttemptEntry attempt) => attempt.SequenceNumber = 0),
            Attempts.Of(5, status: 0, change: static (ref AttemptEntry attempt) => attempt.Outcome = (byte)AttemptOutcome.Cancelled),
        ];
        await log.RecordAsync(batch, default);

        IReadOnlyList<WebhookActivityRecord> records = await log.ReadRecentAsync("acme");

        Assert.Equal(
            batch.Reverse().Select(static attempt => Json(attempt.ToActivityRecord("subscriber_1")!)),
            records.Select(Json));
        Assert.Equal(records, [.. records.OrderByDescending(static record => record.FiredAt)]);
    }

    [Fact]
    public async Task What_was_no_attempt_or_has_no_notification_type_is_not_activity()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(
            new[]
            {
                Attempts.Of(0, change: static (ref AttemptEntry attempt) =>
                    { attempt.IsAttempt = false; attempt.Outcome = (byte)AttemptOutcome.CircuitOpen; }),
                Attempts.Of(1, change: static (ref AttemptEntry attempt) =>
                    { attempt.IsAttempt = false; attempt.Outcome = (byte)AttemptOutcome.Expired; }),
                Attempts.Of(2, change: static (ref AttemptEntry attempt) => attempt.Outcome = (byte)AttemptOutcome.Refused),
                Attempts.Of(3, change: static (ref AttemptEntry attempt) => attempt.Context = new DeliveryOptions { SequenceKey = "acme" }),
            },
            default);

        Assert.Empty(await log.ReadRecentAsync("acme"));
    }

    [Fact]
    public async Task Next_attempt_of_a_webhook_that_waits_is_pending()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(
            new[]
            {
                Recent(0, 1, willRetry: true), Recent(0, 2, willRetry: true), // the third attempt is next
                Recent(1, 1, willRetry: true), Recent(1, 2, willRetry: false), // over
                Recent(2, 1, willRetry: true), Recent(2, 1, willRetry: false, AttemptOutcome.Expired), // over without another attempt
                Recent(3, 1, willRetry: true), Recent(3, 1, willRetry: true, AttemptOutcome.Deferred), // still waits
            },
            default);

        IReadOnlyList<WebhookActivityRecord> records = await log.ReadRecentAsync("acme");

        WebhookActivityRecord[] pending = [.. records.Where(static record => record.Status == "pending")];
        Assert.Equal(
            [("key_0000000000000000", 3), ("key_0000000000000003", 2)],
            pending.Select(static record => (record.IdempotencyKey, record.Attempt)).Order());
        foreach (WebhookActivityRecord record in pending)
        {
            WebhookActivityRecord last = records.First(other => other.IdempotencyKey == record.IdempotencyKey && other != record);
            Assert.Equal(record.Attempt - 1, last.Attempt);
            Assert.Equal(last with
            {
                Attempt = record.Attempt,
                FiredAt = last.CompletedAt!.Value,
                CompletedAt = null,
                Status = "pending",
                HttpStatusCode = null,
                ResponseTimeMs = null,
                ErrorMessage = null,
            }, record);
        }

        Assert.Equal(8, records.Count);
        Assert.Equal("pending", Assert.Single(await log.ReadRecentAsync("acme", 1)).Status);
    }

    /// <summary>Returns a record of a webhook whose first attempt was an hour ago: a failed attempt, or one that was not made.</summary>
    private static DeliveryAttempt Recent(
        int n, int attempt, bool willRetry, AttemptOutcome outcome = AttemptOutcome.Failure, TimeSpan? age = null)
    {
        TimeSpan begun = DateTimeOffset.UtcNow - Attempts.Noon - (age ?? TimeSpan.FromHours(1))
            + TimeSpan.FromSeconds((n * 10) + attempt + (outcome == AttemptOutcome.Failure ? 0 : 1));
        return Attempts.Of(n, status: outcome == AttemptOutcome.Failure ? 503 : 0, change: (ref AttemptEntry entry) =>
        {
            entry.StartedAt += begun.Ticks;
            entry.EndedAt = entry.StartedAt + TimeSpan.TicksPerMillisecond;
            entry.AttemptNumber = (ushort)attempt;
            entry.WillRetry = willRetry;
            entry.Outcome = (byte)outcome;
            entry.IsAttempt = outcome == AttemptOutcome.Failure;
        });
    }

    [Fact]
    public async Task Attempt_of_a_webhook_whose_last_one_is_older_than_any_horizon_is_not_pending()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(new[] { Recent(0, 1, willRetry: true, age: TimeSpan.FromDays(8)) }, default);

        Assert.Equal("failed", Assert.Single(await log.ReadRecentAsync("acme")).Status);
    }

    [Fact]
    public async Task Attempts_of_the_last_31_days_are_served()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(
            new[] { Recent(0, 1, willRetry: false, age: TimeSpan.FromDays(31)), Recent(1, 1, willRetry: false) }, default);

        Assert.Equal(2, (await log.ReadRecentAsync("acme")).Count);
    }

    [Fact]
    public async Task The_limit_is_1_to_200()
    {
        await using ITestAuditLog log = await LogAsync();
        await log.RecordAsync(Attempts.Many(250), default);

        Assert.Equal(200, (await log.ReadRecentAsync("acme", 200)).Count);
        Assert.Equal("key_0000000000000249", Assert.Single(await log.ReadRecentAsync("acme", 1)).IdempotencyKey);
        Assert.Equal(50, (await log.ReadRecentAsync("acme")).Count);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => log.ReadRecentAsync("acme", 0));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => log.ReadRecentAsync("acme", 201));
    }

    [Fact]
    public async Task An_absent_table_is_an_error_at_once_and_counted()
    {
        await using ITestAuditLog log = Audit(Database.Source);

        await Assert.ThrowsAnyAsync<DbException>(async () =>
            await log.RecordAsync(Attempts.Many(5), new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token));

        Assert.Equal(new SqlBatchCounts(0, 0, 5, 0), log.Counts);
    }

    /// <summary>A million with <c>ADCP_TEST_MILLION=1</c>, otherwise enough to show it.</summary>
    [Fact]
    public async Task A_healthy_database_loses_no_attempt()
    {
        int count = Environment.GetEnvironmentVariable("ADCP_TEST_MILLION") == "1" ? 1_000_000 : 20_000;
        await using ITestAuditLog log = await LogAsync();
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new CompletedSender(), new WebhookSupervisorOptions { Sink = log });
        WebhookDestination destination = new("https://buyer.example/hooks/a", "op_1");
        DeliveryOptions options = new() { SequenceKey = "acme" };
        for (int sent = 0; sent < count; sent++)
        {
            await supervisor.DeliverAsync(Webhook(destination, sent), options);
            if (sent % 2000 == 1999)
            {
                // The queue drops records that it cannot hold, which is another promise than the sink's.
                await supervisor.FlushAuditAsync();
            }
        }

        await supervisor.FlushAuditAsync();

        Assert.Equal(0, supervisor.RecordsDropped);
        Assert.Equal(new SqlBatchCounts(count, 0, 0, 0), log.Counts);
        Assert.Equal(count, await Database.CountAsync("SELECT COUNT(DISTINCT idempotency_key) FROM webhook_delivery_log"));
        Assert.Equal(count, await Database.CountAsync("SELECT COUNT(*) FROM webhook_delivery_log"));
    }

    /// <summary>Gone for as long as three sink calls time out; with <c>ADCP_TEST_OUTAGE=10</c> for 10 s.</summary>
    [Fact]
    public async Task A_database_that_goes_and_comes_back_costs_records_that_are_counted_and_doubles_none()
    {
        double seconds = double.Parse(Environment.GetEnvironmentVariable("ADCP_TEST_OUTAGE") ?? "1", null);
        await using Outage outage = await Outage.OfAsync(Database);
        await using ITestAuditLog log = Audit(outage.Source);
        await log.CreateIfAbsentAsync();
        await using InMemoryWebhookDeliverySupervisor supervisor = new(new CompletedSender(), new WebhookSupervisorOptions
        {
            Sink = log,
            SinkQueueCapacity = 1024,
            SinkTimeout = TimeSpan.FromMilliseconds(400),
        });
        WebhookDestination destination = new("https://buyer.example/hooks/a", "op_1");
        DeliveryOptions options = new() { SequenceKey = "acme" };
        int sent = 0;
        int delivered = 0;
        async Task SendAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                DeliveryOutcome outcome = await supervisor.DeliverAsync(Webhook(destination, sent++), options);
                delivered += outcome.Status == DeliveryStatus.Delivered ? 1 : 0;
            }
        }

        for (int i = 0; i < 20; i++)
        {
            await SendAsync(200);
            await supervisor.FlushAuditAsync();
        }

        // Cut while the sink is at work, so that some commit loses its answer.
        Task sending = Task.Run(() => SendAsync(3000));
        await outage.BeginAsync();
        await sending;
        long gone = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(gone).TotalSeconds < seconds)
        {
            await SendAsync(300);
            await supervisor.FlushAuditAsync();
        }

        outage.End();
        SqlBatchCounts counts;
        do
        {
            await SendAsync(10);
            await supervisor.FlushAuditAsync();
            counts = log.Counts;
        }
        while (counts.InDoubt > 0 || counts.Recorded + counts.Rejected + counts.Failed + supervisor.RecordsDropped != sent);

        Assert.Equal(sent, delivered);
        Assert.Equal(0, counts.Rejected);
        Assert.True(counts.Failed > 0, "The outage cost nothing: it was none.");
        Assert.Equal(counts.Recorded, await Database.CountAsync("SELECT COUNT(*) FROM webhook_delivery_log"));
        Assert.Equal(counts.Recorded, await Database.CountAsync("SELECT COUNT(DISTINCT idempotency_key) FROM webhook_delivery_log"));
    }

    private static PreparedWebhook Webhook(WebhookDestination destination, int n) =>
        new(destination, "{}"u8.ToArray(), $"key_{n:D16}") { NotificationType = "scheduled" };

    private static string Json(WebhookActivityRecord record) => JsonSerializer.Serialize(
        record with { FiredAt = Micro(record.FiredAt), CompletedAt = record.CompletedAt is { } at ? Micro(at) : null },
        WebhookActivityRecord.JsonType);

    /// <summary>PostgreSQL and MySQL keep microseconds.</summary>
    private static DateTimeOffset Micro(DateTimeOffset time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMicrosecond));

    private protected virtual ITestAuditLog Audit(DbDataSource source) => new AuditLog(source, Dialect);

    private protected virtual ITestLog Mapped() => new MappedLog(Database.Source, Dialect);

    private async Task<ITestAuditLog> LogAsync()
    {
        ITestAuditLog log = Audit(Database.Source);
        await log.CreateIfAbsentAsync();
        return log;
    }
}
