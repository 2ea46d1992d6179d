using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Adcp.Aot.Storage;
using Samples;

namespace A2AStores;

/// <summary>
/// A2A 1.0 over JSON-RPC: the methods that stores serve. Streaming is not offered, as the card states.
/// </summary>
internal sealed partial class A2AServer(TaskStore tasks, PushConfigStore configs, Agent agent, Principals principals,
    ILogger<A2AServer> log)
{
    /// <summary>The largest request. A task has some of these at most, so a row and a page are bounded too.</summary>
    public const int MaxRequestBytes = 64 << 10;

    private const int MostCounted = 10_000;

    /// <summary>The size at which a page of a list ends.</summary>
    private const int MaxPageBytes = 1 << 20;

    /// <summary>Tasks are read in small parts, so that few large ones are in memory although a page may have a hundred.</summary>
    private const int PartSize = 8;

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        if (principals.ScopeOf(http.Request) is not { } scope)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            http.Response.Headers.WWWAuthenticate = "Bearer";
            return;
        }

        JsonElement? id = null;
        ArrayBufferWriter<byte> body = new(1024);
        try
        {
            using JsonDocument document = await ParseAsync(http);
            JsonElement request = document.RootElement;
            id = request.ValueKind == JsonValueKind.Object && request.TryGetProperty("id"u8, out JsonElement given)
                && given.ValueKind is JsonValueKind.String or JsonValueKind.Number
                ? given.Clone()
                : null;
            (string method, JsonElement parameters) = Checked(request, id);
            if (http.Request.Headers["A2A-Version"].ToString() is not ("1.0" or "1"))
            {
                throw new RpcException(-32009, "This agent speaks A2A 1.0; say so in the A2A-Version header.");
            }

            using Utf8JsonWriter json = new(body);
            json.WriteStartObject();
            json.WriteString("jsonrpc"u8, "2.0");
            json.WritePropertyName("id"u8);
            id!.Value.WriteTo(json);
            json.WritePropertyName("result"u8);
            await AnswerAsync(scope, method, parameters, json, http.RequestAborted);
            json.WriteEndObject();
        }
        catch (Exception fault) when (fault is not OperationCanceledException and not BadHttpRequestException)
        {
            RpcError error = fault switch
            {
                RpcException rpc => new(rpc.Code, rpc.Message),
                PageTokenException => new(-32602, fault.Message),
                _ => new(-32603, "Internal error"),
            };
            if (error.Code == -32603)
            {
                Failed(fault.GetType().Name);
            }

            body = new ArrayBufferWriter<byte>();
            using Utf8JsonWriter json = new(body);
            JsonSerializer.Serialize(json, new RpcFailure("2.0", id, error), A2AJson.Default.RpcFailure);
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.WrittenCount;
        await http.Response.Body.WriteAsync(body.WrittenMemory, http.RequestAborted);
    }

    private static async Task<JsonDocument> ParseAsync(HttpContext http)
    {
        JsonDocument? document = null;
        try
        {
            document = await JsonDocument.ParseAsync(
                http.Request.Body, new JsonDocumentOptions { AllowDuplicateProperties = false }, http.RequestAborted);
            ReadTexts(document.RootElement);
            return document;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            document?.Dispose();
            throw new RpcException(-32700, "Parse error");
        }
    }

    /// <summary>
    /// Reads every text once: a lone surrogate, or bytes that are not UTF-8, throw here and nowhere later.
    /// </summary>
    /// <exception cref="InvalidOperationException">A text is not valid.</exception>
    private static void ReadTexts(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in value.EnumerateArray())
                {
                    ReadTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
        }
    }

    private static (string Method, JsonElement Parameters) Checked(JsonElement request, JsonElement? id)
    {
        if (request.ValueKind != JsonValueKind.Object || id is null
            || !request.TryGetProperty("jsonrpc"u8, out JsonElement version) || version.ValueKind != JsonValueKind.String
            || !version.ValueEquals("2.0"u8)
            || !request.TryGetProperty("method"u8, out JsonElement method) || method.ValueKind != JsonValueKind.String)
        {
            throw new RpcException(-32600, "Invalid request");
        }

        return (method.GetString()!, request.TryGetProperty("params"u8, out JsonElement parameters) ? parameters : default);
    }

    private async Task AnswerAsync(StoreScope scope, string method, JsonElement parameters, Utf8JsonWriter json,
        CancellationToken cancellationToken)
    {
        switch (method)
        {
            case "SendMessage":
                SendMessageParams send = Read(parameters, A2AJson.Default.SendMessageParams, static given => given.Tenant);
                JsonSerializer.Serialize(json, new SendMessageResult(await SendAsync(scope, send, cancellationToken)),
                    A2AJson.Default.SendMessageResult);
                break;
            case "GetTask":
                TaskParams get = Read(parameters, A2AJson.Default.TaskParams, static given => given.Tenant);
                StoredTask<AgentTask> stored = await tasks.GetAsync(scope, Required(get.Id, "id"), cancellationToken)
                    ?? throw RpcException.TaskNotFound();
                JsonSerializer.Serialize(json, Trimmed(stored.Task, get.HistoryLength), A2AJson.Default.AgentTask);
                break;
            case "ListTasks":
                ListTasksParams list = Read(parameters, A2AJson.Default.ListTasksParams, static given => given.Tenant);
                JsonSerializer.Serialize(json, await ListAsync(scope, list, cancellationToken), A2AJson.Default.ListTasksResult);
                break;
            case "CancelTask":
                TaskParams cancel = Read(parameters, A2AJson.Default.TaskParams, static given => given.Tenant);
                JsonSerializer.Serialize(json, await agent.CancelAsync(scope, Required(cancel.Id, "id"), cancellationToken),
                    A2AJson.Default.AgentTask);
                break;
            case "CreateTaskPushNotificationConfig":
                TaskPushNotificationConfig create =
                    Read(parameters, A2AJson.Default.TaskPushNotificationConfig, static given => given.Tenant);
                JsonSerializer.Serialize(
                    json, await StoreAsync(scope, Required(create.TaskId, "taskId"), create, cancellationToken),
                    A2AJson.Default.TaskPushNotificationConfig);
                break;
            case "GetTaskPushNotificationConfig":
                ConfigParams named = Read(parameters, A2AJson.Default.ConfigParams, static given => given.Tenant);
                PushConfig found = await configs.GetAsync(scope, Required(named.TaskId, "taskId"), Required(named.Id, "id"),
                    cancellationToken)
                    ?? throw RpcException.ConfigNotFound();
                JsonSerializer.Serialize(json, Shown(found), A2AJson.Default.TaskPushNotificationConfig);
                break;
            case "ListTaskPushNotificationConfigs":
                string of = Required(Read(parameters, A2AJson.Default.ConfigParams, static given => given.Tenant).TaskId, "taskId");
                await ExistsAsync(scope, of, cancellationToken);
                IReadOnlyList<PushConfig> all = await configs.ListAsync(scope, of, cancellationToken: cancellationToken);
                JsonSerializer.Serialize(json, new ListConfigsResult([.. all.Select(Shown)], ""), A2AJson.Default.ListConfigsResult);
                break;
            case "DeleteTaskPushNotificationConfig":
                ConfigParams gone = Read(parameters, A2AJson.Default.ConfigParams, static given => given.Tenant);
                await ExistsAsync(scope, Required(gone.TaskId, "taskId"), cancellationToken);
                await configs.DeleteAsync(scope, gone.TaskId!, Required(gone.Id, "id"), cancellationToken);
                json.WriteStartObject();
                json.WriteEndObject();
                break;
            case "SendStreamingMessage" or "SubscribeToTask" or "GetExtendedAgentCard":
                throw new RpcException(-32004, "This agent does not offer the operation; see its card.");
            default:
                throw new RpcException(-32601, "Method not found");
        }
    }

    private async Task<AgentTask> SendAsync(StoreScope scope, SendMessageParams send, CancellationToken cancellationToken)
    {
        if (send.Message is not { MessageId.Length: > 0, Role: "ROLE_USER", Parts.Count: > 0 } message)
        {
            throw RpcException.InvalidParams("message needs messageId, role ROLE_USER and at least one part.");
        }

        if (message.ContextId is { } context && context.Length > 0 && !TaskFacts.IsTaskId(context))
        {
            throw RpcException.InvalidParams("message.contextId is too long or holds control characters.");
        }

        bool isNew = string.IsNullOrEmpty(message.TaskId);
        AgentTask task = isNew
            ? await agent.CreateAsync(scope, message, cancellationToken)
            : await agent.ContinueAsync(scope, message, cancellationToken);
        if (send.Configuration?.TaskPushNotificationConfig is { } config)
        {
            try
            {
                await StoreAsync(scope, task.Id, config, cancellationToken);
            }
            catch (RpcException) when (isNew)
            {
                await tasks.DeleteAsync(scope, task.Id, CancellationToken.None);
                throw;
            }
        }

        if (isNew)
        {
            agent.Start(scope, task.Id);
        }

        return Trimmed(send.Configuration?.ReturnImmediately == true
            ? task
            : await agent.EndOfAsync(scope, task, cancellationToken), send.Configuration?.HistoryLength);
    }

    private async Task<ListTasksResult> ListAsync(StoreScope scope, ListTasksParams list, CancellationToken cancellationToken)
    {
        if (list.PageSize is < 0 or > TaskQuery.MaxPageSize)
        {
            throw RpcException.InvalidParams($"pageSize is 1 to {TaskQuery.MaxPageSize}.");
        }

        TaskQuery query = new()
        {
            ContextId = NullIfEmpty(list.ContextId),
            State = list.Status is "TASK_STATE_UNSPECIFIED" ? null : NullIfEmpty(list.Status),
            UpdatedSince = list.StatusTimestampAfter,
            PageSize = list.PageSize is { } size and > 0 ? size : 50,
            PageToken = NullIfEmpty(list.PageToken),
        };
        List<AgentTask> listed = [];
        int bytes = 0;
        TaskQuery part = query;
        do
        {
            part = part with { PageSize = Math.Min(PartSize, query.PageSize - listed.Count) };
            TaskPage<AgentTask> page = await tasks.ListAsync(scope, part, cancellationToken);
            foreach (StoredTask<AgentTask> stored in page.Tasks)
            {
                AgentTask task = list.IncludeArtifacts == true ? stored.Task : stored.Task with { Artifacts = null };
                task = Trimmed(task, list.HistoryLength);
                bytes += JsonSerializer.SerializeToUtf8Bytes(task, A2AJson.Default.AgentTask).Length;
                listed.Add(task);
            }

            part = part with { PageToken = page.NextPageToken };
        }
        while (part.PageToken is not null && listed.Count < query.PageSize && bytes <= MaxPageBytes);

        // Counting costs time. Beyond the bound, the total means "at least".
        int total = await tasks.CountAsync(scope, query, MostCounted, cancellationToken);
        return new ListTasksResult(listed, part.PageToken ?? "", query.PageSize, total);
    }

    private async Task<TaskPushNotificationConfig> StoreAsync(StoreScope scope, string taskId, TaskPushNotificationConfig given,
        CancellationToken cancellationToken)
    {
        // A request that could not be honoured is refused here and not forgotten later.
        if (given.Authentication is { ValueKind: not JsonValueKind.Null })
        {
            throw RpcException.InvalidParams("authentication is not supported: notifications are signed (RFC 9421) and carry the token.");
        }

        if (!TaskFacts.IsTaskId(taskId))
        {
            throw RpcException.TaskNotFound();
        }

        string? token = NullIfEmpty(given.Token);
        if (token is not null && (token.Length > 4096 || token.AsSpan().ContainsAnyExceptInRange('!', '~')))
        {
            throw RpcException.InvalidParams("token travels in a header: at most 4096 printable ASCII characters without spaces.");
        }

        if (!string.IsNullOrEmpty(given.Id) && !PushConfig.IsId(given.Id))
        {
            throw RpcException.InvalidParams("id is too long or holds control characters.");
        }

        PushConfigSave save = await configs.SaveAsync(
            scope, new PushConfig { TaskId = taskId, Id = given.Id, Url = given.Url ?? "", Token = token }, cancellationToken);
        return save.Status switch
        {
            PushConfigSaveStatus.Saved => Shown(save.Config!),
            PushConfigSaveStatus.TaskMissing => throw RpcException.TaskNotFound(),
            PushConfigSaveStatus.TooMany => throw RpcException.InvalidParams("The task has as many push configurations as it may have."),
            _ => throw RpcException.InvalidParams("The push notification destination is not allowed."),
        };
    }

    private async Task ExistsAsync(StoreScope scope, string taskId, CancellationToken cancellationToken) =>
        _ = await tasks.GetAsync(scope, taskId, cancellationToken) ?? throw RpcException.TaskNotFound();

    /// <summary>Returns the configuration without its secrets, which are never returned.</summary>
    private static TaskPushNotificationConfig Shown(PushConfig config) =>
        new() { Id = config.Id, TaskId = config.TaskId, Url = config.Url };

    private static AgentTask Trimmed(AgentTask task, int? historyLength) => historyLength switch
    {
        null => task,
        < 0 => throw RpcException.InvalidParams("historyLength is not negative."),
        0 => task with { History = null },
        { } length => task with { History = task.History?.Skip(Math.Max(0, task.History.Count - length)).ToArray() },
    };

    private static T Read<T>(JsonElement parameters, JsonTypeInfo<T> type, Func<T, string?> tenant)
        where T : class
    {
        T? given = null;
        try
        {
            given = parameters.ValueKind == JsonValueKind.Object ? parameters.Deserialize(type) : null;
        }
        catch (JsonException)
        {
        }

        // The rows that a call sees depend on the caller only, never on the content of the call.
        return given is null ? throw RpcException.InvalidParams("Invalid params")
            : !string.IsNullOrEmpty(tenant(given)) ? throw RpcException.InvalidParams("This agent has no tenants; leave tenant out.")
            : given;
    }

    private static string Required(string? value, string name) =>
        string.IsNullOrEmpty(value) ? throw RpcException.InvalidParams($"{name} is missing.") : value;

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;

    [LoggerMessage(3, LogLevel.Error, "A request failed: {Fault}")]
    private partial void Failed(string fault);
}
