using Adcp.Aot.Receiving;
using Adcp.Aot.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Adcp.Aot.Storage.Tests.Claims;

public sealed class DevelopmentWebhookClaimStoreTests : ClaimStoreContract
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 4, 18, 10, 0, 0, TimeSpan.Zero));

    public static TheoryData<string> Contract { get; } = [.. Rules];

    [Theory]
    [MemberData(nameof(Contract))]
    public Task Keeps_the_rule(string rule) => CheckAsync(rule, TestContext.Current.CancellationToken);

    [Fact]
    public void Says_that_it_is_not_durable() => Assert.False(new DevelopmentWebhookClaimStore(1, _time).IsDurable);

    protected override ValueTask<IWebhookClaimStore> OpenAsync(int maxKeysPerSender, CancellationToken cancellationToken) =>
        new(new DevelopmentWebhookClaimStore(maxKeysPerSender, _time));

    protected override ValueTask AdvanceAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        _time.Advance(time);
        return default;
    }
}
