using System.Buffers;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>Creates the webhooks for a task's status: one for each registered channel.</summary>
internal static class TaskWebhooks
{
    /// <summary>Creates the webhook of one channel.</summary>
    /// <exception cref="ArgumentException">A value cannot be written on that channel.</exception>
    internal static WebhookPayload Of(SellerTask task, PushRegistration registration, string? message) =>
        registration.Channel == PushChannel.A2A
        ? A2AEnvelope.Of(task, message, registration.Destination.Token)
        : new McpWebhook
        {
            TaskId = task.TaskId,
            TaskType = task.TaskType,
            Protocol = TaskProtocols.Of(task.TaskType),
            Status = task.Status,
            Message = message,
            Result = task.Result,
            Context = task.Context,
        };

    internal static IEnumerable<PushRegistration> Registrations(SellerTask task)
    {
        if (task.Registration is { } adcp)
        {
            yield return adcp;
        }

        if (task.A2ARegistration is { } a2a)
        {
            yield return a2a;
        }
    }

    /// <summary>
    /// Writes the webhook as the sender will, and discards it. So a registration is checked by the rules of its channel
    /// and generation before it is accepted, and a result before its status is entered.
    /// </summary>
    /// <exception cref="ArgumentException">A value cannot be written on that channel.</exception>
    /// <exception cref="WebhookPayloadException">The webhook breaks a rule of the wire.</exception>
    internal static void Probe(SellerTask task, PushRegistration registration, string? message, AdcpVersion version)
    {
        WebhookPayload payload = Of(task, registration, message);
        string key = payload.IdempotencyKey ?? IdempotencyKeys.Create();
        WebhookDestination destination = registration.Destination;
        EnvelopeContext facts = new(version, key, DateTimeOffset.UnixEpoch, destination.OperationId, destination.Token, null);
        payload.Write(new ArrayBufferWriter<byte>(1024), facts);
    }
}
