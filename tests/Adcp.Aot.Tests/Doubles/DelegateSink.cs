using Adcp.Aot.Auditing;

namespace Adcp.Aot.Tests.Doubles;

internal sealed class DelegateSink(Func<ReadOnlyMemory<DeliveryAttempt>, CancellationToken, ValueTask> record) : IDeliveryLogSink
{
    public ValueTask RecordAsync(ReadOnlyMemory<DeliveryAttempt> attempts, CancellationToken cancellationToken) =>
        record(attempts, cancellationToken);
}
