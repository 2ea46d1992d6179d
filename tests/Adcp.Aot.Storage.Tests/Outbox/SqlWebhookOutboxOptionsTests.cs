using System.Data.Common;
using Adcp.Aot.Delivery;
using Adcp.Aot.Testing;
using Microsoft.Data.Sqlite;

namespace Adcp.Aot.Storage.Tests.Outbox;

public sealed class SqlWebhookOutboxOptionsTests
{
    [Theory]
    [InlineData(59)]
    [InlineData((366 * 24 * 60) + 1)]
    public void A_retention_outside_an_hour_and_366_days_is_refused(int minutes)
    {
        TimeSpan time = TimeSpan.FromMinutes(minutes);

        Assert.Throws<ArgumentOutOfRangeException>("DeadLetterRetention", () => new SqlWebhookOutboxOptions { DeadLetterRetention = time });
        Assert.Throws<ArgumentOutOfRangeException>("DeliveryIdRetention", () => new SqlWebhookOutboxOptions { DeliveryIdRetention = time });
    }

    [Theory]
    [InlineData(60)]
    [InlineData(366 * 24 * 60)]
    public void A_retention_of_an_hour_and_of_366_days_is_accepted(int minutes)
    {
        TimeSpan time = TimeSpan.FromMinutes(minutes);

        SqlWebhookOutboxOptions options = new() { DeadLetterRetention = time, DeliveryIdRetention = time };

        Assert.Equal((time, time), (options.DeadLetterRetention, options.DeliveryIdRetention));
    }

    [Theory]
    [InlineData(24)]
    [InlineData(7 * 24)]
    public void A_horizon_of_24_hours_and_of_7_days_is_accepted(int hours)
    {
        TimeSpan time = TimeSpan.FromHours(hours);

        Assert.Equal(time, new SqlWebhookOutboxOptions { RetryHorizon = time }.RetryHorizon);
    }

    [Theory]
    [InlineData((24 * 60) - 1)]
    [InlineData((7 * 24 * 60) + 1)]
    public void A_horizon_below_24_hours_or_above_7_days_is_refused(int minutes)
    {
        TimeSpan time = TimeSpan.FromMinutes(minutes);

        Assert.Throws<ArgumentOutOfRangeException>("RetryHorizon", () => new SqlWebhookOutboxOptions { RetryHorizon = time });
    }

    [Fact]
    public async Task MySQL_and_MariaDB_are_refused_when_the_outbox_is_created()
    {
        using RecordingSender sender = new();
        string file = Path.Combine(Path.GetTempPath(), "never-opened.db");
        await using DbDataSource source = SqliteDataSource.Create(SqliteFactory.Instance, file);
        StoreDatabase database = new(source, SqlDialect.MySql);

        foreach (Action create in new Action[]
        {
            () => _ = new SqlWebhookOutbox(database, sender, OutboxHarness.Secrets, null),
            () => _ = new OutboxOperations(database, OutboxHarness.Secrets),
            () => _ = new OutboxSchema(database),
        })
        {
            NotSupportedException fault = Assert.Throws<NotSupportedException>(create);
            Assert.Contains("The outbox runs on SQLite and PostgreSQL.", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Age_of_a_webhook_is_positive_and_at_most_366_days()
    {
        TimeSpan most = TimeSpan.FromDays(366);

        Assert.Equal(most, Of(most));
        Assert.Equal(TimeSpan.FromTicks(1), Of(TimeSpan.FromTicks(1)));
        Assert.Null(Of(null));
        foreach (TimeSpan wrong in new[] { TimeSpan.Zero, most + TimeSpan.FromTicks(1), TimeSpan.MaxValue, TimeSpan.MinValue })
        {
            Assert.Equal("MaxAge", Assert.Throws<ArgumentOutOfRangeException>(() => Of(wrong)).ParamName);
        }

        static TimeSpan? Of(TimeSpan? age) => new OutboxOptions { Tenant = "t", MaxAge = age }.MaxAge;
    }
}
