using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Platform;

/// <summary>
/// Writes tasks in the form of A2A 1.0 (AdCP's A2A guide). A webhook carries <c>task</c> with the result as an artifact
/// if the status is final, otherwise <c>statusUpdate</c>. For transports that serve a <see cref="PlatformHandler"/>.
/// </summary>
public static class A2AEnvelope
{
    internal static A2ATaskWebhook Of(SellerTask task, string? message, string? token) => new(
        task.Status.IsTerminal() ? A2AEnvelopeMember.Task : A2AEnvelopeMember.StatusUpdate,
        task.TaskId,
        WireObject.Of(json => Write(json, task, message)),
        token);

    /// <summary>Writes the members of an A2A task, or of a status update of one.</summary>
    internal static void Write(Utf8JsonWriter json, SellerTask task, string? message)
    {
        bool final = task.Status.IsTerminal();
        json.WriteString(final ? "id"u8 : "taskId"u8, task.TaskId);
        json.WriteString("contextId"u8, task.TaskId);
        json.WriteStartObject("status"u8);
        json.WriteString("state"u8, State(task.Status));
        WriteTimestamp(json, task.UpdatedAt);
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

    /// <summary>Writes a task as the answer to a query: the members of an A2A task, between the caller's braces.</summary>
    /// <param name="json">The writer, inside an object.</param>
    /// <param name="task">The task.</param>
    /// <param name="withArtifacts">Whether the result is written, without the secrets that it may hold.</param>
    /// <param name="changedAt">The time of the last change; <c>null</c> for none.</param>
    /// <exception cref="ArgumentNullException"><paramref name="json"/> or <paramref name="task"/> is null.</exception>
    public static void WriteTask(Utf8JsonWriter json, SellerTask task, bool withArtifacts, DateTimeOffset? changedAt = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ReadOnlyMemory<byte> result = withArtifacts && !task.Result.IsEmpty ? WireObject.Outgoing(task.Result, task.Context) : default;
        WriteTask(json, task.TaskId, task.TaskId, task.Status, result, changedAt ?? task.UpdatedAt);
    }

    /// <summary>Writes the members of an A2A task that answers a call, with the AdCP answer as its artifact.</summary>
    /// <param name="json">The writer, inside an object.</param>
    /// <param name="taskId">The task's id on A2A.</param>
    /// <param name="contextId">The id of its conversation.</param>
    /// <param name="status">The status.</param>
    /// <param name="answer">The answer, a UTF-8 JSON object such as <see cref="ToolReply.Body"/>; empty for no artifact.</param>
    /// <param name="changedAt">The time of the last change; <c>null</c> for none.</param>
    /// <param name="text">A text for people before the answer; <c>null</c> for none.</param>
    /// <exception cref="ArgumentNullException">
    /// <paramref name="json"/>, <paramref name="taskId"/> or <paramref name="contextId"/> is null.
    /// </exception>
    public static void WriteTask(
        Utf8JsonWriter json,
        string taskId,
        string contextId,
        AdcpTaskStatus status,
        ReadOnlyMemory<byte> answer,
        DateTimeOffset? changedAt = null,
        string? text = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(taskId);
        ArgumentNullException.ThrowIfNull(contextId);
        json.WriteString("id"u8, taskId);
        json.WriteString("contextId"u8, contextId);
        json.WriteStartObject("status"u8);
        json.WriteString("state"u8, State(status));
        WriteTimestamp(json, changedAt);
        json.WriteEndObject();
        if (answer.IsEmpty)
        {
            return;
        }

        json.WriteStartArray("artifacts"u8);
        json.WriteStartObject();
        json.WriteString("artifactId"u8, "adcp-result"u8);
        json.WriteStartArray("parts"u8);
        if (text is not null)
        {
            json.WriteStartObject();
            json.WriteString("text"u8, text);
            json.WriteEndObject();
        }

        json.WriteStartObject();
        json.WritePropertyName("data"u8);
        json.WriteRawValue(answer.Span, skipInputValidation: true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteTimestamp(Utf8JsonWriter json, DateTimeOffset? changedAt)
    {
        if (changedAt is { } time)
        {
            json.WriteString("timestamp"u8, time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Writes the AdCP answer as one data part.</summary>
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

    /// <summary>Returns the status of an A2A state such as <c>TASK_STATE_WORKING</c>; <c>null</c> if no task can be in it.</summary>
    /// <param name="state">The state's name.</param>
    public static AdcpTaskStatus? Status(string state)
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
