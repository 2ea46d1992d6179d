using System.Collections.Concurrent;
using Adcp.Aot.Operations;
using Adcp.Aot.Testing;

namespace Adcp.Aot.AspNetCore.Tests.Operations;

/// <summary>A supervisor whose receivers answer by a table, and its operator page on a loopback port.</summary>
internal sealed class OperatedSupervisor : IAsyncDisposable
{
    private readonly OperatorSite _site;
    private readonly RecordingSender _sender;

    private OperatedSupervisor(
        OperatorSite site, RecordingSender sender, InMemoryWebhookDeliverySupervisor supervisor, OperatorSite.LinesLog log)
    {
        _site = site;
        _sender = sender;
        _sender.Otherwise = (webhook, _, _) =>
            new(new WebhookSendResult(webhook, Statuses.GetValueOrDefault(new Uri(webhook.Destination.Url).Host, 200)));
        Supervisor = supervisor;
        Log = log;
    }

    public InMemoryWebhookDeliverySupervisor Supervisor { get; }

    public OperatorSite.LinesLog Log { get; }

    public Uri Url => _site.Url;

    /// <summary>Gets every route; see <see cref="OperatorSite.Routes"/>.</summary>
    public IReadOnlyList<(string Method, string Path)> Routes => _site.Routes;

    /// <summary>The statuses of receivers by host; 200 if absent.</summary>
    public ConcurrentDictionary<string, int> Statuses { get; } = new();

    public static async Task<OperatedSupervisor> StartAsync(bool hasPolicy = true, bool requiresReason = false)
    {
        RecordingSender sender = new(new WebhookSenderOptions { Version = AdcpVersion.V31 });
        AttemptHistory history = new();
        InMemoryWebhookDeliverySupervisor supervisor = new(
            sender,
            new WebhookSupervisorOptions
            {
                Sink = history,
                SinkMode = Auditing.SinkMode.Inline,
                Retry = new RetryPolicy { MaxAttempts = 1 },
                Circuit = new CircuitBreakerPolicy { FailureThreshold = 2 },
                MaxEndpoints = 20_000,
            });
        OperatorSite.LinesLog log = new();
        OperatorSite site = await OperatorSite.StartAsync(
            new WebhookOperations(supervisor, history, log), log, hasPolicy, requiresReason: requiresReason);
        return new OperatedSupervisor(site, sender, supervisor, log);
    }

    public async Task<DeliveryOutcome> DeliverAsync(string url, string taskId = "task_1", string? type = null) =>
        await Supervisor.SendMcpAsync(
            new WebhookDestination(url, "op_1"),
            new McpWebhook { TaskId = taskId, TaskType = TaskType.CreateMediaBuy, Status = AdcpTaskStatus.Completed },
            new DeliveryOptions { NotificationType = type });

    public Task<HttpResponseMessage> GetAsync(string path, string? user = "alice:operator", string? host = null) =>
        _site.GetAsync(path, user, host);

    public Task<HttpResponseMessage> SendAsync(string method, string path, string? user, string? host = null) =>
        _site.SendAsync(method, path, user, host);

    public Task<HttpResponseMessage> PostAsync(
        string path, string body = "{}", string? user = "alice:operator", Action<HttpRequestMessage>? with = null) =>
        _site.PostAsync(path, body, user, with);

    public async ValueTask DisposeAsync()
    {
        await _site.DisposeAsync();
        await Supervisor.DisposeAsync();
        _sender.Dispose();
    }
}
