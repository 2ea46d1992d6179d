using Adcp.Aot.Auditing;

namespace Adcp.Aot.Storage.Tests.Sinks;

/// <summary>The members that every generated log of a table has, so that one contract is run on several.</summary>
internal interface ITestLog : IDeliveryLogSink, IAsyncDisposable
{
    SqlBatchCounts Counts { get; }

    List<(string? Tenant, Exception Reason)> Rejected { get; }

    ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default);
}
