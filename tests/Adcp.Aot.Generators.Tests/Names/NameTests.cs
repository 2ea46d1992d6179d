using Adcp.Aot.Generators.DeliveryLogs;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Platforms;
using Adcp.Aot.Generators.Stores;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Tests.Names;

/// <summary>
/// Checks that generated code means its own types and members even if the user has the same names. The tested names are
/// all names of the generated code.
/// </summary>
public sealed class NameTests
{
    /// <summary>The names of consumers' classes and their members.</summary>
    private static readonly string[] Own = ["Subject", "TenantOf", "Contract", "FactsOf", "OwnerOf", "HostOf", "GetAsync", "CreateAsync"];

    public static TheoryData<string> Consumers => [.. Consumer.Names];

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_types_of_the_namespace_with_its_names(string consumer)
    {
        string types = Each(consumer, static name => $"public class @{name} {{ }} public class @{name}<TAny> {{ }}", except: ["Subject"]);

        Compiles(Consumer.Of(consumer).Source(types: types));
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_namespaces_with_its_names(string consumer)
    {
        string types = Each(consumer, static name => $"namespace @{name} {{ public class Nothing {{ }} }}", except: ["Subject"]);

        Compiles(Consumer.Of(consumer).Source(types: types));
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_aliases_and_static_usings_with_its_names(string consumer)
    {
        string first =
            Each(consumer, static name => $"global using @{name} = global::Goods.Job;") + "\nglobal using static global::Shop.Statics;";
        string types = "public static class Statics { " + Each(
            consumer, static name => $"public static int @{name}() => 0;", except: ["Statics"]) + " }";

        Compiles(Consumer.Of(consumer).Source(types: types, first: first));
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_nested_types_with_its_names(string consumer) =>
        Compiles(Consumer.Of(consumer).Source(members: EachFree(consumer, static name => $"public class @{name} {{ }}")));

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_fields_with_its_names(string consumer) =>
        Compiles(Consumer.Of(consumer).Source(members: EachFree(consumer, static name => $"public int @{name};")));

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_methods_with_its_names(string consumer) =>
        Compiles(Consumer.Of(consumer).Source(members: EachFree(consumer, static name => $"public void @{name}() {{ }}")));

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_methods_that_overload_its_own(string consumer) => Compiles(
        Consumer.Of(consumer).Source(members: Each(
            consumer, static name =>
                $"public void @{name}(global::Goods.Sink sink, int number) {{ }}", except: [.. NotMethods(consumer), .. Own])));

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Generated_code_compiles_beside_inherited_members_with_its_names(string consumer)
    {
        string types = "public class Parent { " + EachFree(consumer, static name => $"protected int @{name};", "Parent") + " }";

        Compiles(Consumer.Of(consumer).Source(types: types, bases: ": Parent"));
    }

    [Theory]
    [InlineData("SqlLog")]
    [InlineData("JsonLinesLog")]
    [InlineData("LoggerLog")]
    public void Methods_of_computed_columns_may_have_every_name(string consumer)
    {
        string[] names = [.. Free(consumer)];
        string attributes =
            string.Concat(names.Select(static (name, i) => $"[global::Adcp.Aot.Auditing.DeliveryLogColumn(\"c{i}\", \"{name}\")]"));
        string members = string.Concat(names.Select(static (name, i) =>
            $"private {(i % 2 == 0 ? "static " : "")}string @{name}(global::Adcp.Aot.Auditing.DeliveryAttempt attempt) => \"\";"));

        Compiles(Consumer.Of(consumer).Source(members: members, head: attributes + " public sealed partial class"));
    }

    [Theory]
    [InlineData("TaskStore", "global::Goods.Job")]
    [InlineData("PushConfigStore", "global::Adcp.Aot.Storage.PushConfig")]
    public void Methods_of_store_columns_may_have_every_name(string consumer, string saved)
    {
        string[] names = [.. Free(consumer)];
        string attributes =
            string.Concat(names.Select(static (name, i) => $"[global::Adcp.Aot.Storage.StoreColumn(\"c{i}\", \"{name}\")]"));
        string members =
            string.Concat(names.Select((name, i) => $"private {(i % 2 == 0 ? "static " : "")}string @{name}({saved} saved) => \"\";"));

        Compiles(Consumer.Of(consumer).Source(members: members, head: attributes + " public sealed partial class"));
    }

    [Fact]
    public void Methods_of_tools_may_have_every_name() =>
        Compiles(Consumer.Of("Platform").Source(members: string.Concat(Free("Platform").Select(static (name, i) =>
        $"[global::Adcp.Aot.Platform.AdcpTool(\"tool_{i}\")] private {(i % 2 == 0 ? "static " : "")}"
        + $"global::System.Threading.Tasks.Task<global::Goods.Job> @{name}(global::Goods.Job job) => null!;"))));

    [Theory]
    [MemberData(nameof(Consumers))]
    public async Task A_name_that_a_generated_member_needs_is_reported_and_nothing_is_generated(string consumer)
    {
        string[] names = [.. TakenNames(consumer).Order(StringComparer.Ordinal)];
        string source = Consumer.Of(consumer).Source(members: string.Concat(names.Select(static name => $"public int {name};")));
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);
        IReadOnlyList<Diagnostic> reports = await Consumer.ReportsAsync(output);

        Assert.Empty(generated);
        Assert.Equal("", Consumer.Problems(output));
        Assert.All(reports, static report => Assert.Equal("ADCP013", report.Id));
        Assert.Equal(names, reports.Select(
            report => source.Substring(report.Location.SourceSpan.Start, report.Location.SourceSpan.Length)).Order(StringComparer.Ordinal));
        Assert.All(names, name =>
            Assert.Contains(reports, report => report.GetMessage(null).StartsWith($"'Subject.{name}' has", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public async Task An_inherited_name_that_a_generated_member_needs_is_reported(string consumer)
    {
        string[] names = [.. TakenNames(consumer)];
        string fields = string.Concat(names.Select(static name => $"protected int {name};"));
        string source = Consumer.Of(consumer).Source(types: $"public class Parent {{ {fields} }}", bases: ": Parent");
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);
        IReadOnlyList<Diagnostic> reports = await Consumer.ReportsAsync(output);

        Assert.Empty(generated);
        Assert.All(reports, static report => Assert.Equal("ADCP013", report.Id));
        Assert.All(names, name =>
            Assert.Contains(reports, report => report.GetMessage(null).StartsWith($"'Parent.{name}' has", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("SqlLog", "private int Counts;")]
    [InlineData("SqlLog", "protected void DisposeAsync(int number) { }")]
    public void An_inherited_member_that_is_private_or_has_other_parameters_is_not_in_the_way(string consumer, string member) => Compiles(
        Consumer.Of(consumer).Source(types: $"public class Parent {{ {member} }}", bases: ": Parent"));

    [Theory]
    [MemberData(nameof(Consumers))]
    public async Task A_class_with_the_name_of_a_generated_member_is_reported(string consumer)
    {
        foreach (string name in TakenNames(consumer))
        {
            (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(Consumer.Of(consumer).Source(name: name));

            Assert.Empty(generated);
            Assert.Contains(await Consumer.ReportsAsync(output), static report => report.Id == "ADCP013");
        }
    }

    [Theory]
    [InlineData(
        "SqlLog", "public Subject(global::System.Data.Common.DbDataSource a, global::Adcp.Aot.Storage.SqlDialect b, "
        + "global::System.TimeProvider? c) { }")]
    [InlineData("SqlLog", "public global::System.Threading.Tasks.ValueTask DisposeAsync() => default;")]
    [InlineData(
        "SqlLog", "private void OnRejected(global::Adcp.Aot.Auditing.DeliveryAttempt attempt, global::System.Exception reason) { }")]
    [InlineData("SqlLog", "public int get_Counts() => 0;")]
    [InlineData("JsonLinesLog", "public Subject(string path) { }")]
    [InlineData(
        "LoggerLog", "private void OnNotComputed(global::Adcp.Aot.Auditing.DeliveryAttempt a, string b, global::System.Exception c) { }")]
    [InlineData(
        "Platform", "global::System.Collections.Generic.IReadOnlyList<global::Adcp.Aot.Platform.ToolDescription> "
        + "global::Adcp.Aot.Platform.IAdcpPlatform.Tools => null!;")]
    [InlineData("Platform",
        "System.Collections.Generic.IReadOnlyList<Adcp.Aot.Platform.ToolDescription> Adcp.Aot.Platform.IAdcpPlatform.Tools => null!;")]
    [InlineData("TaskStore", "public void PurgeAsync(global::System.Threading.CancellationToken token) { }")]
    [InlineData(
        "PushConfigStore",
            "public Subject(global::System.Data.Common.DbDataSource a, global::Adcp.Aot.Storage.SqlDialect b, "
            + "global::Adcp.Aot.Storage.PushNotificationConfigStoreOptions c) { }")]
    public async Task A_member_with_the_signature_of_a_generated_one_is_reported(string consumer, string member)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(Consumer.Of(consumer).Source(members: member));

        Assert.Empty(generated);
        Assert.Equal("ADCP013", Assert.Single(await Consumer.ReportsAsync(output)).Id);
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public async Task A_sound_class_with_its_generated_part_is_not_reported(string consumer)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Plain(consumer);

        Assert.Single(generated);
        Assert.Equal("", Consumer.Problems(output));
        Assert.Empty(await Consumer.ReportsAsync(output));
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void The_list_of_generated_members_is_that_of_the_generated_text(string consumer)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Plain(consumer);

        Assert.Equal(
            Members(consumer, output).Select(static member => member.ToString()).Order(StringComparer.Ordinal),
            Consumer.GeneratedMembers(output, Assert.Single(generated)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void Every_generated_member_is_marked_and_the_class_of_the_user_is_not(string consumer)
    {
        (Compilation output, _) = Consumer.Plain(consumer);
        INamedTypeSymbol subject = output.GetTypeByMetadataName("Shop.Subject")!;

        Assert.DoesNotContain(subject.GetAttributes(), static attribute =>
            attribute.AttributeClass!.Name is "GeneratedCodeAttribute" or "ExcludeFromCodeCoverageAttribute");
        foreach (ISymbol member in subject.GetMembers().Where(static member => !member.IsImplicitlyDeclared && !IsAccessor(member)))
        {
            string[] attributes = [.. member.GetAttributes().Select(static attribute => attribute.AttributeClass!.Name)];
            bool isGenerated = member.DeclaringSyntaxReferences[0].SyntaxTree.FilePath.EndsWith(".g.cs", StringComparison.Ordinal);
            bool isPartial = member.Name is "OnRejected" or "OnNotComputed";
            Assert.Equal(isGenerated && !isPartial, attributes.Contains("GeneratedCodeAttribute"));
            Assert.Equal(isGenerated && !isPartial && member is not IFieldSymbol, attributes.Contains("ExcludeFromCodeCoverageAttribute"));
        }
    }

    [Theory]
    [MemberData(nameof(Consumers))]
    public void No_generated_line_is_longer_than_160_columns(string consumer)
    {
        (_, IReadOnlyList<SyntaxTree> generated) = Consumer.Plain(consumer);

        IEnumerable<string> lines = Assert.Single(generated).GetText(CancellationToken.None).Lines.Select(static line => line.ToString());
        Assert.Equal("", string.Join("\n", lines.Where(static line => line.Length > 160)));
    }

    private static void Compiles(string source)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Generate(source);

        Assert.Single(generated);
        Assert.Equal("", Consumer.Problems(output));
    }

    private static IReadOnlyList<GeneratedMember> Members(string consumer, Compilation output)
    {
        INamedTypeSymbol type = output.GetTypeByMetadataName("Shop.Subject")!;
        AttributeData attribute = type.GetAttributes()[0];
        IEnumerable<GeneratedMember> members = consumer switch
        {
            "SqlLog" or "PostgreSqlLog" => DeliveryLogMembers.OfSql(DeliveryLogParser.Sql(type, attribute, default).Model!),
            "JsonLinesLog" => DeliveryLogMembers.OfJsonLines(DeliveryLogParser.Text(type, attribute, default).Model!),
            "LoggerLog" => DeliveryLogMembers.OfLogger(DeliveryLogParser.Text(type, attribute, default).Model!),
            "FanOutLog" => DeliveryLogMembers.OfFanOut(DeliveryLogParser.FanOut(type, attribute, default).Model!),
            "TaskStore" => TaskStoreGenerator.Members(TaskStoreParser.Parse(type, attribute, default).Model!),
            "PushConfigStore" => PushConfigStoreGenerator.Members(PushConfigStoreParser.Parse(type, attribute, default).Model!),
            _ => PlatformGenerator.Members(),
        };
        return [.. members];
    }

    /// <summary>The names of generated members, without constructors, accessors and explicit implementations.</summary>
    private static HashSet<string> TakenNames(string consumer)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Plain(consumer);
        return
        [
            .. Consumer.GeneratedMembers(output, generated[0]).Select(static member => member.Split('(')[0])
                .Where(static name => !name.Contains('.', StringComparison.Ordinal) && !name.StartsWith("get_", StringComparison.Ordinal)),
        ];
    }

    private static HashSet<string> NotMethods(string consumer)
    {
        (Compilation output, IReadOnlyList<SyntaxTree> generated) = Consumer.Plain(consumer);
        return [.. Consumer.GeneratedMembers(output, generated[0]).Where(static member => !member.Contains('(', StringComparison.Ordinal))];
    }

    private static string[] All(string consumer) =>
        [.. Consumer.Identifiers(Consumer.Plain(consumer).Generated).Order(StringComparer.Ordinal)];

    /// <summary>The identifiers that are no generated members and no members of the consumer.</summary>
    private static IEnumerable<string> Free(string consumer) => All(consumer)
        .Except([.. TakenNames(consumer), .. Own]);

    private static string Each(string consumer, Func<string, string> write, string[]? except = null) =>
        string.Join("\n", All(consumer).Except(except ?? []).Select(write));

    private static string EachFree(string consumer, Func<string, string> write, params string[] except) =>
        string.Join("\n", Free(consumer).Except(except).Select(write));

    private static bool IsAccessor(ISymbol member) => member is IMethodSymbol { AssociatedSymbol: not null };
}
