using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Platform;

/// <summary>The platform's log messages: ids and reasons, never urls, secrets or bodies.</summary>
internal static partial class PlatformLog
{
    [LoggerMessage(
        EventId = PlatformEventIds.WebhookNotDelivered,
        Level = LogLevel.Warning,
        Message = "The webhook of task {TaskId} ({Status}) of {Tenant} to {Endpoint} was not delivered: {Reason}")]
    internal static partial void NotDelivered(ILogger logger, string taskId, string status, string tenant, string endpoint, string reason);

    [LoggerMessage(EventId = PlatformEventIds.LegacyRegistration, Level = LogLevel.Warning,
        Message = "A {Tool} call of {Tenant} registered a webhook to {Authority} with authentication {Scheme}, which AdCP deprecates")]
    internal static partial void LegacyRegistration(ILogger logger, string tool, string tenant, string authority, string scheme);

    [LoggerMessage(EventId = PlatformEventIds.ToolFailed, Level = LogLevel.Error, Message = "The tool {Tool} failed")]
    internal static partial void ToolFailed(ILogger logger, string tool, Exception fault);

    [LoggerMessage(EventId = PlatformEventIds.ProcessLocalDelivery, Level = LogLevel.Warning,
        Message = "Development mode: webhooks that are not delivered when the process ends are lost, and no retry horizon is promised")]
    internal static partial void ProcessLocal(ILogger logger);

    [LoggerMessage(EventId = PlatformEventIds.AnswerNotKept, Level = LogLevel.Error,
        Message = "The answer of a {Tool} call could not be kept: if the request is repeated, its outcome is reconciled")]
    internal static partial void AnswerNotKept(ILogger logger, string tool, Exception? fault);

    [LoggerMessage(EventId = PlatformEventIds.ProcessLocalAnswers, Level = LogLevel.Warning,
        Message = "Idempotent answers are kept in memory: if a request is repeated after this process ends, it is performed again")]
    internal static partial void ProcessLocalAnswers(ILogger logger);

    [LoggerMessage(
        EventId = PlatformEventIds.LeftAtShutdown,
        Level = LogLevel.Warning,
        Message = "{Count} webhooks were not delivered within the {Patience} of the shutdown; each is logged by itself. "
            + "A longer PlatformOptions.DrainPatience, or a durable outbox, delivers more")]
    internal static partial void LeftAtShutdown(ILogger logger, int count, TimeSpan patience);

    [LoggerMessage(
        EventId = PlatformEventIds.RegistrationRefused,
        Level = LogLevel.Warning,
        Message = "A {Tool} call of {Tenant} registered a webhook to {Authority}, which may not be sent to: {Reason}")]
    internal static partial void DestinationRefused(ILogger logger, string tool, string tenant, string authority, string reason);

    [LoggerMessage(
        EventId = PlatformEventIds.RateLimited,
        Level = LogLevel.Warning,
        Message = "{Tenant} reached the bound {Limit} and was answered RATE_LIMITED; PlatformOptions.Limits sets it")]
    internal static partial void RateLimited(ILogger logger, string tenant, string limit);

    [LoggerMessage(
        EventId = PlatformEventIds.LeaseLost,
        Level = LogLevel.Warning,
        Message = "The lease of a {Tool} call was taken over by another process, or could not be renewed in time: the call is cancelled")]
    internal static partial void LeaseLost(ILogger logger, string tool, Exception? fault);

    [LoggerMessage(
        EventId = PlatformEventIds.NoDestinationGuard,
        Level = LogLevel.Warning,
        Message = "Webhook urls are checked by their form only, because the sender does not report its destination guard: set "
        + "PlatformOptions.Guard")]
    internal static partial void NoGuard(ILogger logger);

    [LoggerMessage(EventId = PlatformEventIds.CallTimedOut, Level = LogLevel.Warning,
        Message = "A {Tool} call took longer than {CallTimeout} and was cancelled: it is not performed again before its outcome is known")]
    internal static partial void CallTimedOut(ILogger logger, string tool, TimeSpan callTimeout);

    [LoggerMessage(
        EventId = PlatformEventIds.RequestUnresolved,
        Level = LogLevel.Warning,
        Message = "It is not known whether a {Tool} request of {Tenant} was performed (request {Request}), because {Reason}. It is not "
            + "performed again before an IRequestReconciler says that nothing was committed")]
    internal static partial void RequestUnresolved(ILogger logger, string tool, string tenant, string request, string reason);

    [LoggerMessage(
        EventId = PlatformEventIds.ReconcilerFailed,
        Level = LogLevel.Error,
        Message = "The outcome of a {Tool} request of {Tenant} could not be found: the IRequestReconciler or the task registry failed, or "
            + "took too long")]
    internal static partial void ReconcilerFailed(ILogger logger, string tool, string tenant, Exception fault);

    [LoggerMessage(
        EventId = PlatformEventIds.RequestResolved,
        Level = LogLevel.Warning,
        Message = "{Operator} resolved the request {Id} of {Tenant} by hand: {Outcome}")]
    internal static partial void RequestResolved(
        ILogger logger, string @operator, string id, string tenant, Idempotency.ReconciliationOutcome outcome);

    [LoggerMessage(EventId = PlatformEventIds.BreakerKeyFailed, Level = LogLevel.Error,
        Message = "PlatformOptions.BreakerKeyOf threw {Fault} or returned no valid key. The default breaker key was used.")]
    internal static partial void BreakerKeyFailed(ILogger logger, string fault);

    [LoggerMessage(
        EventId = PlatformEventIds.WorkFailed,
        Level = LogLevel.Error,
        Message = "The work of task {TaskId} of {Tenant} failed: the task fails with INTERNAL_ERROR, and the buyer is not shown the cause")]
    internal static partial void WorkFailed(ILogger logger, string taskId, string tenant, Exception fault);

    [LoggerMessage(
        EventId = PlatformEventIds.WorkCutShort,
        Level = LogLevel.Warning,
        Message = "The work of task {TaskId} of {Tenant} did not end before the shutdown. The task stays open: finish it after the restart "
            + "with TaskHandOff.Run, or fail it")]
    internal static partial void WorkCutShort(ILogger logger, string taskId, string tenant);

    [LoggerMessage(
        EventId = PlatformEventIds.WorkNotKept,
        Level = LogLevel.Warning,
        Message = "The end of task {TaskId} ({Status}) of {Tenant} was not kept: {Reason}")]
    internal static partial void WorkNotKept(
        ILogger logger, string taskId, string status, string tenant, string reason, Exception? fault);
}
