using Adcp.Aot.Auditing;
using Adcp.Aot.Storage.Tests.Databases;
using MySqlConnector;
using Npgsql;

namespace Adcp.Aot.Storage.Tests.Sinks;

/// <summary>Times keep their UTC, whatever the driver's switches, the session's zone and the process's.</summary>
public abstract class TimeContract
{
    [Needs(Resource.PostgreSql)]
    [Theory]
    [InlineData("Asia/Tokyo", true)]
    [InlineData("Asia/Tokyo", false)]
    [InlineData("UTC", true)]
    [InlineData("UTC", false)]
    public async Task Log_of_postgresql_keeps_times_by_copy_and_by_insert(string zone, bool copies)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(SqlDialect.PostgreSql);
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(database.ConnectionString + ";Timezone=" + zone);
        await using ITestAuditLog log = copies
            ? new AuditLog(source, SqlDialect.PostgreSql)
            : new Plain.AuditLog(source, SqlDialect.PostgreSql);
        await log.CreateIfAbsentAsync();

        await KeepsAsync(log, database, "SELECT occurred_at AT TIME ZONE 'UTC' FROM webhook_delivery_log ORDER BY occurred_at");
    }

    [Needs(Resource.PostgreSql)]
    [Fact]
    public async Task Log_of_postgresql_finds_its_row_again_by_its_time()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(SqlDialect.PostgreSql);
        await using NpgsqlDataSource tokyo = NpgsqlDataSource.Create(database.ConnectionString + ";Timezone=Asia/Tokyo");
        FaultyDataSource source = new(tokyo);
        await using ITestAuditLog log = new AuditLog(source, SqlDialect.PostgreSql);
        await log.CreateIfAbsentAsync();
        source.Once("INSERT", Fault.LostAnswer());

        await log.RecordAsync(Attempts.Many(5), default);

        Assert.Equal(new SqlBatchCounts(5, 0, 0, 0), log.Counts);
        Assert.Equal(5, await database.CountAsync("SELECT COUNT(*) FROM webhook_delivery_log"));
    }

    [Needs(Resource.PostgreSql)]
    [Fact]
    public async Task Computed_time_of_a_store_is_kept()
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(SqlDialect.PostgreSql);
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(database.ConnectionString + ";Timezone=Asia/Tokyo");
        await using StoreCommand create =
            await new StoreDatabase(source, SqlDialect.PostgreSql).OpenAsync("CREATE TABLE times (at timestamptz NOT NULL)", default);
        await create.ExecuteAsync(default);
        DateTime unspecified = DateTime.SpecifyKind(Attempts.Noon.UtcDateTime, DateTimeKind.Unspecified);
        foreach (DateTime time in new[] { Attempts.Noon.UtcDateTime, Attempts.Noon.LocalDateTime, unspecified })
        {
            create.Next("INSERT INTO times (at) VALUES (@at)");
            create.Bind("@at", time);
            await create.ExecuteAsync(default);
        }

        create.Next("INSERT INTO times (at) VALUES (@at)");
        create.Bind("@at", (DateTimeOffset?)Attempts.Noon.ToOffset(TimeSpan.FromHours(5)));
        await create.ExecuteAsync(default);

        Assert.Equal(4, await database.CountAsync("SELECT COUNT(*) FROM times WHERE at = timestamptz '2026-11-24 12:00+00'"));
    }

    [Needs(Resource.MySql)]
    [Theory]
    [InlineData("Utc")]
    [InlineData("Local")]
    [InlineData("Unspecified")]
    public async Task Log_of_mysql_keeps_times_whatever_kind_its_driver_names(string kind)
    {
        await using TestDatabase database = await TestDatabase.CreateAsync(SqlDialect.MySql);
        await using MySqlDataSource source = new(database.ConnectionString + ";DateTimeKind=" + kind);
        await using ITestAuditLog log = new AuditLog(source, SqlDialect.MySql);
        await log.CreateIfAbsentAsync();

        await KeepsAsync(log, database, "SELECT occurred_at FROM webhook_delivery_log ORDER BY occurred_at");
    }

    /// <summary>One row of the batch is refused, so that the others are written row by row too.</summary>
    private static async Task KeepsAsync(ITestAuditLog log, TestDatabase database, string read)
    {
        DeliveryAttempt[] batch = Attempts.Many(7);
        await log.RecordAsync(batch, default);
        DeliveryAttempt[] withBad = Attempts.Many(7, first: 100);
        withBad[3] = Attempts.Of(103, "broken");

        await log.RecordAsync(withBad, default);

        DateTime[] expected =
        [
            .. batch.Concat(withBad.Where(static attempt => attempt.SequenceKey != "broken"))
                .Select(static attempt => Micro(attempt.OccurredAt.UtcDateTime))
                .Order(),
        ];
        Assert.Equal(new SqlBatchCounts(13, 1, 0, 0), log.Counts);
        Assert.Equal(expected, (await database.RowsAsync(read)).Select(static row => Micro((DateTime)row[0]!)));
        IReadOnlyList<WebhookActivityRecord> recent = await log.ReadRecentAsync("acme");
        Assert.Equal(expected.Reverse(), recent.Select(static record => Micro(record.FiredAt.UtcDateTime)));
        Assert.All(
            recent, static record => Assert.InRange(record.CompletedAt!.Value - record.FiredAt, TimeSpan.Zero, TimeSpan.FromSeconds(1)));
    }

    /// <summary>The databases keep microseconds.</summary>
    private static DateTime Micro(DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMicrosecond));
}
