namespace Adcp.Aot.Telemetry;

/// <summary>The tags of instruments and spans. Those of instruments have few values. Stable.</summary>
public static class AdcpTags
{
    /// <summary>The outcome of an attempt. Instruments and spans.</summary>
    public const string Outcome = "adcp.webhook.outcome";

    /// <summary>The status with which a delivery ended. Instruments.</summary>
    public const string Status = "adcp.webhook.status";

    /// <summary>The state that a circuit entered. Instruments.</summary>
    public const string BreakerState = "adcp.webhook.breaker.state";

    /// <summary>The part of a destination that the guard refused. Instruments.</summary>
    public const string Refusal = "adcp.webhook.refusal";

    /// <summary>The outcome of a received message. Instruments.</summary>
    public const string ReceiveResult = "adcp.webhook.receive.result";

    /// <summary>The place of a webhook in the outbox. Instruments.</summary>
    public const string OutboxState = "adcp.outbox.state";

    /// <summary>The reason of a dead letter. Instruments.</summary>
    public const string DeadReason = "adcp.outbox.dead.reason";

    /// <summary>The name of an instance of Adcp.Aot.Hosting. Instruments.</summary>
    public const string Instance = "adcp.instance";

    /// <summary>The type of a store. Instruments.</summary>
    public const string Store = "adcp.store";

    /// <summary>The number of an attempt, from 1. Spans.</summary>
    public const string Attempt = "adcp.webhook.attempt";

    /// <summary>The task that a webhook reports on. Spans.</summary>
    public const string TaskId = "adcp.task.id";

    /// <summary>The type of that task. Spans.</summary>
    public const string TaskType = "adcp.task.type";

    /// <summary>The notification type of a webhook. Spans.</summary>
    public const string NotificationType = "adcp.notification.type";

    /// <summary>The number of webhooks that were enqueued together. Spans.</summary>
    public const string Webhooks = "adcp.webhooks";
}
