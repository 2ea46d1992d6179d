using System.Buffers;
using System.Text;
using Adcp.Aot.Payloads;

namespace Adcp.Aot.Tests.Payloads;

public sealed class A2ATaskWebhookTests
{
    [Theory]
    [InlineData(A2AEnvelopeMember.Task, """{"task":{"id":"t1","status":{"state":"TASK_STATE_COMPLETED"}}}""")]
    [InlineData(A2AEnvelopeMember.StatusUpdate, """{"statusUpdate":{"id":"t1","status":{"state":"TASK_STATE_COMPLETED"}}}""")]
    [InlineData(A2AEnvelopeMember.ArtifactUpdate, """{"artifactUpdate":{"id":"t1","status":{"state":"TASK_STATE_COMPLETED"}}}""")]
    [InlineData(A2AEnvelopeMember.Message, """{"message":{"id":"t1","status":{"state":"TASK_STATE_COMPLETED"}}}""")]
    public void Body_is_an_envelope_with_one_member(A2AEnvelopeMember member, string body)
    {
        A2ATaskWebhook webhook = new(member, "t1", """{"id":"t1","status":{"state":"TASK_STATE_COMPLETED"}}"""u8.ToArray());
        Assert.Equal(body, Body(webhook));
        Assert.Equal("t1", webhook.AuditTaskId);
    }

    [Fact]
    public void Key_and_token_travel_in_headers_and_not_in_the_body()
    {
        A2ATaskWebhook webhook = new(A2AEnvelopeMember.Task, "t1", "{\"id\":\"t1\"}"u8.ToArray(), token: "secret-token");
        Assert.Equal(
            [new(A2ATaskWebhook.IdempotencyKeyHeader, webhook.IdempotencyKey!), new(A2ATaskWebhook.TokenHeader, "secret-token")],
            webhook.Headers!);
        string body = Body(webhook);
        Assert.DoesNotContain(webhook.IdempotencyKey!, body, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-token", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("9007199254740991", true)]
    [InlineData("-9007199254740991", true)]
    [InlineData("0.1", true)]
    [InlineData("9007199254740992", false)]
    [InlineData("-9007199254740993", false)]
    [InlineData("1e300", false)]
    public void An_integer_that_receivers_round_is_refused(string number, bool isSafe)
    {
        A2ATaskWebhook webhook = new(A2AEnvelopeMember.Task, "t1", Encoding.UTF8.GetBytes($$"""{"id":"t1","metadata":[{{number}}]}"""));

        string? code = isSafe ? null : Assert.Throws<WebhookPayloadException>(() => Body(webhook)).Code;

        Assert.Equal(isSafe ? null : "unsafe_number", code);
        Assert.True(!isSafe || Body(webhook).Contains(number, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("""{"task":{"id":"t1"}}""")]
    [InlineData("""{"statusUpdate":{}}""")]
    public void Value_that_is_no_object_or_an_envelope_itself_is_refused(string value)
    {
        A2ATaskWebhook webhook = new(A2AEnvelopeMember.Task, "t1", Encoding.UTF8.GetBytes(value));
        Assert.Equal("invalid_a2a_value", Assert.Throws<WebhookPayloadException>(() => Body(webhook)).Code);
    }

    [Theory]
    [InlineData("{\"id\":1,\"id\":2}", "duplicate_key_input")]
    [InlineData("{\"id\":", "invalid_json")]
    [InlineData("", "invalid_json")]
    public void Value_that_parsers_read_differently_is_refused(string value, string code)
    {
        A2ATaskWebhook webhook = new(A2AEnvelopeMember.Task, "t1", Encoding.UTF8.GetBytes(value));
        Assert.Equal(code, Assert.Throws<WebhookPayloadException>(() => Body(webhook)).Code);
    }

    [Fact]
    public void Key_set_past_the_constructor_is_refused()
    {
        A2ATaskWebhook webhook = new(A2AEnvelopeMember.Task, "t1", "{}"u8.ToArray()) { IdempotencyKey = "whk_another_key_1234" };
        Assert.Equal("idempotency_key_mismatch", Assert.Throws<WebhookPayloadException>(() => Body(webhook)).Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("line\r\nbreak")]
    [InlineData("ümlaut")]
    public void Token_that_cannot_stand_in_a_header_is_refused(string token) =>
        Assert.Equal("token", Assert.Throws<ArgumentException>(() =>
            new A2ATaskWebhook(A2AEnvelopeMember.Task, "t1", "{}"u8.ToArray(), token)).ParamName);

    private static string Body(A2ATaskWebhook webhook)
    {
        ArrayBufferWriter<byte> output = new();
        webhook.Write(output, new EnvelopeContext(AdcpVersion.V32, webhook.IdempotencyKey!, DateTimeOffset.UnixEpoch, null, null, null));
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
