using System.Buffers;
using System.Text;
using System.Text.Json;
using Adcp.Aot.Json;
using Adcp.Aot.Payloads;
using Adcp.Aot.Tests.Json;
using CsCheck;

namespace Adcp.Aot.Tests.Payloads;

public sealed class McpWebhookTests
{
    private static readonly EnvelopeContext Facts = new(
        AdcpVersion.V32, "whk_0123456789abcdef", new DateTimeOffset(2026, 11, 24, 13, 0, 0, 5, TimeSpan.FromHours(1)), "op_1",
        "a-token-of-sixteen", null);

    [Fact]
    public void The_body_is_exactly_the_envelope()
    {
        McpWebhook webhook = new()
        {
            TaskId = "task_1",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.InputRequired,
            Protocol = AdcpProtocol.MediaBuy,
            NotificationId = "n1",
            Message = "Größe \"x\"",
            ContextId = "ctx",
            Result = " { \"a\" : [ 1.50 , -0e2 , \"\\u00e9\" , { } , [ ] , null , true ] , \"b\":\"é\" } "u8.ToArray(),
            Context = "{\"k\":1}"u8.ToArray(),
        };
        Assert.Equal(
            """{"idempotency_key":"whk_0123456789abcdef","notification_id":"n1","operation_id":"op_1" """.TrimEnd()
            + ""","task_id":"task_1","task_type":"create_media_buy","protocol":"media-buy" """.TrimEnd()
            + ""","status":"input-required","timestamp":"2026-11-24T12:00:00.005Z","context_id":"ctx" """.TrimEnd()
            + ""","message":"Größe \"x\"","token":"a-token-of-sixteen" """.TrimEnd()
            + ""","result":{"a":[1.50,-0e2,"\u00e9",{},[],null,true],"b":"é"},"context":{"k":1}}""",
            Write(webhook, Facts));
    }

    [Fact]
    public void The_number_is_the_first_member_of_the_result()
    {
        Assert.Contains("\"result\":{\"sequence_number\":7}", Write(With("{}", numbers: true), Facts with { SequenceNumber = 7 }),
            StringComparison.Ordinal);
        Assert.Contains("{\"sequence_number\":7,\"a\":{}}",
            Write(With("{\"a\":{}}", numbers: true), Facts with { SequenceNumber = 7 }), StringComparison.Ordinal);
        Assert.Equal("duplicate_key_input",
            Code(With("{\"x\":{},\"sequence_number\":1}", numbers: true), Facts with { SequenceNumber = 7 }));
        Assert.Equal("invalid_result", Code(With("[]", numbers: true), Facts with { SequenceNumber = 7 }));
    }

    [Fact]
    public void White_space_between_tokens_goes_and_nothing_else_changes() => CanonicalJsonTests.Json.Sample(node =>
    {
        if (node is not null)
        {
            string compact = node.ToJsonString();
            string indented = node.ToJsonString(new JsonSerializerOptions
            { WriteIndented = true, IndentCharacter = '\t', NewLine = "\r\n" });
            string written = Write(With(compact), Facts);
            Assert.Equal(written, Write(With(" " + indented + "\r\n"), Facts));
            Assert.EndsWith(",\"result\":" + compact + "}", written, StringComparison.Ordinal);
        }
    });

    [Theory]
    [InlineData(" { } ", "{\"sequence_number\":7}")]
    [InlineData("{ \"a b\" : \" \\\\\" , \"c\\\"\t\" : [ 1 , 2 ] }", "{\"sequence_number\":7,\"a b\":\" \\\\\",\"c\\\"\t\":[1,2]}")]
    public void The_number_stands_before_whatever_the_result_has(string result, string written)
    {
        string json = result.Replace("\t", "\\t", StringComparison.Ordinal);
        Assert.EndsWith(
            ",\"result\":" + written.Replace("\t", "\\t", StringComparison.Ordinal) + "}",
            Write(With(json, numbers: true), Facts with { SequenceNumber = 7 }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"a\":1,\"a\":2}", "duplicate_key_input")]
    [InlineData("[{\"b\":{\"a\":1,\"\\u0061\":2}}]", "duplicate_key_input")]
    [InlineData("{\"a\":NaN}", "invalid_json")]
    [InlineData("{\"a\":\"\\ud800\"}", "invalid_json")]
    [InlineData("{} {}", "invalid_json")]
    [InlineData("{", "invalid_json")]
    [InlineData("\uFEFF{}", "invalid_json")]
    public void Results_that_parsers_read_differently_are_refused(string json, string code) => Assert.Equal(code, Code(With(json), Facts));

    [Fact]
    public void Invalid_utf8_and_deep_nesting_are_refused()
    {
        Assert.Equal("invalid_json", Code(new McpWebhook
        {
            TaskId = "t",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.Completed,
            Result = new byte[] { 0x22, 0xFF, 0x22 }
        }, Facts));
        Assert.Equal("invalid_json", Code(With(new string('[', 70) + new string(']', 70)), Facts));
    }

    [Fact]
    public void Duplicate_names_are_sanitised_in_the_message()
    {
        WebhookPayloadException fault =
            Assert.Throws<WebhookPayloadException>(() => Write(With("{\"ab\\u0007cd\":1,\"ab\\u0007cd\":2}"), Facts));
        Assert.Contains("<sanitized:2>", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_context_is_an_object()
    {
        McpWebhook webhook = new()
        {
            TaskId = "t",
            TaskType = TaskType.CreateMediaBuy,
            Status = AdcpTaskStatus.Completed,
            Context = "[]"u8.ToArray()
        };
        Assert.Equal("invalid_context", Code(webhook, Facts));
    }

    [Fact]
    public void The_operation_id_is_required_from_3_1()
    {
        Assert.DoesNotContain("operation_id", Write(With("{}"), Facts with { Version = AdcpVersion.V30, OperationId = null }),
            StringComparison.Ordinal);
        Assert.Equal("missing_operation_id", Code(With("{}"), Facts with { Version = AdcpVersion.V31, OperationId = null }));
        Assert.Equal("missing_operation_id", Code(With("{}"), Facts with { OperationId = null }));
    }

    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(AdcpVersion.V30, "versions/3.0.26/enums/task-type.json", 20)]
    [InlineData(AdcpVersion.V31, "versions/3.1.24/enums/task-type.json", 24)]
    [InlineData(AdcpVersion.V32, "versions/3.2.3/enums/task-type.json", 38)]
    public void Task_types_are_those_of_each_generations_schema(AdcpVersion version, string schema, int count)
    {
        using JsonDocument document = SharedFiles.Read("schemas/" + schema);
        string[] expected = [.. document.RootElement.GetProperty("enum").EnumerateArray().Select(e => e.GetString()!)
            .Order(StringComparer.Ordinal)];
        string[] ours = [.. Enum.GetValues<TaskType>().Where(t => t.IsEligible(version)).Select(t => t.ToWire())
            .Order(StringComparer.Ordinal)];
        Assert.Equal(expected, ours);
        Assert.Equal(count, ours.Length);
        foreach (TaskType type in Enum.GetValues<TaskType>().Where(t => !t.IsEligible(version)))
        {
            McpWebhook webhook = new() { TaskId = "t", TaskType = type, Status = AdcpTaskStatus.Completed };
            Assert.Equal("task_type_not_eligible", Code(webhook, Facts with { Version = version }));
        }
    }

    [Fact]
    [Needs(Resource.AdcpData)]
    public void Statuses_and_protocols_are_the_schemas()
    {
        using JsonDocument statuses = SharedFiles.Read("schemas/enums/task-status.json");
        Assert.Equal(statuses.RootElement.GetProperty("enum").EnumerateArray().Select(e => e.GetString()),
            Enum.GetValues<AdcpTaskStatus>().Select(s => s.ToWire()));
        using JsonDocument protocols = SharedFiles.Read("schemas/enums/adcp-protocol.json");
        Assert.Equal(
            protocols.RootElement.GetProperty("enum").EnumerateArray().Select(e => e.GetString()!).Order(StringComparer.Ordinal),
            Enum.GetValues<AdcpProtocol>().Select(s => s.ToWire()).Order(StringComparer.Ordinal));
    }

    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(AdcpVersion.V30, "schemas/versions/3.0.6/mcp-webhook-payload.json")]
    [InlineData(AdcpVersion.V31, "schemas/versions/3.1.19/mcp-webhook-payload.json")]
    [InlineData(AdcpVersion.V32, "schemas/core/mcp-webhook-payload.json")]
    public async Task Random_envelopes_satisfy_the_schema(AdcpVersion version, string path)
    {
        using JsonDocument document = SharedFiles.Read(path);

        // References lead out of the folder; the schemas that they name are tested above.
        System.Text.Json.Nodes.JsonObject root = System.Text.Json.Nodes.JsonNode.Parse(document.RootElement.GetRawText())!.AsObject();
        root.Remove("allOf");
        root.Remove("$id");
        foreach (KeyValuePair<string, System.Text.Json.Nodes.JsonNode?> member in root["properties"]!.AsObject())
        {
            member.Value!.AsObject().Remove("$ref");
        }

        NJsonSchema.JsonSchema schema = await NJsonSchema.JsonSchema.FromJsonAsync(root.ToJsonString());
        TaskType[] types = [.. Enum.GetValues<TaskType>().Where(t => t.IsEligible(version))];
        Gen.Select(Gen.String[Gen.Char['!', '~'], 1, 40], Gen.Int[0, types.Length - 1], Gen.Int[0, 8],
            Gen.String[Gen.Char[' ', '\uD7FF'], 0, 60], Gen.Bool).Sample((id, type, status, message, full) =>
        {
            McpWebhook webhook = new()
            {
                TaskId = id,
                TaskType = types[type],
                Status = (AdcpTaskStatus)status,
                Message = message,
                NotificationId = full ? "n.1" : null,
                Result = full ? "{\"x\":[1]}"u8.ToArray() : default,
            };
            string body = Write(webhook, Facts with { Version = version });
            Assert.Empty(schema.Validate(body));
            using JsonDocument read = JsonDocument.Parse(body);
            Assert.Equal(id, read.RootElement.GetProperty("task_id").GetString());
            Assert.Equal(message, read.RootElement.GetProperty("message").GetString());
        }, iter: 300);
    }

    [Fact]
    public void Members_check_themselves()
    {
        Assert.Throws<ArgumentNullException>(() =>
            new McpWebhook { TaskId = null!, TaskType = TaskType.LogEvent, Status = AdcpTaskStatus.Failed });
        Assert.Throws<ArgumentException>(() =>
            new McpWebhook { TaskId = " ", TaskType = TaskType.LogEvent, Status = AdcpTaskStatus.Failed });
        Assert.Throws<ArgumentException>(() =>
            new McpWebhook { TaskId = "a\r\nb", TaskType = TaskType.LogEvent, Status = AdcpTaskStatus.Failed });
        Assert.Throws<ArgumentException>(() =>
            new McpWebhook { TaskId = "\uD800", TaskType = TaskType.LogEvent, Status = AdcpTaskStatus.Failed });
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new McpWebhook { TaskId = "t", TaskType = (TaskType)99, Status = AdcpTaskStatus.Failed });
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new McpWebhook { TaskId = "t", TaskType = TaskType.LogEvent, Status = (AdcpTaskStatus)(-1) });
        Assert.Throws<ArgumentException>(() =>
            new McpWebhook { TaskId = "t", TaskType = TaskType.LogEvent, Status = AdcpTaskStatus.Failed, Message = "\uDC00" });
        Assert.Throws<ArgumentException>(() => IdempotencyKeys.Validate("short", "key"));
        Assert.Throws<ArgumentException>(() => IdempotencyKeys.Validate("with space and more", "key"));
    }

    private static McpWebhook With(string result, bool numbers = false) => new()
    {
        TaskId = "t",
        TaskType = TaskType.CreateMediaBuy,
        Status = AdcpTaskStatus.Completed,
        Result = Encoding.UTF8.GetBytes(result),
        NumbersResult = numbers,
    };

    private static string Write(McpWebhook webhook, EnvelopeContext facts)
    {
        ArrayBufferWriter<byte> output = new();
        webhook.Write(output, facts);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static string Code(McpWebhook webhook, EnvelopeContext facts) =>
        Assert.Throws<WebhookPayloadException>(() => Write(webhook, facts)).Code;
}
