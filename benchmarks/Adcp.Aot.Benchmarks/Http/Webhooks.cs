using System.Text;

namespace Adcp.Aot.Benchmarks.Http;

/// <summary>The webhook that all candidates send: a completed media buy with a result of one KiB.</summary>
internal static class Webhooks
{
    internal const string TaskId = "task_456";
    internal const string OperationId = "op_456";

    /// <summary>One KiB of JSON.</summary>
    internal static readonly byte[] Result = Encoding.UTF8.GetBytes(
        "{\"media_buy_id\":\"mb_1\",\"packages\":["
        + string.Join(',', Enumerable.Range(0, 14).Select(
            static i => $"{{\"package_id\":\"pkg_{i}\",\"product_id\":\"prod_{i}\",\"budget\":{i + 1}000,\"paused\":false}}")) + "]}");
}
