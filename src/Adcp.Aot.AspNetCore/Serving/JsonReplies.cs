using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Adcp.Aot.AspNetCore;

/// <summary>
/// Lets clients call an MCP endpoint that accept JSON only. The MCP transport replies by an event stream; such a client gets the reply that
/// the stream carries. Without sessions a stream carries one reply.
/// </summary>
internal static class JsonReplies
{
    private const string Json = "application/json";
    private const string Events = "text/event-stream";

    /// <summary>Puts the conversion around an MCP endpoint.</summary>
    internal static RequestDelegate Around(RequestDelegate next) => async http =>
    {
        if (!HttpMethods.IsPost(http.Request.Method) || AcceptsEvents(http.Request))
        {
            await next(http).ConfigureAwait(false);
            return;
        }

        http.Request.Headers.Accept = $"{Json}, {Events}";
        Stream client = http.Response.Body;
        using MemoryStream written = new();
        http.Response.Body = written;
        try
        {
            await next(http).ConfigureAwait(false);
        }
        finally
        {
            http.Response.Body = client;
        }

        ReadOnlyMemory<byte> reply = written.GetBuffer().AsMemory(0, (int)written.Length);
        if (http.Response.ContentType?.StartsWith(Events, StringComparison.OrdinalIgnoreCase) == true)
        {
            reply = ReplyOf(reply);
            http.Response.ContentType = Json;
            http.Response.Headers.Remove(HeaderNames.ContentEncoding);
        }

        if (!reply.IsEmpty)
        {
            http.Response.ContentLength = reply.Length;
            await client.WriteAsync(reply, http.RequestAborted).ConfigureAwait(false);
        }
    };

    private static bool AcceptsEvents(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out IList<MediaTypeHeaderValue>? types)
        && types.Any(type => type.MediaType.Equals(Events, StringComparison.OrdinalIgnoreCase))
        && types.Any(type => type.MediaType.Equals(Json, StringComparison.OrdinalIgnoreCase));

    /// <summary>Returns the last event of a stream whose data is a JSON-RPC reply; empty if there is none.</summary>
    private static ReadOnlyMemory<byte> ReplyOf(ReadOnlyMemory<byte> stream)
    {
        ReadOnlyMemory<byte> reply = default;
        foreach (Range line in stream.Span.Split((byte)'\n'))
        {
            ReadOnlyMemory<byte> text = stream[line];
            if (text.Span.StartsWith("data:"u8))
            {
                text = text[5..];
                reply = IsReply(text.Span) ? text.Trim(" \r"u8) : reply;
            }
        }

        return reply;
    }

    private static bool IsReply(ReadOnlySpan<byte> data)
    {
        try
        {
            Utf8JsonReader reader = new(data);
            return JsonDocument.TryParseValue(ref reader, out JsonDocument? document) && Has(document);
        }
        catch (JsonException)
        {
            return false;
        }

        static bool Has(JsonDocument document)
        {
            using (document)
            {
                return document.RootElement.ValueKind == JsonValueKind.Object
                    && (document.RootElement.TryGetProperty("result"u8, out _) || document.RootElement.TryGetProperty("error"u8, out _));
            }
        }
    }
}
