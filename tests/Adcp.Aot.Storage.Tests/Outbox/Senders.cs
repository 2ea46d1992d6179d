using Adcp.Aot.Testing;

namespace Adcp.Aot.Storage.Tests.Outbox;

/// <summary>Senders whose answers are statuses. A negative status is an error without an answer.</summary>
internal static class Senders
{
    public static RecordingSender Of(Func<PreparedWebhook, int, CancellationToken, ValueTask<int>> status) =>
        new(new WebhookSenderOptions { Version = AdcpVersion.V32 })
        {
            Otherwise = async (webhook, attempt, cancellationToken) =>
            {
                await Task.Yield();
                int answer = await status(webhook, attempt, cancellationToken);
                return answer < 0 ? new WebhookSendResult(webhook, (WebhookSendError)(-answer)) : new WebhookSendResult(webhook, answer);
            },
        };

    public static RecordingSender Always(int status) => Of((_, _, _) => ValueTask.FromResult(status));
}
