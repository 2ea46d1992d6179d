using System.Text.Json;

namespace Adcp.Aot.Platform;

/// <summary>Reads members of a call's arguments. A member that is absent or null is not given.</summary>
internal static class Argument
{
    internal static AdcpErrorException Broken(string rule, string field) => new(AdcpError.InvalidRequest(rule, field));

    internal static JsonElement? Given(JsonElement arguments, string name) =>
        arguments.ValueKind == JsonValueKind.Object && arguments.TryGetProperty(name, out JsonElement value)
        && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    internal static string? Text(JsonElement arguments, string name, string path) => Given(arguments, name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Broken("Must be a string.", path + name);

    internal static bool? Flag(JsonElement arguments, string name, string path) => Given(arguments, name) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Broken("Must be true or false.", path + name);

    internal static DateTimeOffset? Time(JsonElement arguments, string name, string path) => Given(arguments, name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out DateTimeOffset time) ? time
        : throw Broken("Must be a date and time such as 2026-01-31T00:00:00Z.", path + name);

    internal static JsonElement Object(JsonElement arguments, string name) => Given(arguments, name) is not { } value ? default
        : value.ValueKind == JsonValueKind.Object ? value
        : throw Broken("Must be an object.", name);

    /// <summary>Returns the values of a member that is one string, and of its plural that is an array of them; empty for any.</summary>
    internal static HashSet<string> OneOrMore(JsonElement arguments, string one, string more, string path)
    {
        HashSet<string> values = new(StringComparer.Ordinal);
        if (Text(arguments, one, path) is { } single)
        {
            values.Add(single);
        }

        foreach (string value in Texts(arguments, more, path))
        {
            values.Add(value);
        }

        return values;
    }

    internal static IEnumerable<string> Texts(JsonElement arguments, string name, string path, int most = 100)
    {
        if (Given(arguments, name) is not { } values)
        {
            return [];
        }

        return values.ValueKind == JsonValueKind.Array && values.GetArrayLength() >= 1 && values.GetArrayLength() <= most
            && values.EnumerateArray().All(value => value.ValueKind == JsonValueKind.String)
            ? values.EnumerateArray().Select(value => value.GetString()!)
            : throw Broken($"Must be an array of 1 to {most} strings.", path + name);
    }
}
