using Adcp.Aot.AspNetCore.Receiving;
using Adcp.Aot.Verification;
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
    /// Receives webhooks at a path: each is verified, and those that are new for their sender are given to the handler, once. The sender is answered after the handler: 200 where it was or is processed
    /// now, 401 with AdCP's code where it is not the sender's, 400 where its envelope is not one, 503 while another request processes it or keys cannot be read, 409 where its key had another payload,
    /// 413, 415, 429, and 500 where the handler threw; a retry is then processed. Challenges are answered where <see cref="WebhookReceiverOptions.AcceptsChallenge"/> is set.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route, such as <c>/adcp/webhooks</c>.</param>
    /// <param name="handler">
    /// Processes a webhook. Throw where that fails. Its token is cancelled where the claim is lost, because another process may then be at it; a sender that hangs up does not cancel it.
    /// </param>
    /// <param name="options">Verifier, store and limits.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException"><see cref="WebhookReceiverOptions.ChallengeVerifier"/> is missing or has nothing to verify.</exception>
    /// <exception cref="IOException">The default store cannot be opened.</exception>
    public static IEndpointConventionBuilder MapAdcpWebhookReceiver(
        this IEndpointRouteBuilder endpoints, string pattern, Func<ReceivedWebhook, CancellationToken, ValueTask> handler, WebhookReceiverOptions options)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(options);
        if (options.ChallengeVerifier is null == (options.AcceptsChallenge is not null && options.Verifier is not Rfc9421Verifier))
        {
            throw new ArgumentException("ChallengeVerifier is needed where AcceptsChallenge is set and Verifier is no Rfc9421Verifier, and only there.", nameof(options));
        }

        ILogger logger = endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.WebhookReceiver");
        WebhookReceiver receiver = new(handler, options, options.Store ?? DefaultStore.Of(endpoints.ServiceProvider), logger);
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
