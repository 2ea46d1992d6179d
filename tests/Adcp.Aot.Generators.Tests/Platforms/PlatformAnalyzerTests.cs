using System.Collections.Immutable;
using Adcp.Aot.CodeFixes;
using Adcp.Aot.Generators.Platforms;
using Adcp.Aot.Generators.Tests.Harness;
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
        Diagnostic fault = Assert.Single(await Faults(PlatformSource.Seller(Tool + "\n" + Tool.Replace("ProductsAsync", "Again", StringComparison.Ordinal))));
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
    public async Task A_platform_that_performs_nothing_is_named() => Assert.Equal("ADCP074", Assert.Single(await Faults(PlatformSource.Seller(""))).Id);

    [Fact]
    public async Task Nothing_is_generated_where_something_is_wrong_and_every_fault_is_told()
    {
        string source = PlatformSource.Seller("[AdcpTool(\"Get\")] public ValueTask<Bought> A() => default; [AdcpTool(\"get\")] public void B() { }", "[AdcpPlatform(typeof(Buy))]");
        Assert.Equal(["ADCP070", "ADCP071", "ADCP073"], (await Faults(source)).Select(fault => fault.Id).Order());
        Assert.Empty(GeneratorRun.Of<PlatformGenerator>(Compilations.Of(source)).Files);
    }

    [Theory]
    [InlineData("CreateMediaBuy", "create_media_buy")]
    [InlineData("get-products", "get_products")]
    [InlineData("2nd Tool", "nd_tool")]
    public async Task Fix_writes_the_nearest_tools_name(string name, string nearest)
    {
        string text = await Analysis.FixAsync<PlatformAnalyzer, ReplaceNameFix>(PlatformSource.Seller(Tool.Replace("get_products", name, StringComparison.Ordinal)), "ADCP071");
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
        string text = await Analysis.FixAsync<PlatformAnalyzer, MakePartialFix>(PlatformSource.Seller(Tool, head: "public sealed class Seller"), "ADCP001");
        Assert.Contains("public sealed partial class Seller", text, StringComparison.Ordinal);
        Assert.Empty(await Faults(text));
    }

    private static Task<ImmutableArray<Diagnostic>> Faults(string source) => Analysis.ReportsAsync<PlatformAnalyzer>(source);
}
