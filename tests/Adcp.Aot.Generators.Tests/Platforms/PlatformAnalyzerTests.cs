using System.Collections.Immutable;
using Adcp.Aot.CodeFixes;
using Adcp.Aot.Generators.Platforms;
using Adcp.Aot.Generators.Tests.Harness;
using Adcp.Aot.Json;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Tests.Platforms;

public sealed class PlatformAnalyzerTests
{
    private const string Tool = "[AdcpTool(\"get_products\")] public ValueTask<Bought> ProductsAsync() => default;";

    [Fact]
    public async Task A_sound_platform_is_not_reported() => Assert.Empty(await Faults(PlatformSource.Sound));

    [Theory]
    [InlineData("ADCP001", "public sealed class Seller")]
    [InlineData("ADCP002", "public sealed partial class Seller<T>")]
    [InlineData("ADCP002", "public abstract partial class Seller")]
    public async Task A_class_of_the_wrong_shape_is_named(string rule, string head) =>
        Assert.Contains(await Faults(PlatformSource.Seller(Tool, head: head)), fault => fault.Id == rule);

    [Theory]
    [InlineData("typeof(Buy)")]
    [InlineData("typeof(int[])")]
    [InlineData("null!")]
    public async Task A_platform_without_contracts_is_named(string context) =>
        Assert.Equal("ADCP070", Assert.Single(await Faults(PlatformSource.Seller(Tool, $"[AdcpPlatform({context})]"))).Id);

    [Theory]
    [InlineData("")]
    [InlineData("CreateMediaBuy")]
    [InlineData("1st")]
    [InlineData("_get")]
    [InlineData("get-products")]
    [InlineData("get products")]
    [InlineData("gët")]
    [InlineData("a2345678901234567890123456789012345678901234567890123456789012345")]
    public async Task A_name_that_is_no_tools_is_named_where_it_stands(string name)
    {
        Diagnostic fault = Assert.Single(await Faults(PlatformSource.Seller(Tool.Replace("get_products", name, StringComparison.Ordinal))));
        Assert.Equal("ADCP071", fault.Id);
        Assert.Equal($"\"{name}\"", fault.Location.SourceTree!.GetText().ToString(fault.Location.SourceSpan));
    }

    [Fact]
    public async Task A_tool_with_two_methods_is_named_at_the_second()
    {
        Diagnostic fault = Assert
            .Single(await Faults(PlatformSource.Seller(Tool + "\n" + Tool.Replace("ProductsAsync", "Again", StringComparison.Ordinal))));
        Assert.Equal(("ADCP072", "Again"), (fault.Id, fault.Location.SourceTree!.GetText().ToString(fault.Location.SourceSpan)));
    }

    [Theory]
    [InlineData("public Bought Of() => null!;")]
    [InlineData("public void Of() { }")]
    [InlineData("public Task Of() => Task.CompletedTask;")]
    [InlineData("public ValueTask Of() => default;")]
    [InlineData("public System.Collections.Generic.List<Bought> Of() => null!;")]
    [InlineData("public ValueTask<Bought> Of<T>() => default;")]
    [InlineData("public ValueTask<Bought> Of(Buy one, Buy two) => default;")]
    [InlineData("public ValueTask<Bought> Of(ToolCall one, ToolCall two) => default;")]
    [InlineData("public ValueTask<Bought> Of(CancellationToken one, CancellationToken two) => default;")]
    [InlineData("public ValueTask<Bought> Of(ref Buy request) => default;")]
    [InlineData("public ValueTask<Bought> Of(in Buy request) => default;")]
    public async Task A_method_of_the_wrong_shape_is_named(string method) =>
        Assert.Equal("ADCP073", Assert.Single(await Faults(PlatformSource.Seller("[AdcpTool(\"get_products\")] " + method))).Id);

    [Fact]
    public async Task A_platform_that_performs_nothing_is_named() =>
        Assert.Equal("ADCP074", Assert.Single(await Faults(PlatformSource.Seller(""))).Id);

    [Fact]
    public async Task Nothing_is_generated_where_something_is_wrong_and_every_fault_is_told()
    {
        string source =
            PlatformSource.Seller("[AdcpTool(\"Get\")] public ValueTask<Bought> A() => default; [AdcpTool(\"get\")] public void B() { }",
                "[AdcpPlatform(typeof(Buy))]");
        Assert.Equal(["ADCP070", "ADCP071", "ADCP073"], (await Faults(source)).Select(fault => fault.Id).Order());
        Assert.Empty(GeneratorRun.Of<PlatformGenerator>(Compilations.Of(source)).Files);
    }

    [Theory]
    [InlineData("CreateMediaBuy", "create_media_buy")]
    [InlineData("get-products", "get_products")]
    [InlineData("2nd Tool", "nd_tool")]
    public async Task Fix_writes_the_nearest_tools_name(string name, string nearest)
    {
        string text = await Analysis.FixAsync<PlatformAnalyzer,
            ReplaceNameFix>(PlatformSource.Seller(Tool.Replace("get_products", name, StringComparison.Ordinal)), "ADCP071");
        Assert.Contains($"[AdcpTool(\"{nearest}\")]", text, StringComparison.Ordinal);
        Assert.Empty(await Faults(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("123")]
    public async Task No_fix_is_offered_where_no_name_is_near(string name)
    {
        Diagnostic fault = Assert.Single(await Faults(PlatformSource.Seller(Tool.Replace("get_products", name, StringComparison.Ordinal))));
        Assert.Empty(fault.Properties);
    }

    [Fact]
    public async Task Fix_makes_the_class_partial()
    {
        string text = await Analysis.FixAsync<PlatformAnalyzer,
            MakePartialFix>(PlatformSource.Seller(Tool, head: "public sealed class Seller"), "ADCP001");
        Assert.Contains("public sealed partial class Seller", text, StringComparison.Ordinal);
        Assert.Empty(await Faults(text));
    }

    [Theory]
    [InlineData("create_mediabuy", "create_media_buy")]
    [InlineData("create_media_by", "create_media_buy")]
    [InlineData("create_media_buys", "create_media_buy")]
    [InlineData("get_product", "get_products")]
    [InlineData("getproducts", "get_products")]
    [InlineData("listcreativeformats", "list_creative_formats")]
    public async Task A_name_that_is_almost_one_of_AdCP_is_a_warning_with_the_right_name(string name, string near)
    {
        string source = PlatformSource.Seller(Tool.Replace("get_products", name, StringComparison.Ordinal));

        Diagnostic fault = Assert.Single(await Faults(source));

        Assert.Equal(("ADCP077", DiagnosticSeverity.Warning), (fault.Id, fault.Severity));
        Assert.Contains($"but '{near}' is", fault.GetMessage(null), StringComparison.Ordinal);
        Assert.NotEmpty(GeneratorRun.Of<PlatformGenerator>(Compilations.Of(source)).Files);
        Assert.Contains(
            $"\"{near}\"", await Analysis.FixAsync<PlatformAnalyzer, ReplaceNameFix>(source, "ADCP077"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("get_media_buys")]
    [InlineData("get_adcp_capabilities")]
    [InlineData("get_weather")]
    [InlineData("list_orders")]
    [InlineData("get_prices")]
    public async Task A_name_of_AdCP_or_of_the_seller_is_no_warning(string name) =>
        Assert.Empty(await Faults(PlatformSource.Seller(Tool.Replace("get_products", name, StringComparison.Ordinal))));

    [Fact]
    public async Task A_name_beside_the_one_that_it_resembles_is_no_warning() => Assert.Empty(await Faults(PlatformSource.Seller(
        Tool + "\n" + Tool.Replace("get_products", "get_product", StringComparison.Ordinal)
            .Replace("ProductsAsync", "ProductAsync", StringComparison.Ordinal))));

    [Fact]
    public void The_tool_names_that_are_task_types_are_those_of_the_product() => Assert.Equal(
        Enum.GetValues<TaskType>().Select(static type => type.ToWire()).Order(StringComparer.Ordinal), ToolNames.TaskTypes
            .Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("")]
    [InlineData(" : Other")]
    public async Task A_tool_outside_a_platform_is_named(string bases)
    {
        string source = PlatformSource.Usings + "public class Other { }\npublic sealed class Desk" + bases + " { " + Tool + " }";

        Diagnostic fault = Assert.Single(await Faults(source));

        Assert.Equal("ADCP076", fault.Id);
        Assert.Equal("AdcpTool(\"get_products\")", fault.Location.SourceTree!.GetText().ToString(fault.Location.SourceSpan));
    }

    [Theory]
    [InlineData("[AdcpTool(\"get_products\")] public ValueTask<Offer> OfAsync() => default;", "Offer")]
    [InlineData("[AdcpTool(\"get_products\")] public Task<ToolOutcome<Offer>> OfAsync() => null!;", "Offer")]
    [InlineData("[AdcpTool(\"get_products\")] public ValueTask<Bought> OfAsync(Offer request) => default;", "Offer")]
    [InlineData("[AdcpTool(\"get_products\")] public ValueTask<Bought> OfAsync(Offer? request) => default;", "Offer")]
    [InlineData("[AdcpTool(\"get_products\")] public ValueTask<Offer[]> OfAsync() => default;", "Offer[]")]
    [InlineData("[AdcpTool(\"get_products\")] public ValueTask<JsonElement> OfAsync() => default;", "JsonElement")]
    public async Task A_type_that_the_JSON_context_does_not_know_is_named(string method, string type)
    {
        Diagnostic fault = Assert.Single(await Faults(Contracts("[JsonSerializable(typeof(Bought))]", method)));

        Assert.Equal("ADCP075", fault.Id);
        Assert.Contains($"uses '{type}', which 'GivenJson' does not know; add [JsonSerializable(typeof({type}))]", fault.GetMessage(null),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[JsonSerializable(typeof(Offer))]")]
    [InlineData("[JsonSerializable(typeof(Offer[]))]")]
    [InlineData("[JsonSerializable(typeof(System.Collections.Generic.Dictionary<string, Offer>))]")]
    [InlineData("[JsonSerializable(typeof(Basket))]")]
    [InlineData("[JsonSerializable(typeof(Baskets))]")]
    [InlineData("[JsonSerializable(typeof(Kind))]")]
    [InlineData("")]
    public async Task A_type_that_the_JSON_context_reaches_is_known(string attribute) => Assert.Empty(await Faults(
        Contracts(attribute, "[AdcpTool(\"get_products\")] public ValueTask<Offer> OfAsync(Offer? request) => default;")));

    private static string Contracts(string attributes, string tool) => PlatformSource.Usings
        + "public class Offer : Kind { }\n[JsonDerivedType(typeof(Offer), \"offer\")] public class Kind { }\n"
        + "public class Basket { public System.Collections.Generic.IReadOnlyList<Offer?> Offers { get; } = []; }\n"
        + "public class Baskets : System.Collections.Generic.List<Basket> { }\n"
        + attributes + " public abstract class GivenJson(JsonSerializerOptions options) : JsonSerializerContext(options) { public "
        + "static GivenJson Default => null!; }\n"
        + "[AdcpPlatform(typeof(GivenJson))] public sealed partial class Seller { " + tool + " }";

    private static Task<ImmutableArray<Diagnostic>> Faults(string source) => Analysis.ReportsAsync<PlatformAnalyzer>(source);
}
