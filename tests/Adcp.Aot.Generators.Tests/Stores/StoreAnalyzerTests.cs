using System.Collections.Immutable;
using Adcp.Aot.CodeFixes;
using Adcp.Aot.CodeFixes.Stores;
using Adcp.Aot.Generators.Stores;
using Adcp.Aot.Generators.Tests.Harness;
using Adcp.Aot.Storage;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Tests.Stores;

public sealed class StoreAnalyzerTests
{
    private const string Plain = "[TaskStore<Job>(\"jobs\")]";

    [Fact]
    public async Task Sound_stores_have_no_fault() => Assert.Empty(await Analysis.ReportsAsync<StoreAnalyzer>(StoreSource.Sound));

    [Theory]
    [InlineData("ADCP001", Plain, "public sealed class Jobs")]
    [InlineData("ADCP002", Plain, "public sealed partial class Jobs<T>")]
    [InlineData("ADCP002", Plain, "public static partial class Jobs")]
    [InlineData("ADCP002", Plain, "public abstract partial class Jobs")]
    [InlineData("ADCP003", "[TaskStore<Job>(\"jobs; DROP TABLE jobs\")]", "public sealed partial class Jobs")]
    [InlineData("ADCP003", "[TaskStore<Job>(\"jobs\", ScopeColumn = \"the scope\")]", "public sealed partial class Jobs")]
    [InlineData("ADCP004", "[TaskStore<Job>(\"jobs\", StateColumn = \"SCOPE\")]", "public sealed partial class Jobs")]
    [InlineData("ADCP007", "[TaskStore<Job>(\"jobs\", Dialect = (SqlDialect)9)]", "public sealed partial class Jobs")]
    [InlineData("ADCP046", Plain + "[PushNotificationConfigStore(\"hooks\", typeof(Jobs))]", "public sealed partial class Jobs")]
    public async Task Wrong_class_or_attribute_is_named(string rule, string attributes, string head) =>
        Assert.Contains(await Faults(StoreSource.Class(attributes, head: head)), found => found.Id == rule);

    [Fact]
    public async Task Nested_class_is_named() => Assert.Contains(
        await Faults(StoreSource.Usings + "public class Outer\n{\n" + Plain + "\npublic sealed partial class Jobs\n{\n"
            + StoreSource.Members + "\n}\n}\n"),
        static found => found.Id == "ADCP002");

    [Theory]
    [InlineData("ADCP040", "private static TaskFacts FactsOf(Job job) => default;")]
    [InlineData("ADCP040", "private JsonTypeInfo<Job> Contract => null!; private static TaskFacts FactsOf(Job job) => default;")]
    [InlineData("ADCP040", "private static JsonTypeInfo<string> Contract => null!; private static TaskFacts FactsOf(Job job) => default;")]
    [InlineData("ADCP041", "private static JsonTypeInfo<Job> Contract => null!;")]
    [InlineData("ADCP041", "private static JsonTypeInfo<Job> Contract => null!; private TaskFacts FactsOf(Job job) => default;")]
    [InlineData("ADCP041", "private static JsonTypeInfo<Job> Contract => null!; private static TaskFacts FactsOf(string job) => default;")]
    [InlineData("ADCP042", StoreSource.Members + "private static TaskFacts Other(Job job) => default;")]
    [InlineData("ADCP042", StoreSource.Members + "private static readonly JsonTypeInfo<Job> Other = null!;")]
    public async Task Missing_or_ambiguous_member_is_named(string rule, string members) =>
        Assert.Equal(rule, Assert.Single(await Faults(StoreSource.Class(Plain, members))).Id);

    [Theory]
    [InlineData("")]
    [InlineData("private static object Of(Job job) => job;")]
    [InlineData("private static string Of(string job) => job;")]
    [InlineData("private static string Of(Job job, StoreScope scope) => \"\";")]
    [InlineData("private static string Of(in Job job) => \"\";")]
    [InlineData("private static string Of<T>(Job job) => \"\";")]
    [InlineData("private static string Of => \"\";")]
    [InlineData("private static void Of(Job job) { }")]
    public async Task Computed_columns_member_of_the_wrong_shape_is_named(string member) => Assert.Equal(
        "ADCP043", Assert.Single(await Faults(
            StoreSource.Class(Plain + "[StoreColumn(\"extra\", \"Of\")]", StoreSource.Members + member))).Id);

    [Theory]
    [InlineData("string?")]
    [InlineData("short")]
    [InlineData("int?")]
    [InlineData("long")]
    [InlineData("double")]
    [InlineData("decimal?")]
    [InlineData("bool")]
    [InlineData("Guid")]
    [InlineData("DateTime")]
    [InlineData("DateTimeOffset?")]
    public async Task Computed_columns_member_may_return_what_a_database_keeps(string type) => Assert.Empty(
        await Faults(StoreSource.Class(Plain + "[StoreColumn(\"extra\", \"Of\")]", StoreSource.Members
            + $"private {type} Of(Job job) => default!;")));

    [Theory]
    [InlineData("ADCP008", "[StoreColumn(\"extra\", \"Of\", MaxLength = 5)]", "private static int Of(Job job) => 0;")]
    [InlineData("ADCP008", "[StoreColumn(\"extra\", \"Of\", MaxLength = -1)]", "private static string Of(Job job) => \"\";")]
    [InlineData("ADCP004", "[StoreColumn(\"State\", \"Of\")]", "private static string Of(Job job) => \"\";")]
    [InlineData("ADCP003", "[StoreColumn(\"a-b\", \"Of\")]", "private static string Of(Job job) => \"\";")]
    public async Task Computed_column_that_does_not_fit_is_named(string rule, string attribute, string member) =>
        Assert.Equal(rule, Assert.Single(await Faults(StoreSource.Class(Plain + attribute, StoreSource.Members + member))).Id);

    [Theory]
    [InlineData("ADCP044", "typeof(Job)")]
    [InlineData("ADCP044", "null!")]
    [InlineData("ADCP045", "typeof(Jobs), Dialect = SqlDialect.Sqlite")]
    [InlineData("ADCP004", "typeof(Jobs), UrlColumn = \"token\"")]
    public async Task Push_store_that_fits_no_task_store_is_named(string rule, string arguments) => Assert.Equal(
        rule, Assert.Single(await Faults(StoreSource.Sound.Replace("typeof(Jobs)", arguments, StringComparison.Ordinal))).Id);

    [Fact]
    public async Task Nothing_is_generated_where_something_is_wrong()
    {
        string source = StoreSource.Class(Plain, "");
        Assert.Equal(["ADCP040", "ADCP041"], (await Faults(source)).Select(static found => found.Id).Order());
        Assert.Empty(GeneratorRun.Of<TaskStoreGenerator>(Compilations.Of(source)).Files);
    }

    [Fact]
    public async Task Fix_gives_the_contract_of_a_context_that_has_the_task()
    {
        string source = StoreSource.Class(Plain, "    private static TaskFacts FactsOf(Job job) => default;")
            + "[JsonSerializable(typeof(Job))]\ninternal abstract class ShopJson(System.Text.Json.JsonSerializerOptions options) : "
            + "JsonSerializerContext(options);\n";
        string text = await Analysis.FixAsync<StoreAnalyzer, StoreCodeFix>(source, "ADCP040");
        Assert.Contains("private static JsonTypeInfo<Job> Contract => ShopJson.Default.Job;", text, StringComparison.Ordinal);
        Assert.DoesNotContain("JobsJson", text, StringComparison.Ordinal);
        Assert.DoesNotContain(await Faults(text), static found => found.Id == "ADCP040");
    }

    [Fact]
    public async Task Fix_writes_a_context_where_there_is_none()
    {
        string text = await Analysis.FixAsync<StoreAnalyzer,
            StoreCodeFix>(StoreSource.Class(Plain, "    private static TaskFacts FactsOf(Job job) => default;"), "ADCP040");
        Assert.Contains("Contract => JobsJson.Default.Job;", text, StringComparison.Ordinal);
        Assert.Contains("partial class JobsJson : JsonSerializerContext", text, StringComparison.Ordinal);
        Assert.Contains("[JsonSerializable(typeof(Job))]", text, StringComparison.Ordinal);
        Assert.DoesNotContain(await Faults(text), static found => found.Id == "ADCP040");
    }

    [Fact]
    public async Task Fix_adds_the_method_that_gives_facts()
    {
        string text = await Analysis.FixAsync<StoreAnalyzer, StoreCodeFix>(StoreSource.Usings + Plain
            + "\npublic sealed partial class Jobs;\n", "ADCP041");
        Assert.Contains("private static TaskFacts FactsOf(Job task) => throw new NotImplementedException();", text,
            StringComparison.Ordinal);
        Assert.DoesNotContain(await Faults(text), static found => found.Id == "ADCP041");
    }

    [Fact]
    public async Task Fix_adds_a_computed_columns_method()
    {
        string text = await Analysis.FixAsync<StoreAnalyzer,
            StoreCodeFix>(StoreSource.Class(Plain + "[StoreColumn(\"extra\", \"ExtraOf\")]"), "ADCP043");
        Assert.Contains("private static string? ExtraOf(Job saved) => throw new NotImplementedException();", text,
            StringComparison.Ordinal);
        Assert.Empty(await Faults(text));
    }

    [Theory]
    [InlineData("typeof(Job)")]
    [InlineData("null!")]
    public async Task Fix_names_a_task_store(string given)
    {
        string text = await Analysis.FixAsync<StoreAnalyzer,
            PushConfigStoreFix>(StoreSource.Sound.Replace("typeof(Jobs)", given, StringComparison.Ordinal), "ADCP044");
        Assert.Equal(StoreSource.Sound, text);
    }

    [Theory]
    [InlineData("Jobs", "Jobs), Dialect = SqlDialect.Sqlite", "")]
    [InlineData("Jobs", "Jobs), Dialect = SqlDialect.Sqlite", ", Dialect = SqlDialect.PostgreSql")]
    [InlineData("Jobs", "Jobs)", ", Dialect = SqlDialect.MySql")]
    public async Task Fix_gives_push_configurations_the_dialect_of_their_tasks(string store, string given, string tasks)
    {
        string sound = StoreSource.Sound.Replace("<Job>(\"jobs\"", "<Job>(\"jobs\"" + tasks, StringComparison.Ordinal);
        string text = await Analysis.FixAsync<StoreAnalyzer, PushConfigStoreFix>(
            sound.Replace($"typeof({store})", "typeof(" + given, StringComparison.Ordinal), "ADCP045");
        Assert.Equal(sound.Replace("typeof(Jobs)", "typeof(Jobs)" + tasks, StringComparison.Ordinal), text);
    }

    [Fact]
    public async Task Fix_makes_two_classes_of_two_stores()
    {
        string text = await Analysis.FixAsync<StoreAnalyzer, PushConfigStoreFix>(
            StoreSource.Class(Plain + "\n[PushNotificationConfigStore(\"hooks\", typeof(Jobs), UrlColumn = \"target\")]"), "ADCP046");
        Assert.Equal(
            StoreSource.Class(Plain) + "\n[PushNotificationConfigStore(\"hooks\", typeof(Jobs), UrlColumn = \"target\")]\npublic "
            + "sealed partial class JobsPushConfigs;\n", text);
        Assert.Empty(await Faults(text));
    }

    [Theory]
    [InlineData("ADCP003", "[TaskStore<Job>(\"my jobs\")]", "[TaskStore<Job>(\"my_jobs\")]")]
    [InlineData("ADCP003", "[TaskStore<Job>(\"jobs\", ScopeColumn = \"the scope\")]",
        "[TaskStore<Job>(\"jobs\", ScopeColumn = \"the_scope\")]")]
    public async Task Fix_makes_a_name_an_identifier(string rule, string given, string expected) => Assert.Equal(
        StoreSource.Class(expected), await Analysis.FixAsync<StoreAnalyzer, ReplaceNameFix>(StoreSource.Class(given), rule));

    [Theory]
    [InlineData("ADCP004", "[TaskStore<Job>(\"jobs\", StateColumn = \"SCOPE\")]")]
    [InlineData("ADCP004", "[TaskStore<Job>(\"jobs\", ScopeColumn = \"state\")]")]
    [InlineData("ADCP007", "[TaskStore<Job>(\"jobs\", Dialect = (SqlDialect)9)]")]
    public async Task Fix_removes_an_option_and_leaves_the_store(string rule, string given) =>
        Assert.Equal(StoreSource.Class(Plain), await Analysis.FixAsync<StoreAnalyzer, RemoveFix>(StoreSource.Class(given), rule));

    [Fact]
    public async Task Fix_makes_a_store_partial() => Assert.Equal(
        StoreSource.Class(Plain), await Analysis.FixAsync<StoreAnalyzer,
            MakePartialFix>(StoreSource.Class(Plain, head: "public sealed class Jobs"), "ADCP001"));

    [Fact]
    public async Task Fix_removes_the_second_computed_column()
    {
        const string Column = "\n[StoreColumn(\"a\", \"Of\")]";
        const string Members = StoreSource.Members + "private static string Of(Job job) => \"\";";
        Assert.Equal(
            StoreSource.Class(Plain + Column, Members),
            await Analysis.FixAsync<StoreAnalyzer, RemoveFix>(StoreSource.Class(Plain + Column + Column, Members), "ADCP004"));
    }

    [Fact]
    public void Class_that_is_two_stores_is_neither()
    {
        string source = StoreSource.Class(Plain + "[PushNotificationConfigStore(\"hooks\", typeof(Jobs))]");
        Assert.Empty(GeneratorRun.Of<TaskStoreGenerator>(Compilations.Of(source)).Files);
        Assert.Empty(GeneratorRun.Of<PushConfigStoreGenerator>(Compilations.Of(source)).Files);
    }

    private static Task<ImmutableArray<Diagnostic>> Faults(string source) => Analysis.ReportsAsync<StoreAnalyzer>(source);
}
