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
}
