using System.Text.Json;
using Adcp.Aot.Auditing;
using Adcp.Aot.Tests.Doubles;

namespace Adcp.Aot.Tests.Auditing;

/// <summary>The output of sinks for the records of real deliveries.</summary>
public sealed class SinkRecordTests
{
    [Fact]
    public async Task The_json_lines_sink_writes_one_sound_object_a_line()
    {
        string path = Path.Combine(Path.GetTempPath(), $"adcp-{Guid.NewGuid():N}.jsonl");
        try
        {
            JsonLinesDeliveryLogSink sink = new(path);
            Bench bench = new(o => o with { Sink = new FanOutDeliveryLogSink(sink, new InMemoryDeliveryLogSink()) });
            bench.Sender.Status(503);
            await bench.DeliverAsync(new DeliveryOptions { SequenceKey = "s" });
            await bench.Supervisor.DisposeAsync();
            await sink.DisposeAsync();
            string[] lines = await File.ReadAllLinesAsync(path);
            Assert.Equal(2, lines.Length);
            using JsonDocument first = JsonDocument.Parse(lines[0]);
            Assert.Equal(("failure", 503, 1), (
                first.RootElement.GetProperty("outcome").GetString(),
                first.RootElement.GetProperty("http_status_code").GetInt32(),
                first.RootElement.GetProperty("sequence_number").GetInt32()));
            Assert.DoesNotContain("secret", lines[0], StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [Needs(Resource.AdcpData)]
    [InlineData(AdcpVersion.V31, "3.1.24")]
    [InlineData(AdcpVersion.V32, "3.2.3")]
    public async Task Activity_records_satisfy_AdCPs_schema(AdcpVersion version, string release)
    {
        using JsonDocument document = SharedFiles.Read($"schemas/versions/{release}/core/webhook-activity-record.json");
        System.Text.Json.Nodes.JsonObject root = System.Text.Json.Nodes.JsonNode.Parse(document.RootElement.GetRawText())!.AsObject();
        root.Remove("$id");
        foreach (KeyValuePair<string, System.Text.Json.Nodes.JsonNode?> member in root["properties"]!.AsObject())
        {
            member.Value!.AsObject().Remove("$ref");
        }

        NJsonSchema.JsonSchema schema = await NJsonSchema.JsonSchema.FromJsonAsync(root.ToJsonString());
        List<string> bodies = [];
        DelegateSink sink = new((attempts, _) =>
        {
            foreach (DeliveryAttempt attempt in attempts.Span)
            {
                if (attempt.ToActivityRecord() is { } record)
                {
                    WebhookActivityRecord known = (record with { NotificationId = "n-1" }).For(version);
                    bodies.Add(JsonSerializer.Serialize(known, WebhookActivityRecord.JsonType));
                }
            }

            return default;
        });
        Bench bench = new(o => o with { Sink = sink });
        bench.Sender.Status(503).Result(w => new WebhookSendResult(w, WebhookSendError.Timeout, new string('x', 900)));
        await bench.DeliverAsync(new DeliveryOptions { NotificationType = "scheduled", SequenceKey = "s" });
        bench.Sender.Result(w => new WebhookSendResult(w, WebhookSendError.ConnectionFailed, "connection refused"));
        await bench.DeliverAsync(new DeliveryOptions { NotificationType = "final" });
        await bench.DeliverAsync();
        Assert.Equal(5, bodies.Count);
        Assert.All(bodies, body => Assert.Empty(schema.Validate(body)));
        Assert.Contains("\"status\":\"timeout\"", bodies[1], StringComparison.Ordinal);
        Assert.Contains("\"http_status_code\":null,\"response_time_ms\":null", bodies[1], StringComparison.Ordinal);
        Assert.DoesNotContain("token=", string.Concat(bodies), StringComparison.Ordinal);
    }
}
