using Adcp.Aot.Delivery;

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
