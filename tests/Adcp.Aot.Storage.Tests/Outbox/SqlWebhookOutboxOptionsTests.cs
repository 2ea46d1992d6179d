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
}
