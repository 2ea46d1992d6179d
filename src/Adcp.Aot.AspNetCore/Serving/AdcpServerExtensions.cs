using Adcp.Aot.AspNetCore;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Adcp.Aot.Platform;

/// <summary>Adds <c>ServeAsync</c> to <see cref="AdcpServer"/>.</summary>
public static partial class AdcpServerExtensions
{
    extension(AdcpServer)
    {
        /// <summary>
        /// Wires and validates a platform and serves it over MCP at <c>/mcp</c> and A2A at <c>/a2a</c>, with its keys
        /// and agent card at their well-known paths. It serves until the token is cancelled or the process is asked to
        /// stop. Then it drains the webhooks for <see cref="PlatformHandler.DrainPatience"/>. Meanwhile it purges the
        /// options' stores that are <see cref="IExpiringStore"/>s.
        /// </summary>
        /// <param name="platform">The tools.</param>
        /// <param name="options">The seller's options. If there is no logger, the platform logs to the console.</param>
        /// <param name="url">The url to listen on, under which buyers know the agent, such as
        /// <c>http://127.0.0.1:5080</c>.</param>
        /// <param name="serving">The rules for callers, and the callbacks at start and stop.</param>
        /// <param name="sender">Makes single attempts; ignored if there is a supervisor.</param>
        /// <param name="supervisor">Delivers. The caller disposes it, which cuts short the deliveries that the drain
        /// left.</param>
        /// <param name="cancellationToken">Ends the serving.</param>
        /// <exception cref="ArgumentException">No source of the tenant is set in
        /// <see cref="AdcpServerOptions.Endpoints"/>.</exception>
        /// <exception cref="PlatformBootException">
        /// The wiring cannot keep the promises, or a store cannot be read. Lists every gap.
        /// </exception>
        public static async Task ServeAsync(
            IAdcpPlatform platform,
            PlatformOptions options,
            Uri url,
            AdcpServerOptions serving,
            IWebhookSender? sender = null,
            IWebhookDeliverySupervisor? supervisor = null,
            CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(options);
            ArgumentNullException.ThrowIfNull(url);
            ArgumentNullException.ThrowIfNull(serving);
            AdcpEndpointOptions endpoints = serving.Endpoints.Checked(nameof(serving));
            if (endpoints is { TenantOf: null, SharesOneTenant: false })
            {
                throw new ArgumentException(
                    "Nothing authenticates callers here: set AdcpEndpointOptions.TenantOf, or SharesOneTenant if all may be one tenant.",
                    nameof(serving));
            }

            endpoints = endpoints with { AllowedHosts = endpoints.AllowedHosts ?? [.. AdcpEndpointOptions.Loopback, url.Host] };
            using ILoggerFactory console =
                LoggerFactory.Create(static logging => logging.AddSimpleConsole(static lines => lines.SingleLine = true));
            ILogger logger = GuardedLogger.Of(options.Logger ?? console.CreateLogger("Adcp.Aot.Platform"));
            PlatformHandler handler = AdcpServer.CreateFromPlatform(platform, options with { Logger = logger }, sender, supervisor);
            await using (handler.ConfigureAwait(false))
            {
                await handler.CheckStoresAsync(cancellationToken).ConfigureAwait(false);
                WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
                builder.WebHost.UseUrls(url.GetLeftPart(UriPartial.Authority));

                // The server itself logs four lines for each request, with the query strings of urls.
                builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
                builder.Services.AddAdcpMcp(handler, endpoints);
                builder.Services.AddAdcpPurge(new object?[] { options.Tasks, options.Idempotency, options.Outbox }.OfType<IExpiringStore>(),
                    options.TimeProvider);
                WebApplication app = builder.Build();
                await using (app.ConfigureAwait(false))
                {
                    app.MapAdcpMcp();
                    app.MapAdcpA2A(handler, endpoints);
                    app.MapAdcpA2ACard(handler, new Uri(url, "/a2a"), takesBearer: endpoints.TenantOf is not null,
                        requiresProfile: !endpoints.AllowsA2AWithoutProfile);
                    app.MapAdcpWellKnown(options.SigningKeys, new Uri(url, "/mcp"), options.Version);
                    serving.Map?.Invoke(app);
                    await app.StartAsync(cancellationToken).ConfigureAwait(false);
                    serving.Started?.Invoke(handler);
                    await app.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
                    await StopAsync(handler, serving.Stopping, logger).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Delivers the pending webhooks for as long as the patience lasts.</summary>
    private static async Task StopAsync(PlatformHandler handler, Func<CancellationToken, Task>? stopping, ILogger logger)
    {
        TimeProvider time = handler.Options.TimeProvider;
        TimeSpan patience = handler.DrainPatience;
        long started = time.GetTimestamp();
        LogDraining(logger, handler.PendingDeliveries, patience);

        // Side by side: what the application awaits may follow the end of works.
        Task work = handler.Tasks.DrainWorkAsync(patience * 0.75);
        if (stopping is not null)
        {
            using CancellationTokenSource over = new(patience, time);
            try
            {
                await stopping(over.Token).WaitAsync(patience, time).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is TimeoutException or OperationCanceledException)
            {
                LogStoppingTooLong(logger, patience);
            }
            catch (Exception fault)
            {
                // The webhooks are drained even if the application's own callback fails.
                LogStoppingFailed(logger, fault);
            }
        }

        await work.ConfigureAwait(false);
        TimeSpan left = patience - time.GetElapsedTime(started);
        await handler.DrainAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero).ConfigureAwait(false);
    }

    [LoggerMessage(AspNetCoreEventIds.Draining, LogLevel.Information,
        "Stopping: {Pending} webhooks are pending and have {Patience} to be delivered")]
    private static partial void LogDraining(ILogger logger, int pending, TimeSpan patience);

    [LoggerMessage(AspNetCoreEventIds.StoppingTooLong, LogLevel.Warning,
        "AdcpServerOptions.Stopping did not end within {Patience} and is abandoned")]
    private static partial void LogStoppingTooLong(ILogger logger, TimeSpan patience);

    [LoggerMessage(AspNetCoreEventIds.StoppingFailed, LogLevel.Error, "AdcpServerOptions.Stopping failed")]
    private static partial void LogStoppingFailed(ILogger logger, Exception fault);
}
