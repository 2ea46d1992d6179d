namespace Adcp.Aot.Resilience;

/// <summary>One endpoint of the table, for operators.</summary>
/// <param name="Key">The breaker key or canonical url. A url may hold secrets in its query.</param>
/// <param name="State">The circuit's state.</param>
/// <param name="ConsecutiveFailures">The number of consecutive failures if closed, otherwise 0.</param>
/// <param name="InFlight">The number of attempts under way.</param>
/// <param name="LastStatusCode">The status of the last failed attempt, 0 if it had none.</param>
/// <param name="LastError">The class of the last failed attempt.</param>
/// <param name="NextProbeIn">The time for which an open circuit still refuses; <c>null</c> if it does not.</param>
public readonly record struct EndpointSnapshot(
    string Key,
    CircuitState State,
    int ConsecutiveFailures,
    int InFlight,
    int LastStatusCode,
    WebhookSendError LastError,
    TimeSpan? NextProbeIn)
{
    /// <summary>Returns the state only: a key may be a url with secrets.</summary>
    public override string ToString() => $"{State}, {ConsecutiveFailures} failures";
}
