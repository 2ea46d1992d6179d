namespace Adcp.Aot.Generators.Tests.Platforms;

/// <summary>Sellers' platforms.</summary>
internal static class PlatformSource
{
    public const string Usings =
        """
        using System;
        using System.Text.Json;
        using System.Text.Json.Serialization;
        using System.Threading;
        using System.Threading.Tasks;
        using Adcp.Aot.Platform;

        namespace Shop;

        public sealed record Buy(string? Plan);
        public sealed record Bought(string MediaBuyId);

        public abstract class ShopJson(JsonSerializerOptions options) : JsonSerializerContext(options)
        {
            public static ShopJson Default => null!;
        }


        """;

    /// <summary>Every form of parameters and results.</summary>
    public const string Sound = Usings +
        """
        [AdcpPlatform(typeof(ShopJson))]
        public sealed partial class Seller
        {
            [AdcpTool("create_media_buy", Description = "Buys \"now\".")]
            public ValueTask<ToolOutcome<Bought>> CreateAsync(Buy request, ToolCall call, CancellationToken cancellationToken) =>
                throw new NotImplementedException();

            [AdcpTool("update_media_buy")]
            private async Task<ToolOutcome<Bought>> UpdateAsync(CancellationToken cancellationToken, Buy? request) =>
                await Task.FromResult(new Bought("m"));

            [AdcpTool("get_products")]
            public static Task<Bought> ProductsAsync() => Task.FromResult(new Bought("p"));

            [AdcpTool("get_signals")]
            public ValueTask<JsonElement> SignalsAsync(ToolCall call, Buy request) => default;

            private void NoTool()
            {
            }
        }
        """;

    /// <summary>Returns a seller with these members.</summary>
    public static string Seller(string members, string attribute = "[AdcpPlatform(typeof(ShopJson))]",
        string head = "public sealed partial class Seller") =>
        $"{Usings}{attribute}\n{head}\n{{\n{members}\n}}\n";
}
