using Adcp.Aot.Generators.DeliveryLogs;
using Adcp.Aot.Generators.Tests.Harness;

namespace Adcp.Aot.Generators.Tests.DeliveryLogs;

/// <summary>Compares the generated text to the letter, and checks that it compiles without a warning.</summary>
public sealed class DeliveryLogSnapshotTests
{
    [Theory]
    [InlineData("AuditLog.g.txt", Sources.Plain, "Shop.AuditLog.g.cs", false)]
    [InlineData("HookLog.g.txt", Sources.Mapped, "Shop.HookLog.g.cs", false)]
    [InlineData("HookLog.Npgsql.g.txt", Sources.Mapped, "Shop.HookLog.g.cs", true)]
    [InlineData("JsonLog.g.txt", Sources.JsonLines, "Shop.JsonLog.g.cs", false)]
    [InlineData("LoggerLog.g.txt", Sources.Logger, "Shop.LoggerLog.g.cs", false)]
    [InlineData("BothLogs.g.txt", Sources.FanOut, "Shop.BothLogs.g.cs", false)]
    public void Generated_code_is_what_it_was_and_compiles(string snapshot, string source, string file, bool npgsql)
    {
        GeneratorRun run = GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(source, npgsql));

        Assert.Empty(run.Problems);
        Snapshot.Match(snapshot, run.Files[file]);
    }

    [Fact]
    public void Copy_is_used_where_the_consumer_references_npgsql()
    {
        Assert.Contains("NpgsqlBinaryImporter", GeneratorRun.Of<DeliveryLogGenerator>(
            Compilations.Of(Sources.Mapped, npgsql: true)).Files["Shop.HookLog.g.cs"], StringComparison.Ordinal);
        Assert.DoesNotContain("Npgsql", GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(Sources.Mapped)).Files["Shop.HookLog.g.cs"],
            StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_generated_uses_reflection()
    {
        foreach (string source in new[] { Sources.Plain, Sources.Mapped, Sources.JsonLines, Sources.Logger, Sources.FanOut })
        {
            foreach (string text in GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(source, npgsql: true)).Files.Values)
            {
                Assert.DoesNotContain("System.Reflection", text, StringComparison.Ordinal);
                Assert.DoesNotContain("typeof(", text, StringComparison.Ordinal);
                Assert.DoesNotContain("GetType(", text, StringComparison.Ordinal);
                Assert.DoesNotContain("dynamic ", text, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("SqlDeliveryLog(\"log\")")]
    [InlineData("JsonLinesDeliveryLog")]
    [InlineData("LoggerDeliveryLog")]
    public void Names_may_be_keywords(string attribute)
    {
        GeneratorRun run = GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(
            Sources.Usings.Replace("Shop", "Shop.@namespace", StringComparison.Ordinal)
            + $"[{attribute}]\n[DeliveryLogColumn(\"select\", nameof(@return))]\npublic sealed partial class @class\n{{\n    private "
            + $"static string @return(DeliveryAttempt attempt) => attempt.Url;\n}}\n"));

        Assert.Empty(run.Problems);
        Assert.Single(run.Files);
    }

    [Fact]
    public void A_class_with_a_constructor_of_its_own_chains_to_the_generated_one()
    {
        GeneratorRun run = GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(Sources.Usings +
            """
            [SqlDeliveryLog("log", Dialect = SqlDialect.Sqlite)]
            [DeliveryLogColumn("tenant", nameof(TenantOf))]
            public sealed partial class AuditLog
            {
                private readonly string _tenant;

                public AuditLog(System.Data.Common.DbDataSource source, string tenant)
                    : this(source) => _tenant = tenant;

                private string TenantOf(DeliveryAttempt attempt) => _tenant;
            }
            """));

        Assert.Empty(run.Problems);
        Assert.Contains("    private AuditLog(\n", run.Files["Shop.AuditLog.g.cs"], StringComparison.Ordinal);
    }
}
