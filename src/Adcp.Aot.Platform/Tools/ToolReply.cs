using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>The answer to a call: a status and one JSON object. Immutable.</summary>
public sealed class ToolReply
{
    private ToolReply(AdcpTaskStatus status, ReadOnlyMemory<byte> body, string? taskId, AdcpError? error, bool isReplay = false)
    {
        Status = status;
        Body = body;
        TaskId = taskId;
        Error = error;
        IsReplay = isReplay;
    }

    /// <summary><c>completed</c>, <c>submitted</c>, <c>working</c> or, with an <see cref="Error"/>, <c>failed</c>.</summary>
    public AdcpTaskStatus Status { get; }

    /// <summary>The answer, a UTF-8 JSON object.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The task's id if the call was handed off; otherwise <c>null</c>.</summary>
    public string? TaskId { get; }

    /// <summary>The error; null for none.</summary>
    public AdcpError? Error { get; }

    /// <summary>
    /// Gets whether the answer is a repetition for the same <c>idempotency_key</c>. The body then has
    /// <c>"replayed":true</c>.
    /// </summary>
    public bool IsReplay { get; }

    /// <summary>Gets whether the request was committed and its object deleted: an error that is repeated as a result is.</summary>
    internal bool IsPurged => Error?.Code == AdcpError.CommittedResourcePurgedCode;

    /// <summary>Creates the reply of a result.</summary>
    /// <param name="body">A UTF-8 JSON object.</param>
    /// <exception cref="ArgumentException">Not a JSON object.</exception>
    public static ToolReply Completed(ReadOnlyMemory<byte> body)
    {
        Utf8JsonReader reader = new(body.Span);
        return reader.Read() && reader.TokenType == JsonTokenType.StartObject
            ? new(AdcpTaskStatus.Completed, body, null, null)
            : throw new ArgumentException("A tool's result is a JSON object.", nameof(body));
    }

    /// <summary>Creates the reply of a task whose result comes later.</summary>
    /// <param name="task">The task.</param>
    /// <exception cref="ArgumentNullException"><paramref name="task"/> is null.</exception>
    public static ToolReply HandedOff(HandedOff task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return new(
            task.Status,
            WireObject.Of(json =>
            {
                json.WriteString("status"u8, task.Status.ToWire());
                json.WriteString("task_id"u8, task.TaskId);
                if (task.Message is not null)
                {
                    json.WriteString("message"u8, task.Message);
                }
            }),
            task.TaskId,
            null);
    }

    /// <summary>Creates the reply of an error.</summary>
    /// <param name="error">The error.</param>
    /// <exception cref="ArgumentNullException"><paramref name="error"/> is null.</exception>
    public static ToolReply Failed(AdcpError error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return new(AdcpTaskStatus.Failed, WireObject.Of(json =>
        {
            json.WritePropertyName("adcp_error"u8);
            error.WriteTo(json);

            // The transport's member and the task's own: clients read the one or the other.
            json.WriteStartArray("errors"u8);
            error.WriteTo(json);
            json.WriteEndArray();
        }), null, error);
    }

    internal static ToolReply Kept(AdcpTaskStatus status, ReadOnlyMemory<byte> body, string? taskId) => new(status, body, taskId, null);

    internal ToolReply With(ReadOnlyMemory<byte> body) => new(Status, body, TaskId, Error, IsReplay);

    internal ToolReply AsReplay() => new(Status, Body, TaskId, Error, Error is null || IsPurged);
}
