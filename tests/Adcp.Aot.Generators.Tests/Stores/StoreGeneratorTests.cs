using Adcp.Aot.Generators.Stores;
using Adcp.Aot.Generators.Tests.Harness;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Adcp.Aot.Generators.Tests.Stores;

public sealed class StoreGeneratorTests
{
    [Fact]
    public void Task_store_reads_as_its_snapshot()
    {
        GeneratorRun run = GeneratorRun.Of<TaskStoreGenerator>(Compilations.Of(StoreSource.Sound));
        Snapshot.Match("Jobs.TaskStore.g.txt", Assert.Single(run.Files).Value);
    }

    [Fact]
    public void Push_config_store_reads_as_its_snapshot()
    {
        GeneratorRun run = GeneratorRun.Of<PushConfigStoreGenerator>(Compilations.Of(StoreSource.Sound));
        Snapshot.Match("JobHooks.PushConfigStore.g.txt", Assert.Single(run.Files).Value);
    }

    [Theory]
    [InlineData("Any")]
    [InlineData("Sqlite")]
    [InlineData("PostgreSql")]
    [InlineData("MySql")]
    public void Generated_stores_compile_without_a_warning_also_where_names_are_keywords(string dialect)
    {
        string source = StoreSource.Sound
            .Replace("(\"jobs\")", $"(\"shop.jobs\", Dialect = SqlDialect.{dialect}, StateColumn = \"status\")", StringComparison.Ordinal)
            .Replace("typeof(Jobs))", $"typeof(Jobs), Dialect = SqlDialect.{dialect})", StringComparison.Ordinal)
            .Replace("public sealed", "internal sealed", StringComparison.Ordinal)
            .Replace("JobHooks", "@event", StringComparison.Ordinal)
            .Replace("OwnerOf", "@object", StringComparison.Ordinal)
            .Replace("Contract", "@default", StringComparison.Ordinal)
            .Replace("FactsOf", "@new", StringComparison.Ordinal)
            .Replace("namespace Shop;", "namespace Shop.@class;", StringComparison.Ordinal);
        GeneratorDriver driver = CSharpGeneratorDriver.Create(
            [new TaskStoreGenerator().AsSourceGenerator(), new PushConfigStoreGenerator().AsSourceGenerator()],
            parseOptions: Compilations.Parse);
        driver.RunGeneratorsAndUpdateCompilation(Compilations.Of(source), out Compilation output, out _);
        Assert.Equal(3, output.SyntaxTrees.Count());
        Assert.Empty(output.GetDiagnostics().Where(static problem => problem.Severity >= DiagnosticSeverity.Warning));
    }

    [Fact]
    public void Generated_stores_use_no_reflection_and_name_every_value_by_parameter()
    {
        string text = string.Concat(
            Assert.Single(GeneratorRun.Of<TaskStoreGenerator>(Compilations.Of(StoreSource.Sound)).Files).Value,
            Assert.Single(GeneratorRun.Of<PushConfigStoreGenerator>(Compilations.Of(StoreSource.Sound)).Files).Value);
        Assert.DoesNotContain("System.Reflection", text, StringComparison.Ordinal);
        Assert.DoesNotContain("typeof(", text, StringComparison.Ordinal);
        Assert.DoesNotContain("$\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_statement_but_the_purge_names_the_scope()
    {
        foreach (global::Adcp.Aot.Generators.Sql.Dialect dialect in new[] { global::Adcp.Aot.Generators.Sql.Dialect.Sqlite,
            global::Adcp.Aot.Generators.Sql.Dialect.PostgreSql, global::Adcp.Aot.Generators.Sql.Dialect.MySql })
        {
            TaskTable tasks = new("t", "scope", "task_id", "context_id", "state", "is_terminal", "version", "updated_at", "task_json");
            TaskStoreSql task = new(dialect, tasks, default);
            PushConfigStoreSql push = new(
                dialect, new PushConfigTable("p", "scope", "task_id", "config_id", "url", "token", "s", "c", "is_active", "updated_at"),
                tasks, default);
            string[] statements =
            [
                task.Get(), task.Insert(), task.Update(), task.Explain(), task.Delete(), task.List(), task.Count(), push.Save(),
                push.HasTask(), push.Get(), push.List(), push.SetActive(),
                push.Delete(),
            ];
            Assert.All(statements, static sql => Assert.Contains("@scope", sql, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Unrelated_edit_recomputes_nothing()
    {
        GeneratorRun tasks = GeneratorRun.Of<TaskStoreGenerator>(Compilations.Of(StoreSource.Sound));
        GeneratorRun push = GeneratorRun.Of<PushConfigStoreGenerator>(Compilations.Of(StoreSource.Sound));
        foreach (GeneratorRun run in new[] { tasks, push })
        {
            run.Edit(static compilation =>
                compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("class Unrelated { int x; }", Compilations.Parse)));
            (string Step, IncrementalStepRunReason Reason)[] reasons =
                [.. run.Reasons(TaskStoreGenerator.Step, PushConfigStoreGenerator.Step)];
            Assert.NotEmpty(reasons);
            Assert.All(reasons, static step =>
                Assert.True(step.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged, step.ToString()));
        }
    }

    [Fact]
    public void Edit_of_a_method_body_in_the_class_recomputes_no_text()
    {
        GeneratorRun run = GeneratorRun.Of<TaskStoreGenerator>(Compilations.Of(StoreSource.Sound));
        run.Edit(compilation => compilation.ReplaceSyntaxTree(
            compilation.SyntaxTrees[0],
            CSharpSyntaxTree.ParseText(StoreSource.Sound.Replace("=> scope.Key;", "=> scope.Key + \"/\";", StringComparison.Ordinal),
                Compilations.Parse, path: "Consumer.cs")));
        Assert.All(
            run.Reasons(TaskStoreGenerator.Step),
            static step => Assert.True(step.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged,
                step.ToString()));
    }

    [Fact]
    public void Push_store_follows_a_change_of_its_tasks_table()
    {
        GeneratorRun run = GeneratorRun.Of<PushConfigStoreGenerator>(Compilations.Of(StoreSource.Sound));
        run.Edit(compilation => compilation.ReplaceSyntaxTree(
            compilation.SyntaxTrees[0],
            CSharpSyntaxTree.ParseText(StoreSource.Sound.Replace("(\"jobs\")", "(\"errands\")", StringComparison.Ordinal),
                Compilations.Parse, path: "Consumer.cs")));
        Assert.Contains("REFERENCES \"errands\"", Assert.Single(run.Files).Value, StringComparison.Ordinal);
    }
}
