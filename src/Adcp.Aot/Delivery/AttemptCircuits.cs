using Adcp.Aot.Auditing;
using Adcp.Aot.Resilience;
using Adcp.Aot.Telemetry;
using Adcp.Aot.Threading;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>The circuits of an attempt: its endpoint's and, after a failure to connect, its origin's. Thread-safe.</summary>
internal sealed partial class AttemptCircuits(EndpointTable endpoints, MonotonicClock clock, ILogger logger)
{
    /// <summary>
    /// Returns whether a circuit may refuse a delivery. Otherwise <see cref="FindRefusing"/> need not be called.
    /// </summary>
    internal bool MayRefuse(Endpoint endpoint) => !endpoint.Circuit.IsClosed || endpoints.HasOrigins;

    /// <summary>Returns the endpoint or origin whose circuit would refuse a delivery now; <see langword="null"/> if none would.</summary>
    /// <param name="endpoint">The delivery's endpoint.</param>
    /// <param name="now">The present as a timestamp, which may be a coarse one.</param>
    internal Endpoint? FindRefusing(Endpoint endpoint, long now)
    {
        long milliseconds = clock.Milliseconds(now);
        if (endpoint.Circuit.WouldRefuse(endpoints.Policy, milliseconds))
        {
            return endpoint;
        }

        Endpoint? origin = endpoints.FindOrigin(endpoint);
        return origin?.Circuit.WouldRefuse(endpoints.Policy, milliseconds) == true ? origin : null;
    }

    /// <summary>Takes a permit of both circuits, or of none.</summary>
    /// <param name="delivery">The delivery, which keeps the permits.</param>
    /// <param name="refusedBy">The endpoint or origin whose circuit refused.</param>
    internal bool TryAcquire(InFlightDelivery delivery, out Endpoint refusedBy)
    {
        Endpoint endpoint = refusedBy = delivery.Endpoint;
        delivery.Permit = Acquire(endpoint);
        if (!delivery.Permit.IsGranted)
        {
            return false;
        }

        delivery.Origin = endpoints.FindOrigin(endpoint);
        if (delivery.Origin is { } origin)
        {
            delivery.OriginPermit = Acquire(origin);
            if (!delivery.OriginPermit.IsGranted)
            {
                endpoint.Circuit.Return(delivery.Permit);
                refusedBy = origin;
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Lets an endpoint that failed before this process knew it begin half-open. A circuit that has seen anything is left alone.
    /// </summary>
    internal void Suspect(Endpoint endpoint)
    {
        if (endpoint.Circuit.IsUnused)
        {
            OnChanged(endpoint, endpoint.Circuit.Force(CircuitState.HalfOpen, clock.Milliseconds()));
        }
    }

    /// <summary>Returns the permits of an attempt that is not made.</summary>
    internal static void Return(InFlightDelivery delivery)
    {
        delivery.Endpoint.Circuit.Return(delivery.Permit);
        delivery.Origin?.Circuit.Return(delivery.OriginPermit);
    }

    /// <summary>Reports the end of an attempt to its circuits.</summary>
    internal void Report(
        InFlightDelivery delivery, EndpointHealth health, WebhookSendResult? result, WebhookSendError error,
        bool isConnectFailure, long now)
    {
        Endpoint endpoint = delivery.Endpoint;
        Report(endpoint, delivery.Permit, health, result, error, now);
        if (isConnectFailure && health == EndpointHealth.Failing)
        {
            if (delivery.Origin is null && endpoints.AddOrigin(endpoint) is { } added
                && added.Circuit.TryAcquireClosed(out CircuitPermit permit))
            {
                delivery.Origin = added;
                delivery.OriginPermit = permit;
            }
        }
        else
        {
            // An answer proves that the origin can be reached. Any other result proves nothing about it.
            health = result is { StatusCode: not 0 } ? EndpointHealth.Healthy : EndpointHealth.Unknown;
        }

        if (delivery.Origin is { } origin)
        {
            Report(origin, delivery.OriginPermit, health, result, error, now);
            endpoints.Touch(origin, now);
            delivery.Origin = null;
        }
    }

    private CircuitPermit Acquire(Endpoint endpoint)
    {
        CircuitPermit permit = endpoint.Circuit.TryAcquire(endpoints.Policy, clock, out CircuitChange change);
        OnChanged(endpoint, change);
        return permit;
    }

    private void Report(Endpoint endpoint, CircuitPermit permit, EndpointHealth health, WebhookSendResult? result,
        WebhookSendError error, long now)
    {
        switch (health)
        {
            case EndpointHealth.Healthy:
                OnChanged(endpoint, endpoint.Circuit.Succeed(permit, endpoints.Policy, clock));
                break;
            case EndpointHealth.Failing:
                endpoint.LastStatusCode = (short)(result?.StatusCode ?? 0);
                endpoint.LastError = (byte)error;
                OnChanged(endpoint, endpoint.Circuit.Fail(permit, endpoints.Policy, clock.Milliseconds(now)));
                break;
            default:
                endpoint.Circuit.Return(permit);
                break;
        }
    }

    private void OnChanged(Endpoint endpoint, CircuitChange change)
    {
        if (change.IsNone)
        {
            return;
        }

        DeliveryMeter.Transition(change.To);
        if (change.IsLateSuccess)
        {
            LateSuccess(logger, RedactedUrl.OfText(endpoint.Key), change.From, change.To);
        }
        else if (endpoint is { LastStatusCode: 0, LastError: 0 })
        {
            CircuitTakenOver(logger, RedactedUrl.OfText(endpoint.Key), change.From, change.To);
        }
        else
        {
            CircuitChanged(logger, RedactedUrl.OfText(endpoint.Key), change.From, change.To, endpoint.LastStatusCode,
                (WebhookSendError)endpoint.LastError);
        }

        endpoints.Notify(endpoint, change);
    }

    [LoggerMessage(
        AdcpEventIds.CircuitChanged, LogLevel.Warning,
        "The webhook circuit of {Endpoint} went from {From} to {To}. Its last failure: HTTP status {StatusCode}, error {Error}.")]
    private static partial void CircuitChanged(
        ILogger logger, string endpoint, CircuitState from, CircuitState to, short statusCode, WebhookSendError error);

    [LoggerMessage(AdcpEventIds.CircuitTakenOver, LogLevel.Information,
        "The webhook circuit of {Endpoint} went from {From} to {To}. Its last failure was in another process.")]
    private static partial void CircuitTakenOver(ILogger logger, string endpoint, CircuitState from, CircuitState to);

    [LoggerMessage(AdcpEventIds.LateSuccess, LogLevel.Warning,
        "A late success moved the webhook circuit of {Endpoint} from {From} to {To}.")]
    private static partial void LateSuccess(ILogger logger, string endpoint, CircuitState from, CircuitState to);
}
