using System.Text;
using Adcp.Aot.Platform;
using Adcp.Aot.Storage;
using Adcp.Aot.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// Guards an MCP or A2A endpoint: checks host, origin, media type and caller before the body is read, and the body's
/// text before it is used. Thread-safe.
/// </summary>
internal sealed partial class EndpointGuard
{
    private const string WrongHost =
        "This agent is not served under the request's Host. Its operator sets AdcpEndpointOptions.AllowedHosts.";
    private const string WrongOrigin =
        "This agent takes no calls from pages of the request's Origin. Its operator sets AdcpEndpointOptions.AllowedOrigins.";

    private const string WrongType = "The Content-Type is application/json.";
    private const string NoIdentity = "The caller's credentials name no account that could own its tasks.";
    private const string TooManyBodies = "Too many large calls are under way. Make the call again later.";

    /// <summary>The bytes of bodies of a tenant's calls under way.</summary>
    private const int MaxBodyBytesPerTenant = 16 << 20;

    /// <summary>The bytes of bodies of all calls under way.</summary>
    private const int MaxBodyBytes = 64 << 20;

    /// <summary>
    /// Bodies are counted in units of the bytes that have arrived, so that a slow or small one takes little.
    /// </summary>
    private const int BodyUnit = 4 << 10;

    private const string Unsound =
        """{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Not JSON in UTF-8, a lone surrogate, or a name twice."}}""";

    private readonly AdcpEndpointOptions _options;
    private readonly IReadOnlyList<string> _hosts;
    private readonly ILogger _logger;
    private readonly Func<AdcpVersion> _version;

    private readonly TenantBudget _bodies = new(perTenant: MaxBodyBytesPerTenant / BodyUnit, total: MaxBodyBytes / BodyUnit);
    private int _hostWarned;
    private int _callerWarned;
    private int _bodiesWarned;

    /// <param name="options">The rules for callers.</param>
    /// <param name="logger">The log.</param>
    /// <param name="version">Returns the AdCP version of the seller behind the endpoint.</param>
    internal EndpointGuard(AdcpEndpointOptions options, ILogger logger, Func<AdcpVersion> version)
    {
        _version = version;
        _options = options;
        _hosts = options.AllowedHosts ?? AdcpEndpointOptions.Loopback;
        _logger = GuardedLogger.Of(logger);
    }

    /// <summary>Puts the guard before an endpoint.</summary>
    /// <param name="next">The endpoint. It finds the caller in <see cref="Caller"/> and the body buffered.</param>
    /// <param name="isSoundOnly">
    /// Whether a body that is not valid JSON is answered here, because the endpoint cannot handle it.
    /// </param>
    internal RequestDelegate Before(RequestDelegate next, bool isSoundOnly) => async http =>
    {
        if (!await AdmitsAsync(http).ConfigureAwait(false))
        {
            return;
        }

        if (!HttpMethods.IsPost(http.Request.Method))
        {
            await next(http).ConfigureAwait(false);
            return;
        }

        string tenant = http.Features.Get<Caller>()!.Tenant;
        int held = 0;
        try
        {
            using MemoryStream body = new();
            byte[] part = new byte[BodyUnit];
            for (int read; (read = await http.Request.Body.ReadAsync(part, http.RequestAborted).ConfigureAwait(false)) > 0;)
            {
                for (; body.Length + read > (long)held * BodyUnit; held++)
                {
                    if (!_bodies.TryTake(tenant))
                    {
                        LogLevel level = Level(ref _bodiesWarned);
                        LogBodies(level, tenant);
                        http.Response.Headers.RetryAfter = "1";
                        http.Response.Headers.Connection = HttpProtocol.IsHttp11(http.Request.Protocol) ? "close" : default;
                        await RefuseAsync(http, StatusCodes.Status503ServiceUnavailable, TooManyBodies).ConfigureAwait(false);
                        return;
                    }
                }

                body.Write(part, 0, read);
            }

            if (isSoundOnly && !ClientText.IsSound(Text(body)))
            {
                await RefuseAsync(http, StatusCodes.Status400BadRequest, Unsound, "application/json").ConfigureAwait(false);
                return;
            }

            body.Position = 0;
            http.Request.Body = body;
            await next(http).ConfigureAwait(false);
        }
        catch (BadHttpRequestException fault) when (!http.Response.HasStarted)
        {
            // Too long, or cut off: the server decides.
            http.Response.StatusCode = fault.StatusCode;
        }
        finally
        {
            for (; held > 0; held--)
            {
                _bodies.Return(tenant);
            }
        }
    };

    /// <summary>Returns the body without the byte order mark that some clients write before UTF-8.</summary>
    internal static ReadOnlySpan<byte> Text(MemoryStream body)
    {
        ReadOnlySpan<byte> text = body.GetBuffer().AsSpan(0, (int)body.Length);
        return text.StartsWith("\uFEFF"u8) ? text[3..] : text;
    }

    private static async Task<bool> RefuseAsync(HttpContext http, int status, string message, string type = "text/plain; charset=utf-8")
    {
        byte[] body = Encoding.UTF8.GetBytes(message);
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
        return false;
    }

    private static bool Matches(string allowed, HostString host) =>
        allowed == "*" || string.Equals(allowed, host.Host, StringComparison.OrdinalIgnoreCase)
            || string.Equals(allowed, host.Value, StringComparison.OrdinalIgnoreCase);

    private async Task<bool> AdmitsAsync(HttpContext http)
    {
        if (!_hosts.Any(allowed => Matches(allowed, http.Request.Host)))
        {
            LogLevel level = Level(ref _hostWarned);
            string host = http.Request.Host.Value ?? "";
            LogHost(level, host);
            return await RefuseAsync(http, StatusCodes.Status421MisdirectedRequest, WrongHost).ConfigureAwait(false);
        }

        if (http.Request.Headers.Origin is { Count: > 0 } origins && !(origins.Count == 1 && IsAllowed(origins[0])))
        {
            LogLevel level = Level(ref _hostWarned);
            LogOrigin(level);
            return await RefuseAsync(http, StatusCodes.Status403Forbidden, WrongOrigin).ConfigureAwait(false);
        }

        if (HttpMethods.IsPost(http.Request.Method) && !IsJson(http.Request.ContentType))
        {
            return await RefuseAsync(http, StatusCodes.Status415UnsupportedMediaType, WrongType).ConfigureAwait(false);
        }

        return await IsNamedAsync(http).ConfigureAwait(false);
    }

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase);

    private bool IsAllowed(string? origin) =>
        origin is not null
        && (_options.AllowedOrigins.Contains(origin, StringComparer.OrdinalIgnoreCase)
            || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https"
                && _hosts.Any(allowed => allowed != "*" && Matches(allowed, HostString.FromUriComponent(url.Authority)))));

    private async Task<bool> IsNamedAsync(HttpContext http)
    {
        string? tenant = _options.SharesOneTenant ? Caller.Anonymous
            : _options.TenantOf is { } tenantOf ? tenantOf(http)
            : Caller.TenantOf(http.User);
        if (tenant is null && (_options.TenantOf is not null || http.User.Identity is not { IsAuthenticated: true }))
        {
            if (_options.TenantOf is null)
            {
                LogLevel level = Level(ref _callerWarned);
                LogNoCaller(level);
            }

            bool isRefused = http.Request.Headers.Authorization.Count > 0;
            http.Response.Headers.WWWAuthenticate = Challenge(http.Request, isRefused);
            return await RefuseAsync(http, StatusCodes.Status401Unauthorized, Unauthenticated(isRefused), "application/json")
                .ConfigureAwait(false);
        }

        if (tenant is null || !IsTenant(tenant))
        {
            LogLevel level = Level(ref _callerWarned);
            LogNoIdentity(level);
            return await RefuseAsync(http, StatusCodes.Status403Forbidden, NoIdentity).ConfigureAwait(false);
        }

        http.Features.Set(new Caller(tenant));
        return true;
    }

    /// <summary>Returns the answer to a call without credentials, or with some that are refused. AdCP 3.0 has one code for both.</summary>
    private string Unauthenticated(bool isRefused)
    {
        bool isOld = _version() == AdcpVersion.V30;
        string code = isOld ? "AUTH_REQUIRED" : isRefused ? "AUTH_INVALID" : "AUTH_MISSING";
        string message = isRefused ? "The call's credentials are refused." : "The call is not authenticated.";
        string recovery = isRefused && !isOld ? "terminal" : "correctable";
        return $$$"""
            {"jsonrpc":"2.0","id":null,"error":{"code":-32028,"message":"{{{message}}}","data":{"adcp_error":
            {"code":"{{{code}}}","message":"{{{message}}}","recovery":"{{{recovery}}}"} } } }
            """;
    }

    private string Challenge(HttpRequest request, bool isRefused)
    {
        List<string> parts = [];
        if (isRefused)
        {
            parts.Add("error=\"invalid_token\"");
        }

        if (_options.NamesResourceMetadata)
        {
            string path = request.PathBase.Add(request.Path).ToUriComponent();
            string origin = $"{request.Scheme}://{request.Host.ToUriComponent()}";
            parts.Add($"resource_metadata=\"{origin}/.well-known/oauth-protected-resource{path}\"");
        }

        return parts.Count == 0 ? "Bearer" : "Bearer " + string.Join(", ", parts);
    }

    private static bool IsTenant(string tenant)
    {
        try
        {
            StoreScope.Of(tenant);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Returns Warning for the first refusal of its kind, so that callers cannot fill the log.</summary>
    private static LogLevel Level(ref int warned) => Interlocked.Exchange(ref warned, 1) == 0 ? LogLevel.Warning : LogLevel.Debug;

    [LoggerMessage(
        EventId = AspNetCoreEventIds.HostRefused,
        Message = "A call under the host {Host} was refused with 421: if buyers call by it, add it to AdcpEndpointOptions.AllowedHosts")]
    private partial void LogHost(LogLevel level, string host);

    [LoggerMessage(
        EventId = AspNetCoreEventIds.OriginRefused,
        Message = "A call from a web page was refused with 403: add its origin to AdcpEndpointOptions.AllowedOrigins if it may call")]
    private partial void LogOrigin(LogLevel level);

    [LoggerMessage(
        EventId = AspNetCoreEventIds.CallerUnknown,
        Message = "A call without authentication was refused with 401: add authentication to the application, or set "
            + "AdcpEndpointOptions.TenantOf, or SharesOneTenant if all callers are one tenant")]
    private partial void LogNoCaller(LogLevel level);

    [LoggerMessage(
        EventId = AspNetCoreEventIds.IdentityMissing,
        Message = "An authenticated call was refused with 403 because it has no single subject ('sub' or name identifier) that could be "
            + "its tenant: set AdcpEndpointOptions.TenantOf")]
    private partial void LogNoIdentity(LogLevel level);

    [LoggerMessage(
        EventId = AspNetCoreEventIds.BodiesFull,
        Message = "A call of tenant {Tenant} was refused with 503: the bodies of calls under way hold 16 MiB for the tenant or 64 MiB "
            + "for all. If the tenant is sound, its calls take too long or it makes too many large ones at once")]
    private partial void LogBodies(LogLevel level, string tenant);
}
