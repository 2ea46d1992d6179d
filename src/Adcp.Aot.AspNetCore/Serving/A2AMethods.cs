using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Platform;
using Adcp.Aot.Storage;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// A2A 1.0's methods for a seller's platform: tasks are the registry's, a task has one push configuration, and its
/// context is the task itself.
/// </summary>
/// <param name="platform">The platform.</param>
/// <param name="invocations">The tasks that calls were answered with.</param>
/// <param name="tenant">The authenticated caller.</param>
/// <param name="cancellationToken">Ends the call.</param>
internal sealed class A2AMethods(
    PlatformHandler platform, CompletedInvocations invocations, string tenant, CancellationToken cancellationToken)
{
    /// <summary>The number at which counting stops. Beyond it, totals mean "at least".</summary>
    private const int MostCounted = 10_000;

    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private ITaskRegistry Tasks => platform.Options.Tasks;

    /// <summary>Performs a method and writes its result.</summary>
    /// <exception cref="RpcFault">The answer is an error.</exception>
    internal async ValueTask<Action<Utf8JsonWriter>> PerformAsync(string method, JsonElement parameters)
    {
        if (parameters.ValueKind != JsonValueKind.Object)
        {
            throw RpcFault.Params("The params are an object.");
        }

        // The rows that a call sees depend on the caller only, never on the content of the call.
        if (Text(parameters, "tenant") is { Length: > 0 })
        {
            throw RpcFault.Params("This agent has no tenants; leave tenant out.");
        }

        return method switch
        {
            "SendMessage" => await SendAsync(parameters).ConfigureAwait(false),
            "GetTask" => await GetAsync(parameters).ConfigureAwait(false),
            "ListTasks" => await ListAsync(parameters).ConfigureAwait(false),
            "CancelTask" => throw await NotCancelableAsync(parameters).ConfigureAwait(false),
            "CreateTaskPushNotificationConfig" => await CreateConfigAsync(parameters).ConfigureAwait(false),
            "GetTaskPushNotificationConfig" => await GetConfigAsync(parameters).ConfigureAwait(false),
            "ListTaskPushNotificationConfigs" => await ListConfigsAsync(parameters).ConfigureAwait(false),
            "DeleteTaskPushNotificationConfig" => await DeleteConfigAsync(parameters).ConfigureAwait(false),
            "SendStreamingMessage" or "SubscribeToTask" or "GetExtendedAgentCard" =>
                throw new RpcFault(RpcFault.UnsupportedOperation, "This agent does not offer the operation; see its card."),
            _ => throw new RpcFault(RpcFault.MethodNotFound, "No such method."),
        };
    }

    internal static JsonElement Member(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out JsonElement member) ? member : default;

    internal static string? Text(JsonElement value, string name) =>
        Member(value, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static string Required(JsonElement value, string name) =>
        Text(value, name) is { Length: > 0 } text ? text : throw RpcFault.Params($"'{name}' is missing.");

    private static Action<Utf8JsonWriter> Written(SellerTask task) => json => Write(json, task, withArtifacts: true, null);

    private static void Write(Utf8JsonWriter json, SellerTask task, bool withArtifacts, DateTimeOffset? changedAt)
    {
        json.WriteStartObject();
        A2AEnvelope.WriteTask(json, task, withArtifacts, changedAt);
        json.WriteEndObject();
    }

    private async ValueTask<Action<Utf8JsonWriter>> SendAsync(JsonElement parameters)
    {
        JsonElement message = Member(parameters, "message");
        if (Text(message, "taskId") is { Length: > 0 } taskId)
        {
            _ = await Tasks.FindAsync(tenant, taskId, cancellationToken).ConfigureAwait(false) ?? throw RpcFault.NoTask();
            throw new RpcFault(RpcFault.UnsupportedOperation, "A task takes no further messages; send one without taskId.");
        }

        A2AInvocation invocation = A2AInvocation.Read(message);
        if (!platform.Tools.Any(tool => tool.Name == invocation.Skill))
        {
            throw RpcFault.Params("No skill of the agent card has this id.");
        }

        JsonElement config = Member(Member(parameters, "configuration"), "taskPushNotificationConfig");
        PushRegistration? push = config.ValueKind == JsonValueKind.Object ? Registration(config) : null;
        ToolReply reply =
            await platform.CallAsync(invocation.Skill, invocation.Input, tenant, push, cancellationToken).ConfigureAwait(false);
        if (!SafeNumbers.Are(reply.Body.Span))
        {
            throw new RpcFault(
                RpcFault.InternalError, "The reply has an integer that JSON readers round. The seller must write it as a string.");
        }

        // The invocation is complete when the tool has answered, also if the answer is an AdCP task that ends later. The ids are different,
        // so that the one is not taken for the other.
        AdcpTaskStatus state = reply.Error is null ? AdcpTaskStatus.Completed : AdcpTaskStatus.Failed;
        DateTimeOffset now = platform.Options.TimeProvider.GetUtcNow();
        string id = "a2a_" + Guid.NewGuid().ToString("N");
        ArrayBufferWriter<byte> task = new(reply.Body.Length + 512);
        using (Utf8JsonWriter json = new(task, Relaxed))
        {
            json.WriteStartObject();
            A2AEnvelope.WriteTask(json, id, invocation.ContextId, state, reply.Body, now, reply.Error?.Message);
            json.WriteEndObject();
        }

        invocations.Add(tenant, id, task.WrittenSpan.ToArray());
        return json =>
        {
            json.WriteStartObject();
            json.WritePropertyName("task"u8);
            json.WriteRawValue(task.WrittenSpan, skipInputValidation: true);
            json.WriteEndObject();
        };
    }

    /// <summary>Returns a task that a call was answered with, which is complete, or an AdCP task.</summary>
    private async ValueTask<Action<Utf8JsonWriter>> GetAsync(JsonElement parameters) =>
        invocations.Find(tenant, Required(parameters, "id")) is { } task
            ? json => json.WriteRawValue(task.Span, skipInputValidation: true)
            : Written(await FindAsync(parameters, "id").ConfigureAwait(false));

    private async ValueTask<SellerTask> FindAsync(JsonElement parameters, string name) =>
        await Tasks.FindAsync(tenant, Required(parameters, name), cancellationToken).ConfigureAwait(false) ?? throw RpcFault.NoTask();

    /// <summary>
    /// AdCP cancels the subject of a task by separate tools, such as an update of the media buy. The transport task
    /// follows.
    /// </summary>
    private async ValueTask<RpcFault> NotCancelableAsync(JsonElement parameters)
    {
        _ = await FindAsync(parameters, "id").ConfigureAwait(false);
        return new RpcFault(RpcFault.TaskNotCancelable,
            "Cancel the subject of the task by its AdCP tool; the task itself cannot be canceled.");
    }

    private async ValueTask<Action<Utf8JsonWriter>> ListAsync(JsonElement parameters)
    {
        TaskQuery query = new()
        {
            ContextId = Text(parameters, "contextId") is { Length: > 0 } context ? context : null,
            State = Text(parameters, "status") is { Length: > 0 } state and not "TASK_STATE_UNSPECIFIED"
                ? (A2AEnvelope.Status(state) ?? throw RpcFault.Params("'status' is not a task state.")).ToWire()
                : null,
            UpdatedSince = Since(parameters),
            PageSize = PageSize(parameters),
            PageToken = Text(parameters, "pageToken") is { Length: > 0 } token ? token : null,
        };
        bool withArtifacts = Member(parameters, "includeArtifacts").ValueKind == JsonValueKind.True;
        (TaskPage<SellerTask> page, int total) =
            await platform.ListAsync(tenant, query, MostCounted, cancellationToken).ConfigureAwait(false);
        return json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("tasks"u8);
            foreach (StoredTask<SellerTask> task in page.Tasks)
            {
                Write(json, task.Task, withArtifacts, task.UpdatedAt);
            }

            json.WriteEndArray();
            json.WriteString("nextPageToken"u8, page.NextPageToken ?? "");
            json.WriteNumber("pageSize"u8, query.PageSize);
            json.WriteNumber("totalSize"u8, total);
            json.WriteEndObject();
        };
    }

    private static int PageSize(JsonElement parameters)
    {
        JsonElement given = Member(parameters, "pageSize");
        return given.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null ? 50
            : given.ValueKind == JsonValueKind.Number && given.TryGetInt32(out int size)
            && size is >= 0 and <= TaskQuery.MaxPageSize ? size == 0 ? 50 : size
            : throw RpcFault.Params($"'pageSize' is 1 to {TaskQuery.MaxPageSize}.");
    }

    private static DateTimeOffset? Since(JsonElement parameters)
    {
        JsonElement given = Member(parameters, "statusTimestampAfter");
        return given.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null ? null
            : given.ValueKind == JsonValueKind.String && given.TryGetDateTimeOffset(out DateTimeOffset since) ? since
            : throw RpcFault.Params("'statusTimestampAfter' is an RFC 3339 timestamp.");
    }

    private async ValueTask<Action<Utf8JsonWriter>> CreateConfigAsync(JsonElement parameters)
    {
        if (!platform.TellsByWebhook)
        {
            throw new RpcFault(RpcFault.PushNotificationNotSupported, "This agent sends no push notifications.");
        }

        SellerTask task = await FindAsync(parameters, "taskId").ConfigureAwait(false);
        PushRegistration registration = Registration(parameters);
        TaskTransition registered = await platform.RegisterA2AAsync(task, registration, cancellationToken).ConfigureAwait(false);
        return registered switch
        {
            TaskTransition.Entered => Config(task.TaskId, registration),
            TaskTransition.Unknown => throw RpcFault.NoTask(),
            _ => throw new RpcFault(RpcFault.UnsupportedOperation,
                "The task has ended, or has a push notification configuration: it has one at a time, to be deleted before the next."),
        };
    }

    private async ValueTask<Action<Utf8JsonWriter>> GetConfigAsync(JsonElement parameters)
    {
        SellerTask task = await FindAsync(parameters, "taskId").ConfigureAwait(false);
        return task.A2ARegistration is { } registration && IdOf(task.TaskId, registration) == Required(parameters, "id")
            ? Config(task.TaskId, registration)
            : throw RpcFault.NoConfig();
    }

    private async ValueTask<Action<Utf8JsonWriter>> ListConfigsAsync(JsonElement parameters)
    {
        SellerTask task = await FindAsync(parameters, "taskId").ConfigureAwait(false);
        return json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("configs"u8);
            if (task.A2ARegistration is { } registration)
            {
                Config(task.TaskId, registration)(json);
            }

            json.WriteEndArray();
            json.WriteString("nextPageToken"u8, "");
            json.WriteEndObject();
        };
    }

    private async ValueTask<Action<Utf8JsonWriter>> DeleteConfigAsync(JsonElement parameters)
    {
        SellerTask task = await FindAsync(parameters, "taskId").ConfigureAwait(false);
        string id = Required(parameters, "id");
        if (task.A2ARegistration is { } registration && IdOf(task.TaskId, registration) == id
            && await Tasks.RegisterAsync(tenant, task.TaskId, null, cancellationToken).ConfigureAwait(false) == TaskTransition.Conflict)
        {
            throw new RpcFault(RpcFault.UnsupportedOperation, "The task has ended.");
        }

        return json =>
        {
            json.WriteStartObject();
            json.WriteEndObject();
        };
    }

    private static string IdOf(string taskId, PushRegistration registration) => registration.ConfigId ?? taskId;

    /// <summary>Secrets are accepted and never returned.</summary>
    private static Action<Utf8JsonWriter> Config(string taskId, PushRegistration registration) => json =>
    {
        json.WriteStartObject();
        json.WriteString("id"u8, IdOf(taskId, registration));
        json.WriteString("taskId"u8, taskId);
        json.WriteString("url"u8, registration.Destination.Url);
        json.WriteEndObject();
    };

    private static PushRegistration Registration(JsonElement config)
    {
        WebhookAuthentication? authentication = Member(config, "authentication") is { ValueKind: JsonValueKind.Object } block
            ? WebhookAuthentication.FromRegistration([Text(block, "scheme") ?? ""], Text(block, "credentials") ?? "")
            : null;
        WebhookDestination destination =
            new(Required(config, "url"), null, Text(config, "token") is { Length: > 0 } token ? token : null, authentication);
        return new PushRegistration(PushChannel.A2A, destination) { ConfigId = Text(config, "id") is { Length: > 0 } id ? id : null };
    }
}
