using Adcp.Aot.Signing;

namespace Adcp.Aot.Platform.Tests;

/// <summary>Freezes as the real sender does, and answers by script, then 200 forever.</summary>
internal sealed class RecordingSender : IWebhookSender, IDisposable
{
    private readonly SigningKey _key = SigningKey.Generate(SignatureAlgorithm.Ed25519, "k");
    private readonly WebhookSender _real;
    private readonly Queue<int> _script = new();
    private readonly Lock _lock = new();
    private readonly List<(int Count, TaskCompletionSource Reached)> _waiting = [];

    public RecordingSender(AdcpVersion version, TimeProvider time) =>
        _real = new WebhookSender(new Rfc9421Signer(_key), new WebhookSenderOptions { Version = version, TimeProvider = time });

    public List<PreparedWebhook> Sent { get; } = [];

    /// <summary>Attempts wait for it if it is set.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public Func<PreparedWebhook, WebhookSendResult>? Answers { get; set; }

    public SigningKey Key => _key;

    public RecordingSender Status(params int[] statuses)
    {
        foreach (int status in statuses)
        {
            _script.Enqueue(status);
        }

        return this;
    }

    /// <summary>Completes when this number of attempts was made.</summary>
    public Task MadeAsync(int count)
    {
        lock (_lock)
        {
            if (Sent.Count >= count)
            {
                return Task.CompletedTask;
            }

            TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((count, reached));
            return reached.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null) =>
        _real.Prepare(destination, payload, sequenceNumber);

    public async ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        int status;
        lock (_lock)
        {
            Sent.Add(webhook);
            status = _script.TryDequeue(out int scripted) ? scripted : 200;
            foreach ((int _, TaskCompletionSource reached) in _waiting.Where(each => each.Count <= Sent.Count))
            {
                reached.TrySetResult();
            }
        }

        if (Gate is { } gate)
        {
            await gate.Task.WaitAsync(cancellationToken);
        }

        return Answers?.Invoke(webhook) ?? new WebhookSendResult(webhook, status);
    }

    public void Dispose()
    {
        _real.Dispose();
        _key.Dispose();
    }
}
