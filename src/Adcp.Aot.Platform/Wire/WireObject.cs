using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>Writes and rewrites JSON objects.</summary>
internal static class WireObject
{
    /// <summary>
    /// The maximum depth of a context and of a result. With the envelopes around them a receiver reads at most 64.
    /// </summary>
    internal const int MaxDepth = 56;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="members">Writes the members.</param>
    /// <param name="size">About how many bytes they have: a writer that starts small leaves copies of large results behind.</param>
    internal static ReadOnlyMemory<byte> Of(Action<Utf8JsonWriter> members, int size = 256)
    {
        ArrayBufferWriter<byte> output = new(size);
        using (Utf8JsonWriter json = new(output, Options))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return output.WrittenMemory;
    }

    /// <summary>
    /// Returns the answer as it is sent: without members that a buyer may write but not read back
    /// (<c>authentication.credentials</c>, <c>billing_entity.bank</c>, at any depth), and with the request's context if
    /// the answer has none. A replay is marked as one.
    /// </summary>
    internal static ReadOnlyMemory<byte> Outgoing(
        ReadOnlyMemory<byte> body, ReadOnlyMemory<byte> context, bool isReplay = false, ReplyEnvelope? envelope = null)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        return Of(json =>
        {
            envelope?.WriteBefore(json, document.RootElement);
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                if (!isReplay || !member.NameEquals("replayed"u8))
                {
                    Write(json, member, "");
                }
            }

            if (isReplay)
            {
                json.WriteBoolean("replayed"u8, true);
            }

            if (!context.IsEmpty && !document.RootElement.TryGetProperty("context"u8, out _))
            {
                json.WritePropertyName("context"u8);
                json.WriteRawValue(context.Span, skipInputValidation: true);
            }
        }, body.Length + context.Length + 256);
    }

    /// <summary>
    /// Returns whether sound JSON leaves as it is: an object in which no name of a secret is written, with escapes or
    /// without. False if it has to be looked at.
    /// </summary>
    internal static bool IsOutgoing(ReadOnlySpan<byte> sound) =>
        sound.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] && sound.IndexOf("\"credentials\""u8) < 0
            && sound.IndexOf("\"bank\""u8) < 0 && sound.IndexOf("\\u"u8) < 0;

    private static void Write(Utf8JsonWriter json, JsonProperty member, string parent)
    {
        if ((parent == "authentication" && member.NameEquals("credentials"u8))
            || (parent == "billing_entity" && member.NameEquals("bank"u8)))
        {
            return;
        }

        json.WritePropertyName(member.Name);
        Write(json, member.Value, member.Name);
    }

    private static void Write(Utf8JsonWriter json, JsonElement value, string name)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    Write(json, member, name);
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (JsonElement item in value.EnumerateArray())
                {
                    Write(json, item, name);
                }

                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }
}
