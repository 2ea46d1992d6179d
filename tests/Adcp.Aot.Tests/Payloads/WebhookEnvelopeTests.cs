using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Tests.Payloads;

public sealed class WebhookEnvelopeTests
{
    private const string Sound = """
        {"idempotency_key":"whk_0123456789abcdef","operation_id":"op_1","task_id":"task_1","task_type":"create_media_buy",
        "status":"completed","timestamp":"2026-05-26T09:00:44.582Z",
        "token":"a-token-of-sixteen","notification_id":"n_1","result":{"status":"active","task_id":5},"later":[{"idempotency_key":1}]}
        """;

    [Fact]
    [Needs(Resource.AdcpData)]
    public void The_official_receiver_vectors_are_dispatched_or_refused_by_name()
    {
        using JsonDocument vectors = SharedFiles.Read("vectors/webhook-receiver-envelope/webhook-receiver-envelope.json");
        foreach (JsonElement vector in vectors.RootElement.GetProperty("positive").EnumerateArray())
        {
            JsonElement payload = vector.GetProperty("payload");
            Assert.True(WebhookEnvelope.TryRead(Encoding.UTF8.GetBytes(payload.GetRawText()), AdcpVersion.V32,
                out WebhookEnvelope? envelope, out string? code), code);
            Assert.Equal(payload.GetProperty("idempotency_key").GetString(), envelope.IdempotencyKey);
            Assert.Equal(payload.GetProperty("task_id").GetString(), envelope.TaskId);
        }

        foreach (JsonElement vector in vectors.RootElement.GetProperty("negative").EnumerateArray())
        {
            Assert.False(WebhookEnvelope.TryRead(Encoding.UTF8.GetBytes(vector.GetProperty("payload").GetRawText()),
                AdcpVersion.V32, out _, out string? code));
            Assert.Equal(vector.GetProperty("expected_error").GetString(), code);
        }
    }

    [Fact]
    public void Members_are_read_at_the_top_level_only_and_unknown_ones_pass()
    {
        Assert.True(Read(Sound, out WebhookEnvelope? envelope, out _));
        Assert.Equal(("whk_0123456789abcdef", "op_1", "task_1", "create_media_buy", AdcpTaskStatus.Completed),
            (envelope!.IdempotencyKey, envelope.OperationId, envelope.TaskId, envelope.TaskType, envelope.Status));
        Assert.Equal(("a-token-of-sixteen", "n_1", new DateTimeOffset(2026, 5, 26, 9, 0, 44, 582, TimeSpan.Zero)),
            (envelope.Token, envelope.NotificationId, envelope.Timestamp));
        Assert.DoesNotContain("a-token-of-sixteen", envelope.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("idempotency_key", null, "missing_idempotency_key")]
    [InlineData("idempotency_key", "\"short\"", "invalid_idempotency_key")]
    [InlineData("idempotency_key", "7", "missing_idempotency_key")]
    [InlineData("operation_id", null, "missing_envelope_fields")]
    [InlineData("task_id", null, "missing_envelope_fields")]
    [InlineData("task_id", "\"\"", "missing_envelope_fields")]
    [InlineData("task_id", "{}", "missing_envelope_fields")]
    [InlineData("task_type", null, "missing_envelope_fields")]
    [InlineData("status", null, "missing_envelope_fields")]
    [InlineData("status", "\"active\"", "invalid_envelope_status")]
    [InlineData("timestamp", null, "missing_envelope_fields")]
    [InlineData("timestamp", "\"yesterday\"", "invalid_envelope_timestamp")]
    [InlineData("timestamp", "\"2026-05-26\"", "invalid_envelope_timestamp")]
    public void A_member_that_is_missing_or_wrong_has_its_code(string member, string? value, string code)
    {
        JsonObject payload = JsonNode.Parse(Sound)!.AsObject();
        payload.Remove(member);
        if (value is not null)
        {
            payload[member] = JsonNode.Parse(value);
        }

        Assert.False(Read(payload.ToJsonString(), out _, out string? actual));
        Assert.Equal(code, actual);
    }

    [Fact]
    public void AdCP_3_0_needs_no_operation_id()
    {
        JsonObject payload = JsonNode.Parse(Sound)!.AsObject();
        payload.Remove("operation_id");
        Assert.True(WebhookEnvelope.TryRead(Encoding.UTF8.GetBytes(payload.ToJsonString()), AdcpVersion.V30,
            out WebhookEnvelope? envelope, out _));
        Assert.Null(envelope.OperationId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}{}")]
    [InlineData("{\"task_id\":")]
    [InlineData("{\"task_id\":\"\\ud800\"}")]
    public void What_is_no_json_object_is_refused(string body)
    {
        Assert.False(Read(body, out _, out string? code));
        Assert.Equal("invalid_json", code);
    }

    private static bool Read(string body, out WebhookEnvelope? envelope, out string? code) =>
        WebhookEnvelope.TryRead(Encoding.UTF8.GetBytes(body), AdcpVersion.V32, out envelope, out code);
}
