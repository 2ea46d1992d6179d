namespace Adcp.Aot.Storage.Tests;

public sealed class SqlDialectTests
{
    [Fact]
    public void An_attribute_without_a_dialect_leaves_it_to_the_constructor() =>
        Assert.Equal(SqlDialect.Any, new SqlDeliveryLogAttribute("log").Dialect);
}
