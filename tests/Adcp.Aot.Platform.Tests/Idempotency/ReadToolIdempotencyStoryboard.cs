using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Idempotency;

[Trait("storyboard", "read_tool_idempotency")]
public sealed class ReadToolIdempotencyStoryboard : Storyboard
{
    [Fact]
    public Task Get_capabilities_with_idempotency_key() => ReadTwiceAsync("get_adcp_capabilities", Key(), "supported_protocols");

    [Fact]
    public Task Get_products_with_idempotency_key() => ReadTwiceAsync("get_products", Key(), "products");

    [Fact]
    public Task List_accounts_with_idempotency_key() => ReadTwiceAsync("list_accounts", Key(), "accounts");

    [Fact]
    public Task List_creative_formats_with_idempotency_key() => ReadTwiceAsync("list_creative_formats", Key(), "formats");

    [Fact]
    public Task List_creatives_with_idempotency_key() => ReadTwiceAsync("list_creatives", Key(), "creatives");

    [Fact]
    public Task Get_capabilities_without_idempotency_key() => ReadTwiceAsync("get_adcp_capabilities", null, "supported_protocols");

    /// <summary>A read with a key is not kept: both calls are performed.</summary>
    private async Task ReadTwiceAsync(string tool, string? key, string member)
    {
        for (int i = 0; i < 2; i++)
        {
            await CallAsync(tool, tool, key, """ "ext":{"adcp":{"storyboard":"read_tool_idempotency"}} """);

            Assert.Equal(JsonValueKind.Array, Answer.GetProperty(member).ValueKind);
            Assert.False(Answer.TryGetProperty("replayed", out _));
        }
    }
}
