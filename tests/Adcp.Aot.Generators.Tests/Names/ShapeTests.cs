using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Tests.Names;

/// <summary>Classes, types and languages that generated code must fit, or that are refused by a rule.</summary>
public sealed class ShapeTests
{
    private const LanguageVersion Oldest = LanguageVersion.CSharp12;

    public static TheoryData<string> Consumers => [.. Consumer.Names];

    public static TheoryData<string, LanguageVersion> Languages
    {
        get
        {
            TheoryData<string, LanguageVersion> data = [];
            foreach (string consumer in Consumer.Names)
            {
                foreach (LanguageVersion language in Enum.GetValues<LanguageVersion>().Where(
                    static version => version is >= LanguageVersion.CSharp9 and < LanguageVersion.LatestMajor))
                {
                    data.Add(consumer, language);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public async Task A_language_is_supported_or_refused_by_name(string consumer, LanguageVersion language)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(Consumer.Of(consumer).Source(), language);
        IReadOnlyList<Diagnostic> reports = await Consumer.ReportsAsync(output);

        if (language >= Oldest)
        {
            Assert.Single(generated);
            Assert.Equal("", Consumer.Problems(output));
            Assert.Empty(reports);
        }
        else
        {
            Assert.Empty(generated);
            Assert.Contains(reports, report => report.Id == "ADCP015"
                && report.GetMessage(null)
                    .EndsWith($"the project uses C# {language.ToDisplayString()}; raise LangVersion or remove it from the project file",
                        StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Records_get_their_generated_part(string consumer) =>
        Compiles(Consumer.Of(consumer).Source(head: "public sealed partial record"));

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Names_may_be_keywords(string consumer) =>
        Compiles(Consumer.Of(consumer).Source(name: "@class").Replace(
            "namespace Shop", "namespace @namespace.@event", StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(Consumers))]
    public void The_global_namespace_will_do(string consumer)
    {
        string source = Consumer.Of(consumer).Source();
        int at = source.IndexOf("namespace Shop\n{", StringComparison.Ordinal);

        Compiles(source[..at] + source[(at + "namespace Shop\n{".Length)..source.LastIndexOf('}')]);
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void A_namespace_may_end_like_a_namespace_of_the_framework(string consumer)
    {
        foreach (string name in (string[])["Shop.System", "Shop.Microsoft", "Shop.Adcp", "Shop.Npgsql", "Shop.Adcp.Aot.Storage"])
        {
            Compiles(Consumer.Of(consumer).Source().Replace("namespace Shop", "namespace " + name, StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Obsolete_members_and_clsCompliant_assemblies_cause_no_warning_in_generated_code(string consumer) => Compiles(
        Consumer.Of(consumer).Source(first: "[assembly: global::System.CLSCompliant(true)]")
            .Replace("private ", "[global::System.Obsolete] private ", StringComparison.Ordinal));

    [Theory]
    [InlineData("SqlLog")]
    [InlineData("JsonLinesLog")]
    [InlineData("LoggerLog")]
    [InlineData("FanOutLog")]
    [InlineData("TaskStore")]
    [InlineData("PushConfigStore")]
    public async Task A_primary_constructor_is_refused(string consumer) =>
        Assert.Equal("ADCP014",
            await RefusedAsync(Consumer.Of(consumer).Source(name: "Subject(string tenant)", members: "public string Tenant => tenant;")));

    [Fact]
    public void A_platform_may_have_a_primary_constructor() =>
        Compiles(Consumer.Of("Platform").Source(name: "Subject(string tenant)", members: "public string Tenant => tenant;"));

    [Theory]
    [InlineData("public Parent(int number) { }", "ADCP014")]
    [InlineData("private Parent() { } public Parent(int number) { }", "ADCP014")]
    [InlineData("protected Parent() { }", null)]
    [InlineData("public Parent(int number = 0) { }", null)]
    [InlineData("internal Parent(params int[] numbers) { }", null)]
    public async Task A_base_class_needs_a_constructor_without_arguments(string constructor, string? rule)
    {
        string source = Consumer.Of("SqlLog").Source(types: $"public class Parent {{ {constructor} }}", bases: ": Parent");

        if (rule is null)
        {
            Compiles(source);
        }
        else
        {
            Assert.Equal(rule, await RefusedAsync(source));
        }
    }

    [Theory]
    [InlineData("SqlLog", "[global::Adcp.Aot.Auditing.LoggerDeliveryLog]")]
    [InlineData("FanOutLog", "[global::Adcp.Aot.Auditing.JsonLinesDeliveryLog]")]
    [InlineData("TaskStore", "[global::Adcp.Aot.Storage.SqlDeliveryLog(\"log\")]")]
    public async Task Two_attributes_of_one_class_are_refused(string consumer, string second)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) =
            Consumer.Generate(Consumer.Of(consumer).Source(head: second + " public sealed partial class"));

        Assert.Empty(generated);
        Assert.All(await Consumer.ReportsAsync(output), static report => Assert.Equal("ADCP016", report.Id));
    }

    [Fact]
    public async Task A_sink_that_derives_from_a_sink_is_refused()
    {
        string source = Consumer.Of("SqlLog")
            .Source(types: "[global::Adcp.Aot.Auditing.LoggerDeliveryLog] public partial class Parent { }", bases: ": Parent");
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);

        Assert.EndsWith("Shop.Parent.g.cs", Assert.Single(generated).FilePath, StringComparison.Ordinal);
        Diagnostic report = Assert.Single(await Consumer.ReportsAsync(output));
        Assert.Equal("ADCP016", report.Id);
        Assert.Contains("its base class 'Parent' has [LoggerDeliveryLog]", report.GetMessage(null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_platform_may_be_a_sink() =>
        Compiles(Consumer.Of("Platform").Source(head: "[global::Adcp.Aot.Auditing.LoggerDeliveryLog] public sealed partial class"),
            files: 2);

    [Theory]
    [InlineData("SqlLog")]
    [InlineData("TaskStore")]
    [InlineData("Platform")]
    public async Task A_file_local_class_is_refused(string consumer) =>
        Assert.Equal("ADCP002", await RefusedAsync(Consumer.Of(consumer).Source(head: "file sealed partial class")));

    [Theory]
    [InlineData("public sealed partial class", "internal", "ADCP017")]
    [InlineData("public sealed partial class", "file", "ADCP017")]
    [InlineData("internal sealed partial class", "file", "ADCP017")]
    [InlineData("internal sealed partial class", "internal", null)]
    public async Task The_task_of_a_store_is_as_visible_as_the_store(string head, string access, string? rule)
    {
        string source = Consumer.Of("TaskStore").Source(head: head, types: access + " class Errand { }")
            .Replace("Goods.Job>", "Shop.Errand>", StringComparison.Ordinal)
            .Replace("global::Goods.Job job", "global::Shop.Errand job", StringComparison.Ordinal)
            .Replace("global::Shop.Errand", access == "file" ? "Errand" : "global::Shop.Errand", StringComparison.Ordinal);

        if (rule is null)
        {
            Compiles(source);
        }
        else
        {
            (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);
            Assert.Empty(generated);
            Assert.Equal(rule, Assert.Single(await Consumer.ReportsAsync(output)).Id);
        }
    }

    [Fact]
    public void A_public_fan_out_of_an_internal_sink_has_an_internal_constructor()
    {
        string source =
            Consumer.Of("FanOutLog").Source().Replace("public sealed class Sink", "internal sealed class Sink", StringComparison.Ordinal);

        Compiles(source);
    }

    [Theory]
    [InlineData("FanOutLog", "public sealed class Sink")]
    [InlineData("Platform", "public abstract class JobJson")]
    public async Task A_file_local_type_in_an_attribute_is_refused(string consumer, string type) => Assert.Equal(
        "ADCP017",
        await RefusedAsync(Consumer.Of(consumer).Source()
            .Replace(type, type.Replace("public", "file", StringComparison.Ordinal), StringComparison.Ordinal)
            .Replace("typeof(global::Goods.", "typeof(Goods.", StringComparison.Ordinal)));

    [Fact]
    public void A_type_that_hides_npgsql_costs_the_copy_and_not_the_build()
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) =
            Consumer.Generate(Consumer.Of("PostgreSqlLog").Source(first: "#pragma warning disable CS0437\npublic class Npgsql { }"));

        Assert.DoesNotContain("NpgsqlBinaryImporter", Assert.Single(generated).ToString(), StringComparison.Ordinal);
        Assert.Equal("", Consumer.Problems(output));
    }

    private static async Task<string> RefusedAsync(string source)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);

        Assert.Empty(generated);
        return Assert.Single(await Consumer.ReportsAsync(output)).Id;
    }

    private static void Compiles(string source, int files = 1)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);

        Assert.Equal(files, generated.Count);
        Assert.Equal("", Consumer.Problems(output));
    }
}
