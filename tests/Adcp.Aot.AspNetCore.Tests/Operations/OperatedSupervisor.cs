using System.Collections.Concurrent;
using Adcp.Aot.Operations;
using Adcp.Aot.Signing;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>A supervisor whose receivers answer by a table, and its operator page on a loopback port.</summary>
internal sealed class OperatedSupervisor : IAsyncDisposable
{
    private readonly OperatorSite _site;
    private readonly Answers _answers;

    private OperatedSupervisor(
        OperatorSite site, Answers answers, InMemoryWebhookDeliverySupervisor supervisor, OperatorSite.LinesLog log)
    {
        _site = site;
        _answers = answers;
        Supervisor = supervisor;
        Log = log;
    }

    public InMemoryWebhookDeliverySupervisor Supervisor { get; }

    public OperatorSite.LinesLog Log { get; }

    public Uri Url => _site.Url;

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
        OperatorSite.LinesLog log = new();
        OperatorSite site = await OperatorSite.StartAsync(new WebhookOperations(supervisor, history, log), log, hasPolicy);
        return new OperatedSupervisor(site, answers, supervisor, log);
    }

    public async Task<DeliveryOutcome> DeliverAsync(string url, string taskId = "task_1") =>
        await Supervisor.SendMcpAsync(
            new WebhookDestination(url, "op_1"),
            new McpWebhook { TaskId = taskId, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed });

    public Task<HttpResponseMessage> GetAsync(string path, string? user = "alice:operator", string? host = null) =>
        _site.GetAsync(path, user, host);

    public Task<HttpResponseMessage> PostAsync(
        string path, string body = "{}", string? user = "alice:operator", Action<HttpRequestMessage>? with = null) =>
        _site.PostAsync(path, body, user, with);

    public async ValueTask DisposeAsync()
    {
        await _site.DisposeAsync();
        await Supervisor.DisposeAsync();
        _answers.Dispose();
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
