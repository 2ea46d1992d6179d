using Adcp.Aot.Auditing;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>Takes every record and keeps none.</summary>
internal sealed class NoOpSink : IDeliveryLogSink
{
    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
