using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>A task's status in A2A 1.0's own envelope: <c>task</c> with the result as artifact where it is final, else <c>statusUpdate</c> (AdCP's A2A guide).</summary>
internal static class A2AEnvelope
{
    internal static A2ATaskWebhook Of(SellerTask task, string? message, string? token) => new(
        task.Status.IsTerminal() ? A2AEnvelopeMember.Task : A2AEnvelopeMember.StatusUpdate,
        task.TaskId,
        WireObject.Of(json => Write(json, task, message)),
        token);

    /// <summary>The members of an A2A task, or of a status update of one.</summary>
    internal static void Write(Utf8JsonWriter json, SellerTask task, string? message)
    {
        bool final = task.Status.IsTerminal();
        json.WriteString(final ? "id"u8 : "taskId"u8, task.TaskId);
        json.WriteString("contextId"u8, task.TaskId);
        json.WriteStartObject("status"u8);
        json.WriteString("state"u8, State(task.Status));
        if (!final)
        {
            json.WriteStartObject("message"u8);
            json.WriteString("messageId"u8, Guid.NewGuid());
            json.WriteString("taskId"u8, task.TaskId);
            json.WriteString("contextId"u8, task.TaskId);
            json.WriteString("role"u8, "ROLE_AGENT"u8);
            json.WriteStartArray("parts"u8);
            Part(json, task, message);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        if (final)
        {
            json.WriteStartArray("artifacts"u8);
            json.WriteStartObject();
            json.WriteString("artifactId"u8, task.TaskId);
            json.WriteStartArray("parts"u8);
            Part(json, task, message);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
        }
    }

    /// <summary>The members of an A2A task that answers a call, with the AdCP answer as its artifact.</summary>
    internal static void WriteTask(Utf8JsonWriter json, string taskId, AdcpTaskStatus status, ReadOnlyMemory<byte> answer, DateTimeOffset? changedAt = null)
    {
        json.WriteString("id"u8, taskId);
        json.WriteString("contextId"u8, taskId);
        json.WriteStartObject("status"u8);
        json.WriteString("state"u8, State(status));
        if (changedAt is { } time)
        {
            json.WriteString("timestamp"u8, time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        }

        json.WriteEndObject();
        if (answer.IsEmpty)
        {
            return;
        }

        json.WriteStartArray("artifacts"u8);
        json.WriteStartObject();
        json.WriteString("artifactId"u8, taskId);
        json.WriteStartArray("parts"u8);
        json.WriteStartObject();
        json.WritePropertyName("data"u8);
        json.WriteRawValue(answer.Span, skipInputValidation: true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    /// <summary>The AdCP answer as one data part.</summary>
    internal static void Part(Utf8JsonWriter json, SellerTask task, string? message)
    {
        json.WriteStartObject();
        json.WritePropertyName("data"u8);
        if (task.Result.IsEmpty)
        {
            json.WriteStartObject();
            json.WriteString("status"u8, task.Status.ToWire());
            json.WriteString("task_id"u8, task.TaskId);
            if (message is not null)
            {
                json.WriteString("message"u8, message);
            }

            json.WriteEndObject();
        }
        else
        {
            json.WriteRawValue(WireObject.Outgoing(task.Result, task.Context).Span, skipInputValidation: true);
        }

        json.WriteEndObject();
    }

    /// <summary>The status of a state's name; null for no state that a task can be in.</summary>
    internal static AdcpTaskStatus? Status(string state)
    {
        foreach (AdcpTaskStatus status in Enum.GetValues<AdcpTaskStatus>())
        {
            if (status != AdcpTaskStatus.Unknown && State(status) == state)
            {
                return status;
            }
        }

        return null;
    }

    internal static string State(AdcpTaskStatus status) => status switch
    {
        AdcpTaskStatus.Submitted => "TASK_STATE_SUBMITTED",
        AdcpTaskStatus.Working => "TASK_STATE_WORKING",
        AdcpTaskStatus.InputRequired => "TASK_STATE_INPUT_REQUIRED",
        AdcpTaskStatus.Completed => "TASK_STATE_COMPLETED",
        AdcpTaskStatus.Canceled => "TASK_STATE_CANCELED",
        AdcpTaskStatus.Failed => "TASK_STATE_FAILED",
        AdcpTaskStatus.Rejected => "TASK_STATE_REJECTED",
        AdcpTaskStatus.AuthRequired => "TASK_STATE_AUTH_REQUIRED",
        _ => "TASK_STATE_UNSPECIFIED",
    };
}
