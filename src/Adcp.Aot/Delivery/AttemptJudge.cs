using System.Net.Sockets;
using Adcp.Aot.Resilience;
using Adcp.Aot.Sending;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Delivery;

/// <summary>What an attempt's end means, whether it ended in a result or in an exception of a sender that is not ours. Never throws.</summary>
internal sealed partial class AttemptJudge(ResponseTable responses, ILogger logger)
{
    internal ResponseClassification Judge(WebhookDeliveryResult result)
    {
        // Nothing after a 2xx may cause another send, whatever a replaced table says or throws.
        try
        {
            ResponseClassification verdict = responses.Classify(result);
            return result.Ok && verdict.Verdict != DeliveryVerdict.Delivered ? verdict with { Verdict = DeliveryVerdict.Delivered } : verdict;
        }
        catch (Exception thrown)
        {
            TableFailed(logger, thrown.GetType().Name);
            return ResponseTable.Adcp.Classify(result);
        }
    }

    /// <summary>The network's faults are the endpoint's; everything else is ours, stops, and never touches the breaker.</summary>
    internal static (ResponseClassification Verdict, WebhookSendError Error, string Detail) Judge(Exception fault)
    {
        string name = fault.GetType().Name;
        return fault switch
        {
            OperationCanceledException or TimeoutException =>
                (new(DeliveryVerdict.Retry, EndpointHealth.Failing), WebhookSendError.Timeout, name),
            HttpRequestException or IOException or SocketException =>
                (new(DeliveryVerdict.Retry, EndpointHealth.Failing), WebhookSendError.ConnectionFailed, name),
            _ => (new(DeliveryVerdict.Stop, EndpointHealth.Unknown, "sender_fault"), WebhookSendError.SigningFailed, name),
        };
    }

    [LoggerMessage(EventId = 403, Level = LogLevel.Error, Message = "The response table threw {Fault}; AdCP's own table was used.")]
    private static partial void TableFailed(ILogger logger, string fault);
}
