using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Adcp.Aot.Platform.Tests.Tools;

internal sealed record RuledOrder(
    [property: JsonPropertyName("lines")] IReadOnlyList<RuledLine>? Lines = null,
    [property: JsonPropertyName("size"), Range(1, 100)] int Size = 50);

internal sealed record RuledLine
{
    [JsonPropertyName("line_id"), Required, StringLength(4)]
    public string? LineId { get; init; }

    [JsonPropertyName("budget"), Required, Range(0, 1e12)]
    public decimal? Budget { get; init; }

    [JsonPropertyName("code"), RegularExpression("^[a-z]+$")]
    public string? Code { get; init; }
}

[JsonSerializable(typeof(RuledOrder))]
internal sealed partial class RuledJson : JsonSerializerContext;

public sealed class ArgumentRulesTests
{
    [Theory]
    [InlineData("""{"size":0}""", "size")]
    [InlineData("""{"lines":[{"line_id":"a","budget":1},{"line_id":"b","budget":-1}]}""", "lines[1].budget")]
    [InlineData("""{"lines":[{"budget":1}]}""", "lines[0].line_id")]
    [InlineData("""{"lines":[{"line_id":"abcde","budget":1}]}""", "lines[0].line_id")]
    [InlineData("""{"lines":[{"line_id":"a","budget":1,"code":"A"}]}""", "lines[0].code")]
    [InlineData("""{"lines":[null]}""", "lines[0]")]
    [InlineData("""{"lines":[{"line_id":7,"budget":1}]}""", "lines[0].line_id")]
    public void A_broken_rule_names_the_member_as_it_is_on_the_wire(string arguments, string field)
    {
        AdcpErrorException fault = Assert.Throws<AdcpErrorException>(
            () => PlatformDispatch.Arguments(JsonElement.Parse(arguments), RuledJson.Default.RuledOrder));

        Assert.Equal("INVALID_REQUEST", fault.Error.Code);
        Assert.Equal(field, fault.Error.Field);
    }

    [Fact]
    public void Arguments_that_keep_the_rules_are_read()
    {
        RuledOrder order = PlatformDispatch.Arguments(
            JsonElement.Parse("""{"lines":[{"line_id":"a","budget":0}],"other":1}"""), RuledJson.Default.RuledOrder);

        Assert.Equal(50, order.Size);
        Assert.Equal("a", Assert.Single(order.Lines!).LineId);
    }

    [Fact]
    public void The_schema_of_a_tool_has_the_rules_and_the_members_of_every_request()
    {
        JsonElement schema = PlatformDispatch.InputSchema(RuledJson.Default.RuledOrder);

        JsonElement members = schema.GetProperty("properties");
        Assert.Equal("object", schema.GetProperty("type").GetString());
        Assert.Equal(1, members.GetProperty("size").GetProperty("minimum").GetDouble());
        Assert.Equal(100, members.GetProperty("size").GetProperty("maximum").GetDouble());
        JsonElement line = members.GetProperty("lines").GetProperty("items");
        Assert.Equal("""["line_id","budget"]""", line.GetProperty("required").GetRawText());
        Assert.Equal("^[a-z]+$", line.GetProperty("properties").GetProperty("code").GetProperty("pattern").GetString());
        foreach (string envelope in (string[])
            ["context", "ext", "idempotency_key", "push_notification_config", "account", "adcp_version", "adcp_major_version"])
        {
            Assert.True(members.TryGetProperty(envelope, out _), envelope);
        }

        Assert.False(schema.TryGetProperty("additionalProperties", out _));
    }
}
