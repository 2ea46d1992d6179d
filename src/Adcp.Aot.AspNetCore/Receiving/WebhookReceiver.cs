using System.Globalization;
using Adcp.Aot.Receiving;
using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.AspNetCore;

/// <summary>Passes one endpoint's requests to its intake, and converts the outcome to an HTTP answer.</summary>
internal sealed class WebhookReceiver(WebhookIntake intake)
{
    internal async Task ReceiveAsync(HttpContext http)
    {
        IntakeResult result = await intake.ReceiveAsync(
            InboundHttpRequest.AsArrived(http.Request), http.Request.BodyReader, http.Request.ContentLength, http.RequestAborted)
            .ConfigureAwait(false);
        if (result.Status == IntakeStatus.SenderGone || http.RequestAborted.IsCancellationRequested || http.Response.HasStarted)
        {
            return;
        }

        http.Response.StatusCode = StatusOf(result);
        if (result.Verification.Challenge is { } challenge)
        {
            http.Response.Headers.WWWAuthenticate = challenge;
        }

        if (result.RetryAfter is { } retryAfter)
        {
            http.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (!result.BodyWasRead && HttpProtocol.IsHttp11(http.Request.Protocol))
        {
            // The rest of the body is not read, so the connection is closed with it.
            http.Response.Headers.Connection = "close";
        }

        if (!result.Answer.IsEmpty)
        {
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = result.Answer.Length;
            await http.Response.Body.WriteAsync(result.Answer, http.RequestAborted).ConfigureAwait(false);
        }
        else if (result.Code is { } code)
        {
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync($"{{\"error_code\":\"{code}\"}}", http.RequestAborted).ConfigureAwait(false);
        }
    }

    private static int StatusOf(IntakeResult result) => result.Status switch
    {
        IntakeStatus.Processed or IntakeStatus.AlreadyProcessed or IntakeStatus.ChallengeAccepted => StatusCodes.Status200OK,
        IntakeStatus.ChallengeDeclined => StatusCodes.Status403Forbidden,
        IntakeStatus.NotVerified => result.Verification.StatusCode,
        IntakeStatus.WrongToken => StatusCodes.Status401Unauthorized,
        IntakeStatus.NotDispatchable => StatusCodes.Status400BadRequest,
        IntakeStatus.Conflict => StatusCodes.Status409Conflict,
        IntakeStatus.SenderFull => StatusCodes.Status429TooManyRequests,
        IntakeStatus.HandlerFailed or IntakeStatus.ChallengeFailed => StatusCodes.Status500InternalServerError,
        IntakeStatus.BodyTooSlow => StatusCodes.Status408RequestTimeout,
        IntakeStatus.BodyBroken => result.Fault is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest,
        _ => StatusCodes.Status503ServiceUnavailable,
    };
}
