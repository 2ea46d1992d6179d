using Adcp.Aot.Generators.Sql;

namespace Adcp.Aot.Generators.Tests.Sql;

public sealed class IdentifierTests
{
    [Theory]
    [InlineData("webhook_delivery_log")]
    [InlineData("audit.Webhook_Log2")]
    [InlineData("_x")]
    public void Plain_names_are_tables(string name) => Assert.True(Identifier.IsTable(name));

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("a b")]
    [InlineData("1a")]
    [InlineData("a\"; DROP TABLE x; --")]
    [InlineData("a`b")]
    [InlineData("a.b.c")]
    [InlineData("a.")]
    [InlineData("naïve")]
    [InlineData("Ⅷ")]
    [InlineData("a\n")]
    public void Anything_else_is_not(string? name) => Assert.False(Identifier.IsTable(name));

    [Fact]
    public void Sixty_three_characters_are_the_most()
    {
        Assert.True(Identifier.IsColumn(new string('a', 63)));
        Assert.False(Identifier.IsColumn(new string('a', 64)));
    }

    [Theory]
    [InlineData("delivery-log", "delivery_log")]
    [InlineData("1st", "_1st")]
    [InlineData("", "_")]
    public void The_nearest_name_is_an_identifier(string name, string nearest)
    {
        Assert.Equal(nearest, Identifier.Nearest(name));
        Assert.True(Identifier.IsColumn(nearest));
    }
}
