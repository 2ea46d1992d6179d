using System.Buffers;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Tests.Doubles;

/// <summary>Answers by script, then 200 forever; remembers the sent webhooks.</summary>
internal sealed class ScriptedSender : IWebhookSender
{
    private readonly Queue<Func<PreparedWebhook, CancellationToken, ValueTask<WebhookSendResult>>> _script = new();
    private readonly Lock _lock = new();

    public List<PreparedWebhook> Sent { get; } = [];

    public ScriptedSender Status(params int[] statuses)
    {
        foreach (int status in statuses)
        {
            _script.Enqueue((webhook, _) => new(new WebhookSendResult(webhook, status)));
        }

        return this;
    }

    public ScriptedSender Throws(Func<Exception> fault, int times = 1)
    {
        for (int i = 0; i < times; i++)
        {
            _script.Enqueue((_, _) => ValueTask.FromException<WebhookSendResult>(fault()));
        }

        return this;
    }

    public ScriptedSender Result(Func<PreparedWebhook, WebhookSendResult> result)
    {
        _script.Enqueue((webhook, _) => new(result(webhook)));
        return this;
    }

    public ScriptedSender Does(Func<PreparedWebhook, CancellationToken, ValueTask<WebhookSendResult>> step)
    {
        _script.Enqueue(step);
        return this;
    }

    /// <summary>The next attempt hangs until the returned source is completed, or its token is cancelled.</summary>
    public TaskCompletionSource<int> Hangs()
    {
        TaskCompletionSource<int> gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _script.Enqueue(async (webhook, token) => new WebhookSendResult(webhook, await gate.Task.WaitAsync(token)));
        return gate;
    }

    public PreparedWebhook Prepare(WebhookDestination destination, WebhookPayload payload, long? sequenceNumber = null)
    {
        ArrayBufferWriter<byte> body = new();
        string key = payload.IdempotencyKey ?? IdempotencyKeys.Create();
        payload.Write(body, new EnvelopeContext(
            AdcpVersion.V32, key, DateTimeOffset.UnixEpoch, destination.OperationId, destination.Token, payload.CarriesSequenceNumber
            ? sequenceNumber
            : null));
        return new PreparedWebhook(destination, body.WrittenMemory, key)
        {
            TaskId = payload.AuditTaskId,
            TaskType = payload.AuditTaskType,
            NotificationType = payload.NotificationType,
            SequenceNumber = sequenceNumber,
        };
    }

    public ValueTask<WebhookSendResult> SendAsync(PreparedWebhook webhook, CancellationToken cancellationToken = default)
    {
        Func<PreparedWebhook, CancellationToken, ValueTask<WebhookSendResult>>? step;
        lock (_lock)
        {
            Sent.Add(webhook);
            _script.TryDequeue(out step);
        }

        return step is null ? new(new WebhookSendResult(webhook, 200)) : step(webhook, cancellationToken);
    }
}
