using System.Text.Json;

namespace Adcp.Aot.Platform.Tests.Wire;

/// <summary>The storyboards v3_envelope_integrity and error_compliance: members of every reply and of every error.</summary>
public sealed class ReplyEnvelopeTests
{
    [Theory]
    [InlineData("now", "completed")]
    [InlineData("later", "submitted")]
    [InlineData("refuse", "failed")]
    [InlineData("break", "failed")]
    public async Task No_legacy_status_fields_and_a_status_in_each_reply(string plan, string status)
    {
        await using Bench bench = new(AdcpVersion.V32);

        JsonElement body = Bench.Body((await bench.BuyAsync(plan)).Body);

        Assert.Equal(status, body.GetProperty("status").GetString());
        Assert.False(body.TryGetProperty("task_status", out _));
        Assert.False(body.TryGetProperty("response_status", out _));
        Assert.Equal("""{"k":[1]}""", body.GetProperty("context").GetRawText());
    }

    [Theory]
    [InlineData("refuse", "BUDGET_TOO_LOW", "correctable")]
    [InlineData("break", "INTERNAL_ERROR", "transient")]
    public async Task Each_error_has_a_recovery_and_fills_both_layers(string plan, string code, string recovery)
    {
        await using Bench bench = new(AdcpVersion.V32);

        JsonElement body = Bench.Body((await bench.BuyAsync(plan)).Body);

        JsonElement error = body.GetProperty("adcp_error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal(recovery, error.GetProperty("recovery").GetString());
        Assert.Equal(error.GetRawText(), Assert.Single(body.GetProperty("errors").EnumerateArray()).GetRawText());
    }

    [Theory]
    [InlineData(AdcpVersion.V30, false)]
    [InlineData(AdcpVersion.V31, true)]
    [InlineData(AdcpVersion.V32, true)]
    public async Task A_conflict_of_keys_has_a_recovery_from_3_1_on(AdcpVersion version, bool expected)
    {
        await using Bench bench = new(version);
        const string Key = ",\"idempotency_key\":\"0123456789abcdef\"";
        await bench.BuyAsync(more: Key);

        JsonElement body = Bench.Body((await bench.BuyAsync("later", more: Key)).Body);

        JsonElement error = body.GetProperty("adcp_error");
        Assert.Equal("IDEMPOTENCY_CONFLICT", error.GetProperty("code").GetString());
        Assert.Equal(expected, error.TryGetProperty("recovery", out _));
        Assert.False(body.TryGetProperty("idempotency_key", out _));
    }

    [Theory]
    [InlineData(AdcpVersion.V30, true)]
    [InlineData(AdcpVersion.V31, false)]
    public async Task A_key_is_echoed_in_3_0_only_and_never_kept_or_sent_on(AdcpVersion version, bool expected)
    {
        await using Bench bench = new(version);

        ToolReply reply = await bench.BuyAsync(more: ",\"idempotency_key\":\"0123456789abcdef\"");
        await bench.Handler.DrainAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(expected, Bench.Text(reply).Contains("0123456789abcdef", StringComparison.Ordinal));
        Assert.DoesNotContain(
            bench.Sender.Attempts,
            sent => System.Text.Encoding.UTF8.GetString(sent.Body.Span).Contains("0123456789abcdef", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_for_another_account_is_a_conflict_in_3_0_and_a_new_request_later()
    {
        const string First = ""","idempotency_key":"0123456789abcdef","account":{"account_id":"a"}""";
        const string Second = ""","idempotency_key":"0123456789abcdef","account":{"account_id":"b"}""";
        await using Bench old = new(AdcpVersion.V30);
        await using Bench current = new(AdcpVersion.V32);
        await old.BuyAsync(more: First);
        await current.BuyAsync(more: First);

        Assert.Equal("IDEMPOTENCY_CONFLICT", (await old.BuyAsync(more: Second)).Error?.Code);
        Assert.Null((await current.BuyAsync(more: Second)).Error);
    }

    [Fact]
    public void Details_are_an_object_and_a_wait_is_an_hour_at_most()
    {
        AdcpError error = new("RATE_LIMITED", "Later.")
        {
            RetryAfter = TimeSpan.FromDays(1),
            Suggestion = "Wait.",
            Details = JsonElement.Parse("""{"limit":1}"""),
        };

        JsonElement written = Bench.Body(ToolReply.Failed(error).Body).GetProperty("adcp_error");

        Assert.Equal(3_600, written.GetProperty("retry_after").GetInt32());
        Assert.Equal("Wait.", written.GetProperty("suggestion").GetString());
        Assert.Equal("""{"limit":1}""", written.GetProperty("details").GetRawText());
        Assert.Throws<ArgumentException>(() => error with { Details = JsonElement.Parse("[]") });
    }
}
