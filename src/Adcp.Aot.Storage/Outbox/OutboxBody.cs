using System.Text.Json;

namespace Adcp.Aot.Storage;

/// <summary>The body of a frozen notification, written again for another emission.</summary>
internal static class OutboxBody
{
    private static readonly JsonWriterOptions Unchecked = new() { SkipValidation = true };

    /// <summary>Copies a body with another idempotency key and time. Every other member keeps its bytes.</summary>
    /// <returns><see langword="null"/> if the body is not that of a notification of this id.</returns>
    internal static byte[]? Renew(ReadOnlyMemory<byte> body, string key, string notification, string firedAt)
    {
        Utf8JsonReader reader = new(body.Span);
        bool hasKey = false, hasNotification = false;
        using MemoryStream output = new(body.Length + 64);
        using (Utf8JsonWriter json = new(output, Unchecked))
        {
            try
            {
                if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                {
                    return null;
                }

                json.WriteStartObject();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    string name = reader.GetString()!;
                    reader.Read();
                    int start = (int)reader.TokenStartIndex;
                    hasKey |= name == "idempotency_key";
                    hasNotification |= name == "notification_id" && reader.TokenType == JsonTokenType.String
                        && reader.ValueTextEquals(notification);
                    reader.Skip();
                    json.WritePropertyName(name);
                    switch (name)
                    {
                        case "idempotency_key":
                            json.WriteStringValue(key);
                            break;
                        case "fired_at":
                            json.WriteStringValue(firedAt);
                            break;
                        default:
                            json.WriteRawValue(body.Span[start..(int)reader.BytesConsumed], skipInputValidation: true);
                            break;
                    }
                }

                json.WriteEndObject();
            }
            catch (JsonException)
            {
                return null;
            }
        }

        return hasKey && hasNotification ? output.ToArray() : null;
    }
}
