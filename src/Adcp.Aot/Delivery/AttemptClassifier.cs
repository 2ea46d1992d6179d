using System.Net.Sockets;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Adcp.Aot.Telemetry;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>Classifies the end of an attempt: a result, or an exception of a user's sender. Never throws.</summary>
internal sealed partial class AttemptClassifier(ResponseTable responses, ILogger logger)
{
    /// <summary>Returns the verdict of the response table, and writes status and error of the result to the step.</summary>
    internal ResponseClassification Classify(WebhookSendResult result, ref AttemptStep step)
    {
        step.StatusCode = (short)result.StatusCode;
        step.Error = result.Error;
        step.Detail = result.ErrorDetail;
        step.ConnectionReplaced = result.ConnectionReplaced;

        // After a 2xx nothing may be sent again, whatever a user's response table returns or throws.
        try
        {
            ResponseClassification verdict = responses.Classify(result);
            return result.Ok && verdict.Verdict != DeliveryVerdict.Delivered
                ? verdict with { Verdict = DeliveryVerdict.Delivered }
                : verdict;
        }
        catch (Exception thrown)
        {
            TableFailed(logger, thrown.GetType().Name);
            return ResponseTable.Adcp.Classify(result);
        }
    }

    /// <summary>
    /// Returns the verdict for an exception. Faults of the network count against the endpoint, unless they are faults of this
    /// machine or its own network. Any other exception is
    /// a fault of the sender and ends the delivery.
    /// </summary>
    internal static ResponseClassification Classify(Exception fault, ref AttemptStep step)
    {
        step.Fault = fault;
        step.Detail = fault.GetType().Name;
        (DeliveryVerdict verdict, EndpointHealth health, step.Error) = fault switch
        {
            OperationCanceledException or TimeoutException => (DeliveryVerdict.Retry, EndpointHealth.Failing, WebhookSendError.Timeout),
            HttpRequestException or IOException or SocketException when AttemptFault.IsLocal(fault) =>
                (DeliveryVerdict.Retry, EndpointHealth.Unknown, WebhookSendError.LocalNetwork),
            HttpRequestException or IOException or SocketException =>
            (DeliveryVerdict.Retry, EndpointHealth.Failing, WebhookSendError.ConnectionFailed),
            _ => (DeliveryVerdict.Stop, EndpointHealth.Unknown, WebhookSendError.SigningFailed),
        };
        string? code = verdict == DeliveryVerdict.Stop
            ? "sender_fault"
            : step.Error == WebhookSendError.LocalNetwork ? "local_network" : null;
        return new(verdict, health, code);
    }

    /// <summary>
    /// Returns whether an error is our own decision or fault, so that the endpoint's health is unknown.
    /// </summary>
    internal static bool IsRefusal(WebhookSendError error) => error >= WebhookSendError.DestinationRefused;

    [LoggerMessage(EventId = AdcpEventIds.ResponseTableFailed, Level = LogLevel.Error,
        Message = "The response table threw {Fault}. AdCP's own table classified the result.")]
    private static partial void TableFailed(ILogger logger, string fault);
}
