using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// The stored form of an answer: <c>{"status":…,"task_id":…,"body":…}</c> with the body's bytes unchanged, or
/// <c>{"purged":true}</c> if the object of a committed request was deleted before its answer was kept.
/// </summary>
internal static class KeptAnswer
{
    internal static string Write(ToolReply reply) => Encoding.UTF8.GetString(WireObject.Of(json =>
    {
        if (reply.IsPurged)
        {
            json.WriteBoolean("purged"u8, true);
            return;
        }

        json.WriteString("status"u8, reply.Status.ToWire());
        if (reply.TaskId is not null)
        {
            json.WriteString("task_id"u8, reply.TaskId);
        }

        json.WritePropertyName("body"u8);
        json.WriteRawValue(reply.Body.Span, skipInputValidation: true);
    }).Span);

    /// <exception cref="JsonException">The text was not written by this class.</exception>
    internal static ToolReply Read(string answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer);
        JsonElement kept = document.RootElement;
        if (kept.TryGetProperty("purged"u8, out _))
        {
            return ToolReply.Failed(AdcpError.CommittedResourcePurged());
        }

        return WireNames.TryParse(kept.GetProperty("status"u8).GetString()!, out AdcpTaskStatus status)
            ? ToolReply.Kept(status, Encoding.UTF8.GetBytes(kept.GetProperty("body"u8).GetRawText()),
                kept.TryGetProperty("task_id"u8, out JsonElement taskId) ? taskId.GetString() : null)
            : throw new JsonException("The kept answer has a status that AdCP does not define.");
    }
}
