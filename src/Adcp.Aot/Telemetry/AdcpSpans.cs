namespace Adcp.Aot.Telemetry;

/// <summary>The names of the spans of the source <see cref="AdcpTelemetry.ActivitySourceName"/>. Stable.</summary>
public static class AdcpSpans
{
    /// <summary>Producer: a webhook was accepted by a supervisor, or enqueued in the outbox.</summary>
    public const string Enqueue = "adcp.webhook.enqueue";

    /// <summary>Client: one attempt. A trace of its own that links to the span of the acceptance.</summary>
    public const string Attempt = "adcp.webhook.send";
}
