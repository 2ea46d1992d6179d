using System.Buffers;
using System.Text.Json;
using Adcp.Aot.AspNetCore;
using Adcp.Aot.Platform;
using Adcp.Aot.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.AspNetCore.Builder;

/// <summary>
/// Serves a seller's platform over A2A 1.0's JSON-RPC by AdCP's profile (extension v3). <c>SendMessage</c> takes exactly one data part
/// <c>{"skill": ..., "input": {...}}</c>. The AdCP answer comes in a completed task, also if it says <c>submitted</c>: then the AdCP task
/// is polled by <c>get_task_status</c> and reported by webhook. AdCP tasks are also read and listed here under their own ids, and each
/// has one push notification configuration, which is created, read and deleted. Nothing is streamed, and no task is cancelled here.
/// </summary>
public static partial class AdcpA2AEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps the endpoint. It accepts requests of up to 1 MiB, even if they announce no length, answers 413 to larger
    /// ones, and refuses requests by <see cref="AdcpEndpointOptions"/>.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="platform">The wired platform. The caller drains it.</param>
    /// <param name="options">The rules for callers; null for authenticated ones under a loopback host.</param>
    /// <param name="pattern">The route.</param>
    /// <exception cref="ArgumentNullException">A reference is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="options"/> sets two sources of the tenant.</exception>
    public static IEndpointConventionBuilder MapAdcpA2A(
        this IEndpointRouteBuilder endpoints, PlatformHandler platform, AdcpEndpointOptions? options = null, string pattern = "/a2a")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(pattern);
        ILogger logger = GuardedLogger.Of(endpoints.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger("Adcp.Aot.A2A"));
        AdcpEndpointOptions rules = (options ?? new AdcpEndpointOptions()).Checked(nameof(options));
        EndpointGuard guard = new(rules, logger, () => platform.Options.Version);
        CompletedInvocations invocations = new();
        RequestDelegate serve = http =>
            ServeAsync(http, platform, invocations, http.Features.Get<Caller>()!.Tenant, rules.AllowsA2AWithoutProfile, logger);
        return endpoints.MapMethods(pattern, [HttpMethods.Post], guard.Before(serve, isSoundOnly: false)).WithMetadata(new BodyLimit());
    }

    private static async Task ServeAsync(
        HttpContext http,
        PlatformHandler platform,
        CompletedInvocations invocations,
        string tenant,
        bool allowsWithoutProfile,
        ILogger logger)
    {
        JsonElement id = default;
        ArrayBufferWriter<byte> body = new(1024);
        try
        {
            JsonElement request = Read((MemoryStream)http.Request.Body);
            id = A2AMethods.Member(request, "id");
            if (id.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
            {
                id = default;
                throw new RpcFault(RpcFault.InvalidRequest, "A JSON-RPC 2.0 request has an id.");
            }

            if (A2AMethods.Text(request, "jsonrpc") != "2.0" || A2AMethods.Text(request, "method") is not { } method)
            {
                throw new RpcFault(RpcFault.InvalidRequest, "Not a JSON-RPC 2.0 request.");
            }

            // If a request has no such header, it speaks 0.3 (A2A 1.0, section 3.6).
            if (http.Request.Headers["A2A-Version"].ToString() is not ("1.0" or "1"))
            {
                throw new RpcFault(RpcFault.VersionNotSupported, "This agent speaks A2A 1.0; say so in the A2A-Version header.");
            }

            bool isActivated = A2AProfile.IsActivated(http.Request);
            if (!isActivated && !allowsWithoutProfile)
            {
                throw new RpcFault(
                    RpcFault.ExtensionSupportRequired, $"This agent requires the extension {A2AProfile.Uri}; name it in A2A-Extensions.");
            }

            if (isActivated)
            {
                http.Response.Headers[A2AProfile.Header] = A2AProfile.Uri;
            }

            A2AMethods methods = new(platform, invocations, tenant, http.RequestAborted);
            Action<Utf8JsonWriter> result = await methods.PerformAsync(method, A2AMethods.Member(request, "params")).ConfigureAwait(false);
            Write(body, id, json =>
            {
                json.WritePropertyName("result"u8);
                result(json);
            });
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            (int code, string message) = Error(fault);
            if (code == RpcFault.InternalError)
            {
                Failed(logger, fault);
            }

            body.ResetWrittenCount();
            Write(body, id, json =>
            {
                json.WriteStartObject("error"u8);
                json.WriteNumber("code"u8, code);
                json.WriteString("message"u8, message);
                if (fault is AdcpErrorException { Error: { } error })
                {
                    json.WriteStartArray("data"u8);
                    json.WriteStartObject();
                    json.WritePropertyName("adcp_error"u8);
                    error.WriteTo(json);
                    json.WriteEndObject();
                    json.WriteEndArray();
                }

                json.WriteEndObject();
            });
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.WrittenCount;
        await http.Response.Body.WriteAsync(body.WrittenMemory, http.RequestAborted).ConfigureAwait(false);
    }

    private static JsonElement Read(MemoryStream body)
    {
        ReadOnlySpan<byte> json = EndpointGuard.Text(body);
        return ClientText.IsSound(json)
            ? JsonElement.Parse(json)
            : throw new RpcFault(RpcFault.ParseError, "Not JSON in UTF-8, a lone surrogate, or a name twice in an object.");
    }

    /// <summary>
    /// Returns the error for the caller. The message of a broken rule contains neither url nor secret.
    /// </summary>
    private static (int Code, string Message) Error(Exception fault) => fault switch
    {
        RpcFault rpc => (rpc.Code, rpc.Message),
        AdcpErrorException { Error.Recovery: ErrorRecovery.Transient } busy => (RpcFault.ServerError, busy.Message),
        AdcpErrorException adcp => (RpcFault.InvalidParams, adcp.Message),
        ArgumentException rule => (RpcFault.InvalidParams, rule.Message.Split(" (Parameter", 2)[0]),
        _ => (RpcFault.InternalError, "The seller failed to perform the method."),
    };

    private static void Write(ArrayBufferWriter<byte> body, JsonElement id, Action<Utf8JsonWriter> answer)
    {
        using Utf8JsonWriter json = new(body);
        json.WriteStartObject();
        json.WriteString("jsonrpc"u8, "2.0"u8);
        json.WritePropertyName("id"u8);
        if (id.ValueKind == JsonValueKind.Undefined)
        {
            json.WriteNullValue();
        }
        else
        {
            id.WriteTo(json);
        }

        answer(json);
        json.WriteEndObject();
    }

    [LoggerMessage(AspNetCoreEventIds.A2AMethodFailed, LogLevel.Error, "An A2A method failed.")]
    private static partial void Failed(ILogger logger, Exception fault);
}
