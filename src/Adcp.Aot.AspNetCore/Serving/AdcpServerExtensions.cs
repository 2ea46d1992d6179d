using Adcp.Aot.Delivery;
using Adcp.Aot.Platform;
using Adcp.Aot.Sending;
using Adcp.Aot.Storage.A2A;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Adcp.Aot.AspNetCore.Serving;

/// <summary>The seed's <c>serve</c>.</summary>
public static class AdcpServerExtensions
{
    extension(AdcpServer)
    {
        /// <summary>
        /// Wires, validates and serves a platform over MCP at <c>/mcp</c> and A2A at <c>/a2a</c>, with its keys and agent card at their well-known paths, until the token is cancelled or the process is asked to
        /// stop; then drains the webhooks. Meanwhile it purges the options' stores that are <see cref="IExpiringStore"/>s.
        /// </summary>
        /// <param name="platform">The tools.</param>
        /// <param name="options">What is promised and spoken.</param>
        /// <param name="url">Where to listen, which is also how buyers know the agent, such as <c>http://127.0.0.1:5080</c>.</param>
        /// <param name="sender">Makes single attempts; ignored where there is a supervisor.</param>
        /// <param name="supervisor">Delivers.</param>
        /// <param name="started">Told the wired platform once requests are taken; null for nobody.</param>
        /// <param name="stopping">Awaited when no more requests are taken and before the webhooks are drained; null for nothing.</param>
        /// <param name="tenantOf">The authenticated caller of a request, such as whom its bearer token names, or null to refuse it with 401; null for one tenant of everybody, <c>anonymous</c>.</param>
        /// <param name="cancellationToken">Ends the serving.</param>
        /// <exception cref="PlatformBootException">Promises and wiring do not fit: every gap at once.</exception>
        public static async Task ServeAsync(
            IAdcpPlatform platform, PlatformOptions options, Uri url, IWebhookSender? sender = null, IWebhookDeliverySupervisor? supervisor = null,
            Action<PlatformHandler>? started = null, Func<Task>? stopping = null, Func<HttpContext, string?>? tenantOf = null,
            CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(options);
            ArgumentNullException.ThrowIfNull(url);
            PlatformHandler handler = AdcpServer.CreateFromPlatform(platform, options, sender, supervisor);
            await using (handler.ConfigureAwait(false))
            {
                WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
                builder.WebHost.UseUrls(url.GetLeftPart(UriPartial.Authority));
                Func<HttpContext, string>? tenant = tenantOf is null ? null : http => tenantOf(http)!;
                builder.Services.AddAdcpMcp(handler, tenant);
                builder.Services.AddAdcpPurge(new object[] { options.Tasks, options.Idempotency }.OfType<IExpiringStore>(), options.TimeProvider);
                WebApplication app = builder.Build();
                await using (app.ConfigureAwait(false))
                {
                    if (tenantOf is not null)
                    {
                        app.Use((http, next) => IsNamed(http, tenantOf) ? next(http) : Task.CompletedTask);
                    }

                    app.MapAdcpMcp();
                    app.MapAdcpA2A(handler, tenantOf: tenant);
                    app.MapAdcpA2ACard(handler, new Uri(url, "/a2a"), takesBearer: tenantOf is not null);
                    app.MapAdcpWellKnown(options.SigningKeys, new Uri(url, "/mcp"), options.Version);
                    await app.StartAsync(cancellationToken).ConfigureAwait(false);
                    started?.Invoke(handler);
                    await app.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
                    if (stopping is not null)
                    {
                        await stopping().ConfigureAwait(false);
                    }
                }
            }
        }
    }

    /// <summary>Whether a caller may go on: what is well known is everybody's.</summary>
    private static bool IsNamed(HttpContext http, Func<HttpContext, string?> tenantOf)
    {
        if (http.Request.Path.StartsWithSegments("/.well-known", StringComparison.Ordinal) || tenantOf(http) is not null)
        {
            return true;
        }

        http.Response.StatusCode = StatusCodes.Status401Unauthorized;
        http.Response.Headers.WWWAuthenticate = "Bearer";
        return false;
    }
}
