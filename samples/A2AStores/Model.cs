using System.Text.Json;
using System.Text.Json.Serialization;

namespace A2AStores;

// The part of A2A 1.0 that this agent speaks. Parts and metadata are passed on unchanged.

internal sealed record AgentTask
{
    public required string Id { get; init; }

    public required string ContextId { get; init; }

    public required AgentTaskStatus Status { get; init; }

    public IReadOnlyList<JsonElement>? Artifacts { get; init; }

    public IReadOnlyList<Message>? History { get; init; }
}

internal sealed record AgentTaskStatus(string State, string Timestamp);

internal sealed record Message
{
    public string? MessageId { get; init; }

    public string? ContextId { get; init; }

    public string? TaskId { get; init; }

    public string? Role { get; init; }

    public IReadOnlyList<JsonElement>? Parts { get; init; }

    public JsonElement? Metadata { get; init; }

    public IReadOnlyList<string>? Extensions { get; init; }

    public IReadOnlyList<string>? ReferenceTaskIds { get; init; }
}

internal sealed record TaskPushNotificationConfig
{
    public string? Tenant { get; init; }

    public string? Id { get; init; }

    public string? TaskId { get; init; }

    public string? Url { get; init; }

    public string? Token { get; init; }

    public JsonElement? Authentication { get; init; }
}

internal sealed record SendMessageParams(string? Tenant, Message? Message, SendMessageConfiguration? Configuration);

internal sealed record SendMessageConfiguration(TaskPushNotificationConfig? TaskPushNotificationConfig, int? HistoryLength,
    bool ReturnImmediately);

internal sealed record TaskParams(string? Tenant, string? Id, int? HistoryLength);

internal sealed record ListTasksParams(
    string? Tenant, string? ContextId, string? Status, int? PageSize, string? PageToken, int? HistoryLength,
    DateTimeOffset? StatusTimestampAfter, bool? IncludeArtifacts);

internal sealed record ListTasksResult(IReadOnlyList<AgentTask> Tasks, string NextPageToken, int PageSize, int TotalSize);

internal sealed record ConfigParams(string? Tenant, string? TaskId, string? Id);

internal sealed record SendMessageResult(AgentTask Task);

internal sealed record ListConfigsResult(IReadOnlyList<TaskPushNotificationConfig> Configs, string NextPageToken);

internal sealed record RpcError(int Code, string Message);

internal sealed record RpcFailure(string Jsonrpc, JsonElement? Id, RpcError Error);

internal sealed record AgentCard
{
    public required string Name { get; init; }

    public required string Description { get; init; }

    public required IReadOnlyList<AgentInterface> SupportedInterfaces { get; init; }

    public required string Version { get; init; }

    public required AgentCapabilities Capabilities { get; init; }

    public IReadOnlyDictionary<string, SecurityScheme>? SecuritySchemes { get; init; }

    public IReadOnlyList<SecurityRequirement>? SecurityRequirements { get; init; }

    public required IReadOnlyList<string> DefaultInputModes { get; init; }

    public required IReadOnlyList<string> DefaultOutputModes { get; init; }

    public required IReadOnlyList<AgentSkill> Skills { get; init; }
}

internal sealed record AgentInterface(string Url, string ProtocolBinding, string ProtocolVersion);

internal sealed record AgentCapabilities(bool Streaming, bool PushNotifications);

internal sealed record AgentSkill(string Id, string Name, string Description, IReadOnlyList<string> Tags);

internal sealed record SecurityScheme(HttpAuthSecurityScheme HttpAuthSecurityScheme);

internal sealed record HttpAuthSecurityScheme(string Scheme);

internal sealed record SecurityRequirement(IReadOnlyDictionary<string, SchemeScopes> Schemes);

internal sealed record SchemeScopes(IReadOnlyList<string> List);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AgentTask))]
[JsonSerializable(typeof(AgentCard))]
[JsonSerializable(typeof(TaskPushNotificationConfig))]
[JsonSerializable(typeof(SendMessageParams))]
[JsonSerializable(typeof(TaskParams))]
[JsonSerializable(typeof(ListTasksParams))]
[JsonSerializable(typeof(ListTasksResult))]
[JsonSerializable(typeof(ConfigParams))]
[JsonSerializable(typeof(SendMessageResult))]
[JsonSerializable(typeof(ListConfigsResult))]
[JsonSerializable(typeof(RpcFailure))]
internal sealed partial class A2AJson : JsonSerializerContext;
