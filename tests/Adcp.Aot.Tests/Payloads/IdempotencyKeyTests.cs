using Adcp.Aot.Payloads;

namespace Adcp.Aot.Tests.Payloads;

public sealed class IdempotencyKeyTests
{
    [Fact]
    public void A_new_key_satisfies_the_pattern_and_is_not_repeated()
    {
        string first = IdempotencyKeys.Create();
        IdempotencyKeys.Validate(first, "key");
        Assert.NotEqual(first, IdempotencyKeys.Create());
    }
}
