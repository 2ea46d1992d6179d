using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Adcp.Aot.Platform;

/// <summary>
/// JSON that a row keeps as a text. It is UTF-8 in memory and compared by its bytes, so that a result of some megabytes
/// is not copied into a string of twice its size.
/// </summary>
[JsonConverter(typeof(Converter))]
internal readonly struct JsonText(ReadOnlyMemory<byte> utf8) : IEquatable<JsonText>
{
    internal ReadOnlyMemory<byte> Utf8 => utf8;

    /// <summary>Returns the text; <c>null</c> for none.</summary>
    internal static JsonText? Of(ReadOnlyMemory<byte> utf8) => utf8.IsEmpty ? null : new JsonText(utf8);

    public bool Equals(JsonText other) => Utf8.Span.SequenceEqual(other.Utf8.Span);

    public override bool Equals(object? obj) => obj is JsonText other && Equals(other);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(Utf8.Span);
        return hash.ToHashCode();
    }

    /// <summary>The length only: a result may hold what belongs to a tenant.</summary>
    public override string ToString() => $"{Utf8.Length} bytes of JSON";

    internal sealed class Converter : JsonConverter<JsonText>
    {
        public override JsonText Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.String)
            {
                throw new JsonException("A kept text is not a string.");
            }

            int most = reader.HasValueSequence ? checked((int)reader.ValueSequence.Length) : reader.ValueSpan.Length;
            byte[] rented = ArrayPool<byte>.Shared.Rent(most);
            try
            {
                return new JsonText(rented.AsSpan(0, reader.CopyString(rented)).ToArray());
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }

        public override void Write(Utf8JsonWriter writer, JsonText value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.Utf8.Span);
    }
}
