using Adcp.Aot.Receiving;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class DevelopmentWebhookClaimStoreTests : ClaimStoreContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 4, 18, 10, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Says_that_it_is_not_durable() => Assert.False(Open().IsDurable);

    private protected override IWebhookClaimStore Open(int maxKeysPerSender = 1000) =>
        new DevelopmentWebhookClaimStore(maxKeysPerSender, _time);

    private protected override ValueTask<bool> AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return new(true);
    }
}
