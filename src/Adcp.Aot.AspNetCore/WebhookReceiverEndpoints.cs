using Adcp.Aot.AspNetCore.Receiving;
using Adcp.Aot.Receiving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.AspNetCore;

/// <summary>Maps webhook receivers.</summary>
public static class WebhookReceiverEndpoints
{
    private const string DefaultFile = "adcp-webhook-claims.db";

    /// <summary>
    /// Receives webhooks at a path: verifies each, and gives those that are new for their sender to the handler, once. The sender
    /// is answered after the handler. The answer is 200 if the webhook was or is
    /// processed, 401 with AdCP's code if it is not the sender's, 400 if its body is no webhook, 409 if its key had another
    /// payload, 503 with <c>Retry-After</c> if it is being processed or something it
    /// needs is not available, 413, 415, 429, and 500 if the handler threw; a retry is then processed. Challenges are answered if
    /// <see cref="WebhookReceiverOptions.AcceptsChallenge"/> is set.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route, such as <c>/adcp/webhooks</c>.</param>
    /// <param name="handler">
    /// Processes a webhook. Throw if that fails. Its token is cancelled if the claim is lost, because another process may then
    /// process the webhook, and after
    /// <see cref="WebhookReceiverOptions.HandlerTimeout"/>; a sender that hangs up does not cancel it.
    /// </param>
    /// <param name="options">Verifier, origins, store and limits.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">
    /// The options do not fit together. Most often <see cref="WebhookReceiverOptions.PublicOrigins"/> is empty although signatures
    /// are bound to the url that senders call.
    /// </exception>
    /// <exception cref="IOException">The default store cannot be opened.</exception>
    public static IEndpointConventionBuilder MapAdcpWebhookReceiver(
        this IEndpointRouteBuilder endpoints, string pattern, Func<ReceivedWebhook, CancellationToken, ValueTask> handler, WebhookReceiverOptions options)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        ILogger logger = endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.WebhookReceiver");
        WebhookReceiverOptions complete = options with { Store = options.Store ?? DefaultStore.Of(endpoints.ServiceProvider) };
        WebhookReceiver receiver = new(new WebhookIntake(handler, complete, pattern, logger));
        return endpoints.MapMethods(pattern, [HttpMethods.Post], (RequestDelegate)receiver.ReceiveAsync);
    }

    /// <summary>The one store of an application's endpoints, closed when the application has stopped.</summary>
    private static class DefaultStore
    {
        private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<IServiceProvider, SqliteWebhookClaimStore> Stores = [];

        internal static SqliteWebhookClaimStore Of(IServiceProvider services)
        {
            lock (Stores)
            {
                return Stores.GetValue(services, static services =>
                {
                    SqliteWebhookClaimStore store = new(Path.Combine(services.GetRequiredService<IHostEnvironment>().ContentRootPath, DefaultFile));
                    services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopped.Register(
                        static state => ((SqliteWebhookClaimStore)state!).DisposeAsync().AsTask().GetAwaiter().GetResult(), store);
                    return store;
                });
            }
        }
    }
}
