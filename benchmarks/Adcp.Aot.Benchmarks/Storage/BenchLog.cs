using Adcp.Aot.Storage;

namespace Adcp.Aot.Benchmarks.Storage;

/// <summary>The generated sink: every field that the hand-written contestants write, and no other.</summary>
[SqlDeliveryLog("webhook_delivery_log")]
internal sealed partial class BenchLog;
