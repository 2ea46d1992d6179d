using Adcp.Aot.CodeFixes;
using Adcp.Aot.Generators.DeliveryLogs;
using Adcp.Aot.Generators.Tests.Harness;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Tests.DeliveryLogs;

/// <summary>One test for each rule and for each fix.</summary>
public sealed class DeliveryLogDiagnosticTests
{
    [Theory]
    [InlineData(Sources.Plain)]
    [InlineData(Sources.Mapped)]
    [InlineData(Sources.JsonLines)]
    [InlineData(Sources.Logger)]
    [InlineData(Sources.FanOut)]
    public async Task Good_code_is_left_alone(string source) => Assert.Empty(await Analysis.ReportsAsync<DeliveryLogAnalyzer>(source));

    [Theory]
    [InlineData("ADCP001", "'Log' must be partial, because [SqlDeliveryLog] generates the other part of the class",
        "[SqlDeliveryLog(\"t\")] class Log;")]
    [InlineData("ADCP001", "'Log' must be partial, because [JsonLinesDeliveryLog] generates the other part of the class",
        "[JsonLinesDeliveryLog] class Log;")]
    [InlineData("ADCP002", "'Log' cannot be nested", "partial class Outer { [SqlDeliveryLog(\"t\")] partial class Log; }")]
    [InlineData("ADCP002", "'Log' cannot be generic", "[SqlDeliveryLog(\"t\")] partial class Log<T>;")]
    [InlineData("ADCP002", "'Log' cannot be static", "[SqlDeliveryLog(\"t\")] static partial class Log;")]
    [InlineData("ADCP002", "'Log' cannot be abstract", "[LoggerDeliveryLog] abstract partial class Log;")]
    [InlineData("ADCP003", "'my table' is not an SQL identifier", "[SqlDeliveryLog(\"my table\")] partial class Log;")]
    [InlineData("ADCP003", "is not an SQL identifier", "[SqlDeliveryLog(\"t\\\"; DROP TABLE t; --\")] partial class Log;")]
    [InlineData("ADCP003", "'end-point' is not an SQL identifier",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(AttemptField.Url, \"end-point\")] partial class Log;")]
    [InlineData("ADCP004", "Column 'url' is mapped twice",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(AttemptField.TaskId, \"URL\")] partial class Log;")]
    [InlineData(
        "ADCP004", "Column 'b' is mapped twice",
            "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(AttemptField.TaskId, \"a\"), DeliveryLogColumn(AttemptField.TaskId, \"b\")] "
            + "partial class Log;")]
    [InlineData("ADCP005", "Principal names 'tenant', which is not a column of the log",
        "[SqlDeliveryLog(\"t\", Principal = \"tenant\")] partial class Log;")]
    [InlineData("ADCP005", "Subscriber names 'x'", "[SqlDeliveryLog(\"t\", Subscriber = \"x\")] partial class Log;")]
    [InlineData("ADCP006", "Column 'x' needs a method 'T' in this class. It takes one DeliveryAttempt",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(\"x\", nameof(T))] partial class Log { static string T() => \"\"; }")]
    [InlineData("ADCP006", "needs a method 'T' in this class",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(\"x\", nameof(T))] partial class Log { static object T(DeliveryAttempt a) => a; }")]
    [InlineData(
        "ADCP006", "needs a method 'T' in this class", "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(\"x\", \"T\")] partial class Log;")]
    [InlineData("ADCP007", "9 is not an SqlDialect", "[SqlDeliveryLog(\"t\", Dialect = (SqlDialect)9)] partial class Log;")]
    [InlineData("ADCP008", "Column 'attempt_number': MaxLength",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(AttemptField.AttemptNumber, MaxLength = 3)] partial class Log;")]
    [InlineData("ADCP008", "Column 'occurred_at': Redaction is for a text column only",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(AttemptField.OccurredAt, Redaction = Redaction.Mask)] partial class Log;")]
    [InlineData("ADCP008", "Column 'will_retry': a value of type Boolean cannot be stored as BigInt",
        "[SqlDeliveryLog(\"t\"), DeliveryLogColumn(AttemptField.WillRetry, Type = ColumnType.BigInt)] partial class Log;")]
    [InlineData("ADCP008", "the column of the principal must have no MaxLength and no Redaction",
        "[SqlDeliveryLog(\"t\", Principal = \"task_id\"), DeliveryLogColumn(AttemptField.TaskId, MaxLength = 8)] partial class Log;")]
    [InlineData("ADCP009", "99 is not an AttemptField", "[SqlDeliveryLog(\"t\"), DeliveryLogIgnore((AttemptField)99)] partial class Log;")]
    [InlineData(
        "ADCP009", "-1 is not an AttemptField", "[SqlDeliveryLog(\"t\"), DeliveryLogColumn((AttemptField)(-1), \"x\")] partial class Log;")]
    [InlineData("ADCP010", "'Log' keeps no field", "[SqlDeliveryLog(\"t\", OnlyMapped = true)] partial class Log;")]
    [InlineData(
        "ADCP011", "no reader is generated: the log leaves out, hides or shortens Error, NotificationType",
            "[SqlDeliveryLog(\"t\", Principal = \"task_id\"), DeliveryLogIgnore(AttemptField.Error, AttemptField.NotificationType)] "
            + "partial class Log;")]
    [InlineData("ADCP011", "no reader is generated: the log leaves out, hides or shortens Outcome",
        "[SqlDeliveryLog(\"t\", Principal = \"task_id\"), DeliveryLogColumn(AttemptField.Outcome, MaxLength = 4)] partial class Log;")]
    [InlineData("ADCP012", "'string' does not implement IDeliveryLogSink", "[FanOutDeliveryLog(typeof(string))] partial class Log;")]
    public async Task A_fault_is_named(string id, string message, string source)
    {
        Diagnostic report = Assert.Single(await Analysis.ReportsAsync<DeliveryLogAnalyzer>(Sources.Usings + source));

        Assert.Equal(id, report.Id);
        Assert.Contains(message, report.GetMessage(null), StringComparison.Ordinal);
        Assert.True(report.Location.IsInSource);
    }

    [Theory]
    [InlineData("[SqlDeliveryLog(\"my table\")] partial class Log;")]
    [InlineData("[SqlDeliveryLog(\"t\", Dialect = (SqlDialect)9)] partial class Log;")]
    [InlineData("[SqlDeliveryLog(\"t\")] class Log;")]
    public void Nothing_is_generated_for_a_fault(string source) =>
        Assert.Empty(GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(Sources.Usings + source)).Files);

    [Fact]
    public Task Fix_makes_the_class_partial() => FixesAsync<MakePartialFix>(
        "ADCP001", "[SqlDeliveryLog(\"t\")]\ninternal sealed class Log;", "[SqlDeliveryLog(\"t\")]\ninternal sealed partial class Log;");

    [Fact]
    public Task Fix_makes_a_name_an_identifier() => FixesAsync<ReplaceNameFix>(
        "ADCP003", "[SqlDeliveryLog(\"delivery-log\")]\npartial class Log;", "[SqlDeliveryLog(\"delivery_log\")]\npartial class Log;");

    [Fact]
    public Task Fix_removes_the_second_mapping() => FixesAsync<RemoveFix>(
        "ADCP004",
        "[SqlDeliveryLog(\"t\")]\n[DeliveryLogColumn(AttemptField.TaskId, \"a\")]\n[DeliveryLogColumn(AttemptField.TaskId, "
        + "\"b\")]\npartial class Log;",
        "[SqlDeliveryLog(\"t\")]\n[DeliveryLogColumn(AttemptField.TaskId, \"a\")]\npartial class Log;");

    [Fact]
    public Task Fix_names_the_nearest_column() => FixesAsync<ReplaceNameFix>(
        "ADCP005", "[SqlDeliveryLog(\"t\", Principal = \"taskid\")]\npartial class Log;",
            "[SqlDeliveryLog(\"t\", Principal = \"task_id\")]\npartial class Log;");

    [Theory]
    [InlineData("\"TenantOf\"")]
    [InlineData("nameof(TenantOf)")]
    public async Task Fix_adds_the_member(string member)
    {
        string source = Sources.Usings + $"[SqlDeliveryLog(\"t\")]\n[DeliveryLogColumn(\"tenant\", {member})]\npartial class Log;";

        string changed = await Analysis.FixAsync<DeliveryLogAnalyzer, AddMemberFix>(source, "ADCP006");

        Assert.Contains("private static string? TenantOf(DeliveryAttempt attempt) =>", changed, StringComparison.Ordinal);
        Assert.Empty(await Analysis.ReportsAsync<DeliveryLogAnalyzer>(changed));
        Assert.Empty(GeneratorRun.Of<DeliveryLogGenerator>(Compilations.Of(changed)).Problems);
    }

    [Fact]
    public Task Fix_removes_a_dialect_that_does_not_exist() => FixesAsync<RemoveFix>(
        "ADCP007", "[SqlDeliveryLog(\"t\", Dialect = (SqlDialect)9)]\npartial class Log;", "[SqlDeliveryLog(\"t\")]\npartial class Log;");

    [Fact]
    public Task Fix_removes_an_option_that_does_not_fit() => FixesAsync<RemoveFix>(
        "ADCP008",
        "[SqlDeliveryLog(\"t\")]\n[DeliveryLogColumn(AttemptField.WillRetry, MaxLength = 3)]\npartial class Log;",
        "[SqlDeliveryLog(\"t\")]\n[DeliveryLogColumn(AttemptField.WillRetry)]\npartial class Log;");

    private static async Task FixesAsync<TFix>(string id, string source, string expected)
        where TFix : Microsoft.CodeAnalysis.CodeFixes.CodeFixProvider, new()
    {
        string changed = await Analysis.FixAsync<DeliveryLogAnalyzer, TFix>(Sources.Usings + source, id);

        Assert.Equal(Sources.Usings + expected, changed);
        Assert.Empty(await Analysis.ReportsAsync<DeliveryLogAnalyzer>(changed));
    }
}
