namespace Adcp.Aot.Platform;

/// <summary>The event ids of the log lines that the seller writes. The ids are stable; texts may change.</summary>
public static class PlatformEventIds
{
    /// <summary>
    /// Warning: "The webhook of task {TaskId} ({Status}) of {Tenant} to {Endpoint} was not delivered: {Reason}"
    /// </summary>
    public const int WebhookNotDelivered = 2001;

    /// <summary>
    /// Warning: "A {Tool} call of {Tenant} registered a webhook to {Authority} with authentication {Scheme}, which AdCP
    /// deprecates"
    /// </summary>
    public const int LegacyRegistration = 2002;

    /// <summary>Error: "The tool {Tool} failed"</summary>
    public const int ToolFailed = 2003;

    /// <summary>
    /// Warning: "Development mode: webhooks that are not delivered when the process ends are lost, and no retry horizon is
    /// promised"
    /// </summary>
    public const int ProcessLocalDelivery = 2004;

    /// <summary>Error: "The answer of a {Tool} call could not be kept: if the request is repeated, its outcome is reconciled"</summary>
    public const int AnswerNotKept = 2005;

    /// <summary>
    /// Warning: "Idempotent answers are kept in memory: if a request is repeated after this process ends, it is performed again"
    /// </summary>
    public const int ProcessLocalAnswers = 2006;

    /// <summary>
    /// Warning: "A {Tool} call took longer than {CallTimeout} and was cancelled: it is not performed again before its outcome is known"
    /// </summary>
    public const int CallTimedOut = 2007;

    /// <summary>
    /// Warning: "{Count} webhooks were not delivered within the {Patience} of the shutdown; each is logged by itself. A
    /// longer PlatformOptions.DrainPatience, or a durable outbox, delivers more"
    /// </summary>
    public const int LeftAtShutdown = 2008;

    /// <summary>
    /// Warning: "A {Tool} call of {Tenant} registered a webhook to {Authority}, which may not be sent to: {Reason}"
    /// </summary>
    public const int RegistrationRefused = 2009;

    /// <summary>
    /// Warning: "{Tenant} reached the bound {Limit} and was answered RATE_LIMITED; PlatformOptions.Limits sets it"
    /// </summary>
    public const int RateLimited = 2010;

    /// <summary>
    /// Warning: "The lease of a {Tool} call was taken over by another process, or could not be renewed in time: the call is
    /// cancelled"
    /// </summary>
    public const int LeaseLost = 2011;

    /// <summary>
    /// Warning: "Webhook urls are checked by their form only, because the sender does not report its destination guard:
    /// set PlatformOptions.Guard"
    /// </summary>
    public const int NoDestinationGuard = 2012;

    /// <summary>
    /// Error: "PlatformOptions.BreakerKeyOf threw {Fault} or returned no valid key. The default breaker key was used."
    /// </summary>
    public const int BreakerKeyFailed = 2013;

    /// <summary>
    /// Error: "The work of task {TaskId} of {Tenant} failed: the task fails with INTERNAL_ERROR, and the buyer is not shown the cause"
    /// </summary>
    public const int WorkFailed = 2014;

    /// <summary>
    /// Warning: "The work of task {TaskId} of {Tenant} did not end before the shutdown. The task stays open: finish it after the restart
    /// with TaskHandOff.Run, or fail it"
    /// </summary>
    public const int WorkCutShort = 2015;

    /// <summary>Warning: "The end of task {TaskId} ({Status}) of {Tenant} was not kept: {Reason}"</summary>
    public const int WorkNotKept = 2016;

    /// <summary>
    /// Warning: "It is not known whether a {Tool} request of {Tenant} was performed (request {Request}), because {Reason}. It is not
    /// performed again before an IRequestReconciler says that nothing was committed"
    /// </summary>
    public const int RequestUnresolved = 2020;

    /// <summary>
    /// Error: "The outcome of a {Tool} request of {Tenant} could not be found: the IRequestReconciler or the task registry failed, or took
    /// too long"
    /// </summary>
    public const int ReconcilerFailed = 2021;

    /// <summary>Warning: "{Operator} resolved the request {Id} of {Tenant} by hand: {Outcome}"</summary>
    public const int RequestResolved = 2022;
}
