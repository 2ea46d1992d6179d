using System.Globalization;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform;

/// <summary>A task as its buyer sees it, without context and result.</summary>
internal sealed record TaskRow(
    string TaskId, TaskType Type, AdcpTaskStatus Status, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, bool HasWebhook)
{
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    internal static TaskRow Of(SellerTask task, TimeProvider time)
    {
        DateTimeOffset updated = task.UpdatedAt ?? task.CreatedAt ?? time.GetUtcNow();
        DateTimeOffset created = task.CreatedAt is { } at && at < updated ? at : updated;
        return new TaskRow(
            task.TaskId, task.TaskType, task.Status, created, updated, task.Registration is not null || task.A2ARegistration is not null);
    }

    /// <summary>Writes the members that both tools have. They differ in the name of the protocol's member.</summary>
    internal void Write(Utf8JsonWriter json, string protocolMember, string protocol)
    {
        json.WriteString("task_id"u8, TaskId);
        json.WriteString("task_type"u8, Type.ToWire());
        json.WriteString(protocolMember, protocol);
        json.WriteString("status"u8, Status.ToWire());
        json.WriteString("created_at"u8, Text(CreatedAt));
        json.WriteString("updated_at"u8, Text(UpdatedAt));
        if (Status.IsTerminal())
        {
            json.WriteString("completed_at"u8, Text(UpdatedAt));
        }

        json.WriteBoolean("has_webhook"u8, HasWebhook);
    }

    internal static string Text(DateTimeOffset time) => time.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture);
}
