using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.RegularExpressions;
using Adcp.Aot.Operations;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>An operator page on a loopback port, and a client of its API.</summary>
internal sealed class OperatorSite : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _client;

    private OperatorSite(WebApplication app)
    {
        _app = app;
        Url = new Uri(app.Urls.First());
        _client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = Url };
    }

    public Uri Url { get; }

    /// <summary>
    /// Gets method and path of every route of the application, so that a new one is covered by the tests of all routes. Parameters of a
    /// path are 1.
    /// </summary>
    public IReadOnlyList<(string Method, string Path)> Routes =>
    [
        .. ((IEndpointRouteBuilder)_app).DataSources.SelectMany(static source => source.Endpoints).OfType<RouteEndpoint>().SelectMany(
            static route => route.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods.Select(
                method => (method, Regex.Replace(route.RoutePattern.RawText!, @"\{[^}]+\}", "1")))),
    ];

    /// <summary>Maps the page at <c>/adcp</c>. Role <c>operator</c> sees it, role <c>reader</c> opens bodies too.</summary>
    public static async Task<OperatorSite> StartAsync(
        IWebhookOperations operations, LinesLog log, bool hasPolicy = true, bool hasBodyPolicy = false, bool requiresReason = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        if (hasPolicy)
        {
            builder.Services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, HeaderUser>("test", null);
            builder.Services.AddAuthorizationBuilder()
                .AddPolicy("operators", static policy => policy.RequireAuthenticatedUser().RequireRole("operator", "reader"))
                .AddPolicy("readers", static policy => policy.RequireRole("reader"));
        }

        WebApplication app = builder.Build();
        app.MapAdcpOperations(
            operations,
            options =>
            {
                options.Policy = hasPolicy ? "operators" : null;
                options.BodyPolicy = hasBodyPolicy ? "readers" : null;
                options.AllowsAnyone = !hasPolicy;
                options.RequiresReason = requiresReason;
            });
        await app.StartAsync();
        return new OperatorSite(app);
    }

    public async Task<HttpResponseMessage> GetAsync(string path, string? user = "alice:operator", string? host = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Host = host;
        As(request, user);
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Gets, or posts an empty object as the page does.</summary>
    public Task<HttpResponseMessage> SendAsync(string method, string path, string? user, string? host = null) =>
        method == "GET" ? GetAsync(path, user, host) : PostAsync(path, user: user, with: request =>
        {
            Assert.Equal("POST", method);
            request.Headers.Host = host;
        });

    public async Task<HttpResponseMessage> PostAsync(
        string path, string body = "{}", string? user = "alice:operator", Action<HttpRequestMessage>? with = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("X-Adcp-Operations", "1");
        As(request, user);
        with?.Invoke(request);
        return await _client.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private static void As(HttpRequestMessage request, string? user)
    {
        if (user is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Test", user);
        }
    }

    /// <summary>Authenticates <c>Authorization: Test NAME:ROLE</c>.</summary>
    private sealed class HeaderUser(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            if (!AuthenticationHeaderValue.TryParse(Request.Headers.Authorization, out AuthenticationHeaderValue? given)
                || given.Parameter?.Split(':') is not [string name, string role])
            {
                return Task.FromResult(AuthenticateResult.NoResult());
            }

            ClaimsIdentity identity = new([new(ClaimTypes.Name, name), new(ClaimTypes.Role, role)], "test");
            return Task.FromResult(AuthenticateResult.Success(new(new ClaimsPrincipal(identity), "test")));
        }
    }

    /// <summary>Keeps each line that is logged, with its level before it.</summary>
    internal sealed class LinesLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel}: {formatter(state, exception)}");
    }
}
