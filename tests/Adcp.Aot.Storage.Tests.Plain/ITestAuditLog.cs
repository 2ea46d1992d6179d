using Adcp.Aot.Auditing;

namespace Adcp.Aot.Storage.Tests.Sinks;

/// <summary>A log with a principal can be read.</summary>
internal interface ITestAuditLog : ITestLog
{
    Task<IReadOnlyList<WebhookActivityRecord>> ReadRecentAsync(string principal, int limit = 50,
        CancellationToken cancellationToken = default);
}
