using System.Text.Json;
using Adcp.Aot.Json;

namespace Adcp.Aot.Payloads.Notifications;

/// <summary>Checks a signal by the feed's event schema (<c>$defs/signal</c>).</summary>
internal static class FeedSignal
{
    /// <returns>The signal's segment id.</returns>
    internal static string Check(ReadOnlyMemory<byte> json, string name)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement signal = document.RootElement;
        foreach (string member in (ReadOnlySpan<string>)["signal_agent_segment_id", "name", "description"])
        {
            Require(Text(signal, member) is true, $"'{member}' is a text of at least one character.", name);
        }

        Require(Text(signal, "signal_type") is true, "'signal_type' is required.", name);
        Require(Text(signal, "data_provider") is not false, "'data_provider' is a text of at least one character.", name);
        Require(List(signal, "deployments", JsonValueKind.Object) is true, "'deployments' is an array of one or more objects.", name);
        Require(List(signal, "categories", JsonValueKind.String) is not false, "'categories' is an array of one or more texts.", name);
        Require(List(signal, "pricing_options", JsonValueKind.Object) is not false,
            "'pricing_options' is an array of one or more objects.", name);
        Require(signal.TryGetProperty("signal_ref", out _)
            || signal.TryGetProperty("signal_id", out _), "'signal_ref' or the deprecated 'signal_id' is required.", name);
        Require(
            !signal.TryGetProperty("coverage_percentage", out JsonElement coverage)
            || (coverage.ValueKind == JsonValueKind.Number && coverage.GetDouble() is >= 0 and <= 100),
            "'coverage_percentage' is a number from 0 to 100.", name);
        Require(
            !signal.TryGetProperty("range", out JsonElement range)
            || (range.ValueKind == JsonValueKind.Object && range.EnumerateObject().All(bound =>
                bound.Name is "min" or "max" && bound.Value.ValueKind == JsonValueKind.Number) && range.EnumerateObject().Count() == 2),
            "'range' is an object of the numbers 'min' and 'max'.", name);
        return JsonWire.Name(signal.GetProperty("signal_agent_segment_id").GetString(), name);
    }

    private static bool? Text(JsonElement signal, string member) =>
        signal.TryGetProperty(member, out JsonElement value)
        ? value.ValueKind == JsonValueKind.String && value.GetString() is not ""
        : null;

    private static bool? List(JsonElement signal, string member, JsonValueKind kind) => signal.TryGetProperty(member, out JsonElement value)
        ? value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(item => item.ValueKind == kind)
        : null;

    private static void Require(bool met, string rule, string name)
    {
        if (!met)
        {
            throw new ArgumentException("The signal breaks a rule: " + rule, name);
        }
    }
}
