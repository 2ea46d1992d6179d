using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore.Operations;

/// <summary>The log lines of the operator page.</summary>
internal static partial class OperationsLog
{
    [LoggerMessage(
        EventId = AspNetCoreEventIds.OperationsOpen, Level = LogLevel.Warning,
        Message = "The operator page at {Pattern} asks for no authorization: set AdcpOperationsOptions.Policy")]
    internal static partial void Open(ILogger logger, string pattern);

    [LoggerMessage(
        EventId = AspNetCoreEventIds.OperationsFailed, Level = LogLevel.Error, Message = "A request of the operator page failed: {Path}")]
    internal static partial void Failed(ILogger logger, Exception fault, string path);
}
