using System.Text.Json;

namespace Adcp.Aot.Seller.Tests;

[Trait("storyboard", "error_compliance")]
public sealed class ErrorComplianceStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>
{
    [Fact]
    public async Task Get_capabilities()
    {
        JsonElement answer = await seller.CallAsync("get_adcp_capabilities", "get_capabilities", "\"ext\":{}");

        Assert.Equal(JsonValueKind.Array, answer.GetProperty("supported_protocols").ValueKind);
    }

    [Fact]
    public Task Negative_budget() => seller.RefusedAsync("create_media_buy", "negative_budget",
        Buy("test-product", -500, "asap", "2099-05-31T23:59:59Z"), "VALIDATION_ERROR", "INVALID_REQUEST", "BUDGET_TOO_LOW");

    [Fact]
    public Task Nonexistent_product() => seller.RefusedAsync("create_media_buy", "nonexistent_product",
        Buy("nonexistent-product-id-xyz", 10_000, "asap", "2099-05-31T23:59:59Z"),
        "PRODUCT_NOT_FOUND", "PRODUCT_UNAVAILABLE", "INVALID_REQUEST");

    [Fact]
    public async Task Missing_fields()
    {
        JsonElement answer = await seller.CallAsync("get_products", "missing_fields", StoryboardSeller.Account);

        Assert.Equal(JsonValueKind.Array, answer.GetProperty("products").ValueKind);
    }

    [Fact]
    public Task Reversed_dates_error() => seller.RefusedAsync("create_media_buy", "reversed_dates_error",
        Buy("test-product", 10_000, "2099-12-31T00:00:00Z", "2099-01-01T00:00:00Z"), "VALIDATION_ERROR", "INVALID_REQUEST");

    [Fact]
    public async Task Validate_error_shape()
    {
        JsonElement error = await seller.RefusedAsync("create_media_buy", "validate_error_shape",
            Buy("test-product", -1, "2099-12-31T00:00:00Z", "2099-01-01T00:00:00Z"), "VALIDATION_ERROR", "INVALID_REQUEST");

        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        Assert.NotEmpty(error.GetProperty("field").GetString()!);
        Assert.Equal("correctable", error.GetProperty("recovery").GetString());
    }

    [Fact]
    public Task Unsupported_major_version() => AssertUnsupportedAsync("unsupported_major_version", "\"adcp_major_version\":99");

    [Fact]
    public Task Unsupported_release_version() => AssertUnsupportedAsync("unsupported_release_version", "\"adcp_version\":\"99.0\"");

    [Fact]
    public async Task Supported_major_version()
    {
        JsonElement answer = await seller.CallAsync(
            "get_products", "supported_major_version", "\"adcp_major_version\":3," + StoryboardSeller.Account);

        Assert.Equal(JsonValueKind.Array, answer.GetProperty("products").ValueKind);
    }

    /// <summary>MCP has the error in the structured content, and A2A in the data part of a failed task.</summary>
    [Fact]
    public async Task Validate_transport_binding()
    {
        string buy = Buy("nonexistent-product-id-xyz", 10_000, "asap", "2099-05-31T23:59:59Z");
        JsonElement overMcp = await seller.RefusedAsync("create_media_buy", "validate_transport_binding", buy, "PRODUCT_NOT_FOUND");

        JsonElement sent = await seller.Process.A2AAsync("SendMessage", $$"""
            {"message":{"messageId":"1","role":"ROLE_USER","parts":[{"data":{"skill":"create_media_buy","input":
            {"idempotency_key":"{{Guid.NewGuid()}}",{{buy}} } } }] } }
            """);
        JsonElement task = sent.GetProperty("result").GetProperty("task");

        Assert.Equal("TASK_STATE_FAILED", task.GetProperty("status").GetProperty("state").GetString());
        JsonElement data = task.GetProperty("artifacts")[0].GetProperty("parts").EnumerateArray()
            .Single(part => part.TryGetProperty("data", out _)).GetProperty("data");
        Assert.True(JsonElement.DeepEquals(overMcp, data.GetProperty("adcp_error")));
    }

    internal static string Buy(string product, int budget, string start, string end) =>
        $$"""
        {{StoryboardSeller.Account}},"start_time":"{{start}}","end_time":"{{end}}","packages":[{"product_id":"{{product}}",
        "budget":{{budget}},"pricing_option_id":"test-pricing"}]
        """;

    private async Task AssertUnsupportedAsync(string step, string version)
    {
        JsonElement error =
            await seller.RefusedAsync("get_products", step, version + "," + StoryboardSeller.Account, "VERSION_UNSUPPORTED");

        Assert.Equal("3.2", Assert.Single(
            error.GetProperty("details").GetProperty("supported_versions").EnumerateArray()).GetString());
    }
}

[Trait("storyboard", "schema_validation")]
public sealed class SchemaValidationStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>
{
    [Fact]
    public async Task Get_capabilities()
    {
        JsonElement answer = await seller.CallAsync("get_adcp_capabilities", "get_capabilities", "\"ext\":{}");

        Assert.Equal(JsonValueKind.Array, answer.GetProperty("supported_protocols").ValueKind);
    }

    [Fact]
    public async Task Get_products_schema()
    {
        JsonElement product = await ProductAsync("get_products_schema");

        Assert.NotEmpty(product.GetProperty("product_id").GetString()!);
        Assert.NotEmpty(product.GetProperty("delivery_type").GetString()!);
    }

    [Fact]
    public async Task Pricing_options_present()
    {
        JsonElement option = (await ProductAsync("pricing_options_present")).GetProperty("pricing_options")[0];

        Assert.NotEmpty(option.GetProperty("pricing_option_id").GetString()!);
        Assert.NotEmpty(option.GetProperty("pricing_model").GetString()!);
    }

    [Fact]
    public Task Reversed_dates() => seller.RefusedAsync("create_media_buy", "reversed_dates",
        ErrorComplianceStoryboard.Buy("test-product", 10_000, "2099-12-31T00:00:00Z", "2099-01-01T00:00:00Z"), "INVALID_REQUEST");

    [Fact]
    public Task Create_buy_past_start_reject() => seller.RefusedAsync("create_media_buy", "create_buy_past_start_reject",
        ErrorComplianceStoryboard.Buy("test-product", 10_000, "2020-01-01T00:00:00Z", "2099-12-31T23:59:59Z"), "INVALID_REQUEST");

    private async Task<JsonElement> ProductAsync(string step) =>
        (await seller.CallAsync("get_products", step, "\"buying_mode\":\"brief\",\"brief\":\"A sample\",\"pagination\":{\"max_results\":5},"
            + StoryboardSeller.Account)).GetProperty("products")[0];
}

[Trait("storyboard", "v3_envelope_integrity")]
public sealed class EnvelopeIntegrityStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>
{
    [Fact]
    public async Task No_legacy_status_fields()
    {
        JsonElement answer = await seller.CallAsync("get_adcp_capabilities", "no_legacy_status_fields", "\"ext\":{}");

        Assert.Equal("completed", answer.GetProperty("status").GetString());
        Assert.False(answer.TryGetProperty("task_status", out _));
        Assert.False(answer.TryGetProperty("response_status", out _));
    }
}

[Trait("storyboard", "version_negotiation")]
public sealed class VersionNegotiationStoryboard(StoryboardSeller seller) : IClassFixture<StoryboardSeller>
{
    [Fact]
    public async Task Get_capabilities_with_version()
    {
        JsonElement answer =
            await seller.CallAsync("get_adcp_capabilities", "get_capabilities_with_version", "\"adcp_version\":\"3.2\"");

        Assert.Equal(3, answer.GetProperty("adcp").GetProperty("major_versions")[0].GetInt32());
        Assert.Equal("3.2", answer.GetProperty("adcp").GetProperty("supported_versions")[0].GetString());
        Assert.Equal("3.2", answer.GetProperty("adcp_version").GetString());
    }
}
