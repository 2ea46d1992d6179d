using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using Adcp.Aot.Operations;
using Adcp.Aot.Signing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>A supervisor whose receivers answer by a table, and its operator page on a loopback port.</summary>
internal sealed class OperatedSupervisor : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Answers _answers;
    private readonly HttpClient _client;

    private OperatedSupervisor(
        WebApplication app, Answers answers, InMemoryWebhookDeliverySupervisor supervisor, LinesLog log)
    {
        _app = app;
        _answers = answers;
        Supervisor = supervisor;
        Log = log;
        Url = new Uri(app.Urls.First());
        _client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = Url };
    }

    public InMemoryWebhookDeliverySupervisor Supervisor { get; }

    public LinesLog Log { get; }

    public Uri Url { get; }

    /// <summary>The statuses of receivers by host; 200 if absent.</summary>
    public ConcurrentDictionary<string, int> Statuses => _answers.Statuses;

    public static async Task<OperatedSupervisor> StartAsync(bool hasPolicy = true)
    {
        Answers answers = new();
        AttemptHistory history = new();
        InMemoryWebhookDeliverySupervisor supervisor = new(
            answers,
            new WebhookSupervisorOptions
            {
                Sink = history,
                SinkMode = Auditing.SinkMode.Inline,
                Retry = new RetryPolicy { MaxAttempts = 1 },
                Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
                MaxEndpoints = 20_000,
            });
        LinesLog log = new();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(log);
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        if (hasPolicy)
        {
            builder.Services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, HeaderUser>("test", null);
            builder.Services.AddAuthorizationBuilder()
                .AddPolicy("operators", static policy => policy.RequireAuthenticatedUser().RequireRole("operator"));
        }

        WebApplication app = builder.Build();
        app.MapAdcpOperations(
            new WebhookOperations(supervisor, history, log),
            options =>
            {
                options.Policy = hasPolicy ? "operators" : null;
                options.AllowsAnyone = !hasPolicy;
            });
        await app.StartAsync();
        return new OperatedSupervisor(app, answers, supervisor, log);
    }

    public async Task<DeliveryOutcome> DeliverAsync(string url, string taskId = "task_1") =>
        await Supervisor.SendMcpAsync(
            new WebhookDestination(url, "op_1"),
            new McpWebhook { TaskId = taskId, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed });

    public async Task<HttpResponseMessage> GetAsync(string path, string? user = "alice:operator", string? host = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Host = host;
        As(request, user);
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

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
        await Supervisor.DisposeAsync();
        _answers.Dispose();
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

    /// <summary>Prepares webhooks as a real sender does, and answers by the host.</summary>
    private sealed class Answers : IWebhookSender, IDisposable
    {
        private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "seller-1");
        private readonly WebhookSender _sender;

        public Answers() => _sender = new(new Rfc9421Signer(_key), new WebhookSenderOptions { Version = AdcpVersion.V31 });

        public ConcurrentDictionary<string, int> Statuses { get; } = new();

        public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
            _sender.Prepare(destination, payload, sequenceNumber);

        public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default) =>
            new(new WebhookSendResult(webhook, Statuses.GetValueOrDefault(new Uri(webhook.Destination.Url).Host, 200)));

        public void Dispose()
        {
            _sender.Dispose();
            _key.Dispose();
        }
    }
}
