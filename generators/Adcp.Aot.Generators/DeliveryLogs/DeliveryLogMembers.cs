using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <summary>The members that the class of a log gets. A test compares these lists with the generated text.</summary>
internal static class DeliveryLogMembers
{
    private static readonly GeneratedMember Record =
        GeneratedMember.Method("RecordAsync", $"{Global.ReadOnlyMemory}<{Global.DeliveryAttempt}>", Global.CancellationToken);

    private static readonly GeneratedMember Dispose = GeneratedMember.Method("DisposeAsync");

    private static readonly GeneratedMember NotComputed =
        GeneratedMember.PartialMethod("OnNotComputed", Global.DeliveryAttempt, "string", Global.Exception);

    public static IEnumerable<GeneratedMember> OfSql(SqlDeliveryLogModel model)
    {
        string[] read =
            model.HasReader ? [DeliveryLogGenerator.CSharpType(model.PrincipalColumn!.Kind), "int", Global.CancellationToken] : [];
        return
        [
            GeneratedMember.Other("_adcpTable"),
            GeneratedMember.Other("AdcpTable"),
            model.Dialect == Dialect.Any
                ? GeneratedMember.New(Global.DbDataSource, Global.SqlDialect, Global.TimeProvider)
                : GeneratedMember.New(Global.DbDataSource, Global.TimeProvider),
            .. GeneratedMember.Property("Counts"),
            Record,
            Dispose,
            GeneratedMember.Method("CreateIfAbsentAsync", Global.CancellationToken),
            GeneratedMember.PartialMethod("OnRejected", Global.DeliveryAttempt, Global.Exception),
            .. model.HasReader ? [GeneratedMember.Method("ReadRecentAsync", read)] : (GeneratedMember[])[],
        ];
    }

    public static IEnumerable<GeneratedMember> OfJsonLines(DeliveryLogModel model) =>
    [
        GeneratedMember.Other("_adcpLines"),
        GeneratedMember.Other("AdcpLines"),
        GeneratedMember.New(Global.PipeWriter),
        GeneratedMember.New("string"),
        Record,
        Dispose,
        .. Computes(model),
    ];

    public static IEnumerable<GeneratedMember> OfLogger(DeliveryLogModel model) =>
    [
        GeneratedMember.Other("_adcpEntries"),
        GeneratedMember.Other("AdcpEntries"),
        GeneratedMember.New(Global.ILogger),
        Record,
        .. Computes(model),
    ];

    public static IEnumerable<GeneratedMember> OfFanOut(FanOutModel model) =>
        [GeneratedMember.Other("_adcpSinks"), GeneratedMember.New([.. model.Parts]), Record];

    private static GeneratedMember[] Computes(DeliveryLogModel model) =>
        model.Columns.Any(static column => column.Computed is not null) ? [NotComputed] : [];
}
