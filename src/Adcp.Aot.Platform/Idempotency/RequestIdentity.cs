using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// The identity of a call (<see cref="Request"/>: its key within its <see cref="Account"/>) and of its content
/// (<see cref="Fingerprint"/>: tool, arguments and A2A's own channel, in canonical JSON without the members that AdCP
/// leaves out of a request's identity). All are SHA-256 in lower-case hexadecimal digits, so that none shows the
/// key.
/// </summary>
internal readonly record struct RequestIdentity(string Key, string Account, string Request, string Fingerprint)
{
    private const int LeastKey = 16;
    private const int LongestKey = 255;

    private static readonly SearchValues<char> KeyCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-");

    /// <exception cref="AdcpErrorException">The key breaks its rule, or the arguments are not sound JSON.</exception>
    internal static RequestIdentity Of(string tool, JsonElement arguments, PushRegistration? a2aRegistration, JsonElement given)
    {
        string key = IsKey(given) ? given.GetString()! : throw Malformed();
        try
        {
            ReadOnlySpan<byte> account = Canonical(json => WriteAccount(json, tool, arguments));
            return new RequestIdentity(
                key, Hash("", account), Hash(key, account), Hash(tool, Canonical(json => WriteRequest(json, arguments, a2aRegistration))));
        }
        catch (Exception fault) when (fault is WebhookPayloadException or InvalidOperationException)
        {
            throw new AdcpErrorException(AdcpError.InvalidRequest("The arguments are a JSON object without repeated names."));
        }
    }

    /// <summary>
    /// Returns whether a value has the form of a key. AdCP lets a seller refuse keys that are easy to guess. This one accepts them: a key
    /// counts for its own caller and account only, so that a guess reveals nothing of another's.
    /// </summary>
    internal static bool IsKey(JsonElement given) =>
        given.ValueKind == JsonValueKind.String && given.GetString() is { Length: >= LeastKey and <= LongestKey } key
        && !key.AsSpan().ContainsAnyExcept(KeyCharacters);

    /// <summary>Creates the error of a key that breaks its rule.</summary>
    internal static AdcpErrorException Malformed() => new(AdcpError.InvalidRequest(
        $"An idempotency_key has {LeastKey} to {LongestKey} letters, digits, '_', '.', ':' and '-'; a UUID is one.", "idempotency_key"));

    /// <summary>Writes the scope of a key within the caller: the account, and for a turn of a conversation its session.</summary>
    private static void WriteAccount(Utf8JsonWriter json, string tool, JsonElement arguments)
    {
        foreach (JsonProperty member in arguments.EnumerateObject().Where(member =>
            member.Name is "account" or "account_id" || (member.Name == "session_id" && tool == "si_send_message")))
        {
            member.WriteTo(json);
        }
    }

    private static void WriteRequest(Utf8JsonWriter json, JsonElement arguments, PushRegistration? a2aRegistration)
    {
        json.WriteStartObject("arguments"u8);
        foreach (JsonProperty member in arguments.EnumerateObject()
            .Where(member => member.Name is not ("idempotency_key" or "context" or "governance_context")))
        {
            if (member.NameEquals(PushRegistration.MemberName))
            {
                json.WritePropertyName(member.Name);
                WriteWithout(json, member.Value, "authentication", authentication =>
                    WriteWithout(json, authentication, "credentials", null));
            }
            else
            {
                member.WriteTo(json);
            }
        }

        json.WriteEndObject();
        if (a2aRegistration is { Destination: { } destination })
        {
            json.WriteString("a2a_url"u8, destination.Url);
            json.WriteString("a2a_scheme"u8, destination.Authentication?.Scheme.ToString());
        }
    }

    /// <summary>
    /// Writes a value. If it is an object, <paramref name="write"/> writes the value of <paramref name="name"/>, or the
    /// member is left out.
    /// </summary>
    private static void WriteWithout(Utf8JsonWriter json, JsonElement value, string name, Action<JsonElement>? write)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            value.WriteTo(json);
            return;
        }

        json.WriteStartObject();
        foreach (JsonProperty member in value.EnumerateObject())
        {
            if (!member.NameEquals(name))
            {
                member.WriteTo(json);
            }
            else if (write is not null)
            {
                json.WritePropertyName(name);
                write(member.Value);
            }
        }

        json.WriteEndObject();
    }

    private static ReadOnlySpan<byte> Canonical(Action<Utf8JsonWriter> members)
    {
        ArrayBufferWriter<byte> canonical = new();
        CanonicalJson.Write(WireObject.Of(members).Span, canonical);
        return canonical.WrittenSpan;
    }

    /// <summary>A NUL, which is in neither names nor JSON, separates the parts.</summary>
    private static string Hash(string name, ReadOnlySpan<byte> json)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(name));
        hash.AppendData([0]);
        hash.AppendData(json);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
