using Adcp.Aot.AspNetCore;
using Adcp.Aot.Receiving;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps webhook receivers.</summary>
public static class AdcpReceiverEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Receives webhooks at a path: verifies each one and, if it is new for its sender, calls the handler once. The
    /// sender is answered after the handler. 200: the webhook is or was processed. 400: its body is not a webhook. 401
    /// with AdCP's code: it is not the sender's. 409: its key had another payload. 413, 415 and 429: it is too large,
    /// not JSON, or the sender has too many keys. 500: the handler threw; a retry is then processed. 503 with
    /// <c>Retry-After</c>: it is being processed, or a resource that it needs is not available. Challenges are answered
    /// if <see cref="WebhookReceiverOptions.AcceptsChallenge"/> is set.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route, such as <c>/adcp/webhooks</c>.</param>
    /// <param name="handler">
    /// Processes a webhook. Throw if that fails. Its token is cancelled if the claim is lost, because another process
    /// may then process the webhook, and after <see cref="WebhookReceiverOptions.HandlerTimeout"/>. It is not cancelled
    /// if the sender closes the connection.
    /// </param>
    /// <param name="options">Verifier, origins, store and limits.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The options contradict each other. Most often <see cref="WebhookReceiverOptions.PublicOrigins"/> is empty
    /// although signatures are bound to the url that senders call. Or there is no claim store: neither
    /// <see cref="WebhookReceiverOptions.Store"/> nor a service of type <see cref="IWebhookClaimStore"/>.
    /// </exception>
    /// <remarks>
    /// When the application has started, the claim store and the replay cache are checked once, and a failure is
    /// logged. The endpoint answers 503 until they work. If the application must not start without them, await their
    /// <c>CheckAsync</c> before.
    /// </remarks>
    public static IEndpointConventionBuilder MapAdcpWebhookReceiver(
        this IEndpointRouteBuilder endpoints, string pattern, Func<ReceivedWebhook, CancellationToken, ValueTask> handler,
        WebhookReceiverOptions options)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        ILogger logger = endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.WebhookReceiver");
        IWebhookClaimStore? store = options.Store ?? endpoints.ServiceProvider.GetService<IWebhookClaimStore>();
        WebhookIntake intake = new(handler, options with { Store = store }, pattern, logger);
        if (endpoints.ServiceProvider.GetService<IHostApplicationLifetime>() is { } application)
        {
            application.ApplicationStarted.Register(() => _ = CheckAsync(intake, application.ApplicationStopping));
        }

        WebhookReceiver receiver = new(intake);
        return endpoints.MapMethods(pattern, [HttpMethods.Post], (RequestDelegate)receiver.ReceiveAsync);
    }

    /// <summary>Checks an intake once. It writes failures to the log itself.</summary>
    private static async Task CheckAsync(WebhookIntake intake, CancellationToken stopping)
    {
        try
        {
            await intake.CheckAsync(stopping).ConfigureAwait(false);
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // The application ends.
        }
    }
}
