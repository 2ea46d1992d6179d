using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;

namespace Adcp.Aot.AspNetCore.Tests.Serving;

/// <summary>The calls that the MCP and A2A endpoints accept and refuse.</summary>
public sealed class EndpointGuardTests
{
    private static readonly string WhoMcp = ServedSeller.Rpc("tools/call", """{"name":"get_products","arguments":{}}""");
    private static readonly string WhoA2A =
        ServedSeller.Rpc("SendMessage", """{"message":{"messageId":"1","parts":[{"data":{"skill":"get_products","input":{}}}]}}""");

    [Theory]
    [InlineData("mcp", null, HttpStatusCode.OK)]
    [InlineData("a2a", null, HttpStatusCode.OK)]
    [InlineData("mcp", "localhost:1", HttpStatusCode.OK)]
    [InlineData("mcp", "[::1]", HttpStatusCode.OK)]
    [InlineData("mcp", "evil.example:5080", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "evil.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "localhost.evil.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "127.0.0.1.evil.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "[::2]", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "localhost.", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "x.localhost", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "127.0.0.1.", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "127.1", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "0.0.0.0", HttpStatusCode.MisdirectedRequest)]
    [InlineData("a2a", "2130706433", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "[::ffff:127.0.0.1]", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "localhost.evil.example:5080", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "evillocalhost", HttpStatusCode.MisdirectedRequest)]
    [InlineData("mcp", "LOCALHOST:5080", HttpStatusCode.OK)]
    public async Task A_call_under_another_host_than_loopback_is_refused_unless_it_is_configured(
        string path, string? host, HttpStatusCode expected)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        (HttpStatusCode status, string body) =
            await seller.PostAsync(
                path, System.Text.Encoding.UTF8.GetBytes(path == "mcp" ? WhoMcp : WhoA2A), request => request.Headers.Host = host);

        Assert.Equal(expected, status);
        Assert.Equal(expected != HttpStatusCode.OK, body.Contains("AdcpEndpointOptions.AllowedHosts", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("seller.example", "seller.example", HttpStatusCode.OK)]
    [InlineData("seller.example", "SELLER.example:8443", HttpStatusCode.OK)]
    [InlineData("seller.example:8443", "seller.example:8443", HttpStatusCode.OK)]
    [InlineData("seller.example:8443", "seller.example:8444", HttpStatusCode.MisdirectedRequest)]
    [InlineData("seller.example", "127.0.0.1", HttpStatusCode.MisdirectedRequest)]
    [InlineData("*", "whatever.example", HttpStatusCode.OK)]
    public async Task Hosts_are_the_configured_ones(string allowed, string host, HttpStatusCode expected)
    {
        await using ServedSeller seller =
            await ServedSeller.StartAsync(new AdcpEndpointOptions { SharesOneTenant = true, AllowedHosts = [allowed] });

        (HttpStatusCode status, string _) = await seller.A2AAsync(WhoA2A, request => request.Headers.Host = host);

        Assert.Equal(expected, status);
    }

    [Theory]
    [InlineData("http://localhost:3000", HttpStatusCode.OK)]
    [InlineData("http://127.0.0.1:5080", HttpStatusCode.OK)]
    [InlineData("https://console.example", HttpStatusCode.OK)]
    [InlineData("https://console.example:444", HttpStatusCode.Forbidden)]
    [InlineData("http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost.evil.example", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    [InlineData("file://localhost", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost@evil.example", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost:5080@evil.example:80", HttpStatusCode.Forbidden)]
    [InlineData("http://evil.example#localhost", HttpStatusCode.Forbidden)]
    [InlineData("http://evil.example?http://localhost", HttpStatusCode.Forbidden)]
    [InlineData("http://evil.example\\@localhost", HttpStatusCode.Forbidden)]
    [InlineData("https://console.example.evil.example", HttpStatusCode.Forbidden)]
    [InlineData("https://evil.example/https://console.example", HttpStatusCode.Forbidden)]
    [InlineData("http://console.example", HttpStatusCode.Forbidden)]
    [InlineData("http://127.0.0.1.nip.io", HttpStatusCode.Forbidden)]
    [InlineData("chrome-extension://localhost", HttpStatusCode.Forbidden)]
    [InlineData("http://localhost, http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("", HttpStatusCode.Forbidden)]
    public async Task A_call_from_a_page_of_another_origin_is_refused(string origin, HttpStatusCode expected)
    {
        await using ServedSeller seller =
            await ServedSeller.StartAsync(new AdcpEndpointOptions { SharesOneTenant = true, AllowedOrigins = ["https://console.example"] });

        (HttpStatusCode mcp, string _) =
            await seller.McpAsync(WhoMcp, request => request.Headers.TryAddWithoutValidation("Origin", origin));
        (HttpStatusCode a2a, string _) =
            await seller.A2AAsync(WhoA2A, request => request.Headers.TryAddWithoutValidation("Origin", origin));

        Assert.Equal((expected, expected), (mcp, a2a));
    }

    [Theory]
    [InlineData("mcp")]
    [InlineData("a2a")]
    public async Task A_body_of_another_type_is_refused_and_never_a_fault_of_the_seller(string path)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync();

        foreach (string? type in (string?[])[null, "", "text/plain", "application/x-www-form-urlencoded"])
        {
            (HttpStatusCode status, string _) = await seller.PostAsync(path, "{}"u8.ToArray(), request =>
            {
                request.Content!.Headers.Remove("Content-Type");
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            });
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, status);
        }
    }

    public static TheoryData<string, int, string?> Callers => new()
    {
        { "sub=alice;iss=https://idp.example", 200, "https%3A%2F%2Fidp.example|alice" },
        { "nameid=alice;iss=https://idp.example", 200, "https%3A%2F%2Fidp.example|alice" },
        { "sub=alice;iss=https://idp.example;name=anonymous", 200, "https%3A%2F%2Fidp.example|alice" },
        { "sub=anonymous;iss=https://idp.example", 200, "https%3A%2F%2Fidp.example|anonymous" },
        { "sub=b;iss=a|", 200, "a%7C|b" },
        { "sub=|b;iss=a", 200, "a|%7Cb" },
        { "name=victim-corp;iss=https://idp.example", 403, null },
        { "name=anonymous", 403, null },
        { "client_id=a;iss=https://idp.example", 403, null },
        { "sub=;iss=https://idp.example", 403, null },
        { "sub=alice;sub=bob;iss=https://idp.example", 403, null },
        { "", 401, null },
    };

    [Theory]
    [MemberData(nameof(Callers))]
    public async Task A_callers_tenant_is_its_issuer_and_subject_and_no_name_that_it_chose(string claims, int expected, string? tenant)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync(new AdcpEndpointOptions(), before: app => app.Use((http, next) =>
        {
            if (claims.Length > 0)
            {
                http.User = new ClaimsPrincipal(
                    new ClaimsIdentity(claims.Split(';').Select(static claim => claim.Split('=', 2)).Select(static pair => new Claim(
                    pair[0] == "nameid" ? ClaimTypes.NameIdentifier : pair[0] == "name" ? ClaimTypes.Name : pair[0], pair[1])), "test"));
            }

            return next(http);
        }));

        (HttpStatusCode mcp, string overMcp) = await seller.McpAsync(WhoMcp);
        (HttpStatusCode a2a, string overA2A) = await seller.A2AAsync(WhoA2A);

        Assert.Equal((expected, expected), ((int)mcp, (int)a2a));
        foreach (string body in tenant is null ? [] : (string[])[overMcp, overA2A])
        {
            Assert.Contains(tenant!, body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Two_subjects_of_two_issuers_are_two_tenants_however_long_they_are()
    {
        (string Issuer, string Subject)[] callers =
            [(new string('i', 300), "a"), (new string('i', 300), "b"), (new string('i', 299), "ia"), ("i", new string('s', 300))];
        string[] tenants = [.. callers.Select(caller =>
            Caller.TenantOf(
                new ClaimsPrincipal(new ClaimsIdentity([new Claim("iss", caller.Issuer), new Claim("sub", caller.Subject)], "test")))!)];

        Assert.Equal(4, tenants.Distinct().Count());
        Assert.All(tenants, tenant => Assert.StartsWith("sha256:", tenant, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("sub", 0xD800)]
    [InlineData("sub", 0xDC00)]
    [InlineData("iss", 0xDBFF)]
    public void Subject_that_holds_a_lone_surrogate_is_no_tenant(string type, int surrogate)
    {
        // Attributes hold UTF-8, which has no lone surrogate.
        string value = $"https://idp.example/{(char)surrogate}a";
        Claim[] claims = [new(type, value), type == "sub" ? new("iss", "https://idp.example") : new("sub", "a")];

        Assert.Null(Caller.TenantOf(new ClaimsPrincipal(new ClaimsIdentity(claims, "test"))));
    }

    [Theory]
    [InlineData("alice", HttpStatusCode.OK)]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    [InlineData("", HttpStatusCode.Forbidden)]
    [InlineData("a\nb", HttpStatusCode.Forbidden)]
    public async Task A_tenant_of_the_applications_own_is_taken_or_refused(string? tenant, HttpStatusCode expected)
    {
        await using ServedSeller seller = await ServedSeller.StartAsync(new AdcpEndpointOptions { TenantOf = _ => tenant });

        (HttpStatusCode mcp, string _) = await seller.McpAsync(WhoMcp);
        (HttpStatusCode a2a, string _) = await seller.A2AAsync(WhoA2A);
        using HttpClient http = new();
        using HttpResponseMessage keys = await http.GetAsync(new Uri(seller.Url, ".well-known/jwks.json"));

        Assert.Equal((expected, expected, HttpStatusCode.OK), (mcp, a2a, keys.StatusCode));
    }

    [Fact]
    public void Options_that_contradict_each_other_or_are_no_hosts_are_refused_by_name()
    {
        Assert.Equal("AllowedHosts", Assert.Throws<ArgumentException>(() => new AdcpEndpointOptions { AllowedHosts = [] }).ParamName);
        Assert.Equal(
            "AllowedHosts", Assert.Throws<ArgumentException>(
                () => new AdcpEndpointOptions { AllowedHosts = ["https://seller.example/"] }).ParamName);
        Assert.Equal("AllowedHosts", Assert.Throws<ArgumentException>(() => new AdcpEndpointOptions { AllowedHosts = [""] }).ParamName);
        Assert.Equal(
            "AllowedOrigins", Assert.Throws<ArgumentException>(
                () => new AdcpEndpointOptions { AllowedOrigins = ["seller.example"] }).ParamName);
        Assert.Equal(
            "AllowedOrigins", Assert.Throws<ArgumentException>(
                () => new AdcpEndpointOptions { AllowedOrigins = ["https://seller.example/"] }).ParamName);
        Assert.Throws<ArgumentException>(() => new AdcpEndpointOptions { SharesOneTenant = true, TenantOf = _ => "a" }.Checked("options"));
    }
}
