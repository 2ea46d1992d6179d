using System.Text.Json;
using Adcp.Aot.Payloads;
using Adcp.Aot.Platform;
using Adcp.Aot.Sending;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Adcp.Aot.AspNetCore.Serving;

/// <summary>
/// Serves a seller's platform over A2A 1.0's JSON-RPC: <c>SendMessage</c> with one data part <c>{"skill": ..., "input": {...}}</c>, and <c>GetTask</c>. A call that is handed off answers a native
/// task where the caller registered on A2A's own channel; otherwise the AdCP answer comes in a completed task, and news of it by AdCP's channel.
/// </summary>
public static class AdcpA2AEndpoints
{
    private const int MaxRequestBytes = 1 << 20;

    /// <summary>Maps the endpoint.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="platform">The wired platform. It stays the caller's to drain.</param>
    /// <param name="pattern">The route.</param>
    /// <param name="tenantOf">The authenticated caller of a request; null for the name of its principal, or <c>anonymous</c>.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    public static IEndpointConventionBuilder MapAdcpA2A(
        this IEndpointRouteBuilder endpoints, PlatformHandler platform, string pattern = "/a2a", Func<HttpContext, string>? tenantOf = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(pattern);
        Func<HttpContext, string> tenant = tenantOf ?? Tenants.Of;
        return endpoints.MapMethods(pattern, [HttpMethods.Post], (RequestDelegate)(http => ServeAsync(http, platform, tenant(http))));
    }

    private static async Task ServeAsync(HttpContext http, PlatformHandler platform, string tenant)
    {
        if (http.Request.ContentLength is > MaxRequestBytes)
        {
            http.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
            return;
        }

        JsonElement request;
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted).ConfigureAwait(false);
            request = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            await WriteAsync(http, default, json => Error(json, -32700, "Not JSON.")).ConfigureAwait(false);
            return;
        }

        JsonElement id = Member(request, "id");
        Action<Utf8JsonWriter> answer;
        try
        {
            JsonElement parameters = Member(request, "params");
            answer = Text(request, "method") switch
            {
                "SendMessage" => await SendAsync(platform, parameters, tenant, http.RequestAborted).ConfigureAwait(false),
                "GetTask" => await GetAsync(platform, parameters, tenant, http.RequestAborted).ConfigureAwait(false),
                _ => json => Error(json, -32601, "SendMessage and GetTask are served."),
            };
        }
        catch (ArgumentException fault)
        {
            // The rule only: neither url nor secret is in such a message.
            string rule = fault.Message.Split(" (Parameter", 2)[0];
            answer = json => Error(json, -32602, rule);
        }

        await WriteAsync(http, id, answer).ConfigureAwait(false);
    }

    private static async ValueTask<Action<Utf8JsonWriter>> SendAsync(PlatformHandler platform, JsonElement parameters, string tenant, CancellationToken cancellationToken)
    {
        JsonElement data = Member(parameters, "message") is { ValueKind: JsonValueKind.Object } message && Member(message, "parts") is { ValueKind: JsonValueKind.Array } parts
            ? parts.EnumerateArray().Select(part => Member(part, "data")).FirstOrDefault(part => part.ValueKind == JsonValueKind.Object)
            : default;
        string skill = Text(data, "skill") ?? throw new ArgumentException("A message has a data part with 'skill' and 'input'.");
        JsonElement input = Member(data, "input") is { ValueKind: JsonValueKind.Object } given ? given : JsonElement.Parse("{}"u8);
        PushRegistration? push = Push(Member(Member(parameters, "configuration"), "taskPushNotificationConfig"));
        ToolReply reply = await platform.CallAsync(skill, input, tenant, push, cancellationToken).ConfigureAwait(false);
        return json =>
        {
            json.WriteStartObject("result"u8);
            json.WriteStartObject("task"u8);
            string taskId = reply.TaskId ?? "a2a_" + Guid.NewGuid().ToString("N");
            AdcpTaskStatus state = reply.TaskId is not null && push is not null ? reply.Status : reply.Error is null ? AdcpTaskStatus.Completed : AdcpTaskStatus.Failed;
            A2AEnvelope.WriteTask(json, taskId, state, reply.Body);
            json.WriteEndObject();
            json.WriteEndObject();
        };
    }

    private static async ValueTask<Action<Utf8JsonWriter>> GetAsync(PlatformHandler platform, JsonElement parameters, string tenant, CancellationToken cancellationToken)
    {
        string id = Text(parameters, "id") is { Length: > 0 } given ? given : throw new ArgumentException("GetTask names a task by 'id'.");
        if (await platform.Options.Tasks.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false) is not { } task)
        {
            return json => Error(json, -32001, "No such task.");
        }

        return json =>
        {
            json.WriteStartObject("result"u8);
            A2AEnvelope.WriteTask(json, task.TaskId, task.Status, task.Result);
            json.WriteEndObject();
        };
    }

    private static PushRegistration? Push(JsonElement config)
    {
        if (config.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        string url = Text(config, "url") ?? throw new ArgumentException("A taskPushNotificationConfig has a url.");
        WebhookAuthentication? authentication = Member(config, "authentication") is { ValueKind: JsonValueKind.Object } block
            ? WebhookAuthentication.FromRegistration([Text(block, "scheme") ?? ""], Text(block, "credentials") ?? "")
            : null;
        return new PushRegistration(PushChannel.A2A, new WebhookDestination(url, null, Text(config, "token"), authentication));
    }

    private static JsonElement Member(JsonElement value, string name) => value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out JsonElement member) ? member : default;

    private static string? Text(JsonElement value, string name) => Member(value, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static void Error(Utf8JsonWriter json, int code, string message)
    {
        json.WriteStartObject("error"u8);
        json.WriteNumber("code"u8, code);
        json.WriteString("message"u8, message);
        json.WriteEndObject();
    }

    private static async Task WriteAsync(HttpContext http, JsonElement id, Action<Utf8JsonWriter> answer)
    {
        http.Response.ContentType = "application/json";
        Utf8JsonWriter json = new(http.Response.BodyWriter);
        await using (json.ConfigureAwait(false))
        {
            json.WriteStartObject();
            json.WriteString("jsonrpc"u8, "2.0"u8);
            json.WritePropertyName("id"u8);
            if (id.ValueKind is JsonValueKind.String or JsonValueKind.Number)
            {
                id.WriteTo(json);
            }
            else
            {
                json.WriteNullValue();
            }

            answer(json);
            json.WriteEndObject();
            await json.FlushAsync(http.RequestAborted).ConfigureAwait(false);
        }
    }
}
