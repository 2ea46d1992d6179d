using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Samples;

namespace Seller;

/// <summary>
/// A small OAuth 2.0 authorization server: a principal exchanges its name and token for an access token of an hour (client credentials).
/// Its documents let a buyer's client find it. Use a real one in production.
/// </summary>
internal sealed class AuthorizationServer(Uri url, Principals principals, TimeProvider time)
{
    private const int MaxTokens = 10_000;
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, (string Tenant, DateTimeOffset Expires)> _tokens = new();

    private string Issuer { get; } = url.GetLeftPart(UriPartial.Authority);

    /// <summary>Returns the tenant of a principal's own token or of an access token; <c>null</c> for neither.</summary>
    public string? TenantOf(HttpContext http)
    {
        if (principals.ScopeOf(http.Request) is { } scope)
        {
            return scope.Key;
        }

        string header = http.Request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            && _tokens.TryGetValue(HashOf(header[7..]), out (string Tenant, DateTimeOffset Expires) known)
            && known.Expires > time.GetUtcNow()
            ? known.Tenant
            : null;
    }

    public void Map(IEndpointRouteBuilder endpoints)
    {
        foreach (string endpoint in (string[])["mcp", "a2a"])
        {
            endpoints.MapGet("/.well-known/oauth-protected-resource/" + endpoint, (RequestDelegate)(http => WriteAsync(http, json =>
            {
                json.WriteString("resource"u8, new Uri(url, endpoint).AbsoluteUri);
                json.WriteStartArray("authorization_servers"u8);
                json.WriteStringValue(Issuer);
                json.WriteEndArray();
                json.WriteStartArray("bearer_methods_supported"u8);
                json.WriteStringValue("header"u8);
                json.WriteEndArray();
            })));
        }

        endpoints.MapGet("/.well-known/oauth-authorization-server", (RequestDelegate)(http => WriteAsync(http, json =>
        {
            json.WriteString("issuer"u8, Issuer);
            json.WriteString("token_endpoint"u8, new Uri(url, "/oauth/token").AbsoluteUri);
            json.WriteStartArray("grant_types_supported"u8);
            json.WriteStringValue("client_credentials"u8);
            json.WriteEndArray();
            json.WriteStartArray("token_endpoint_auth_methods_supported"u8);
            json.WriteStringValue("client_secret_post"u8);
            json.WriteEndArray();
        })));
        endpoints.MapPost("/oauth/token", (RequestDelegate)TokenAsync);
    }

    private async Task TokenAsync(HttpContext http)
    {
        if (http.Request.ContentLength is null or > 4_096 || !http.Request.HasFormContentType)
        {
            await FailAsync(http, StatusCodes.Status400BadRequest, "invalid_request");
            return;
        }

        IFormCollection form = await http.Request.ReadFormAsync(http.RequestAborted);
        if (form["grant_type"] != "client_credentials")
        {
            await FailAsync(http, StatusCodes.Status400BadRequest, "unsupported_grant_type");
            return;
        }

        // The secret is looked up as the bearer token that it is, and must be the token of the named principal.
        http.Request.Headers.Authorization = "Bearer " + form["client_secret"];
        if (principals.ScopeOf(http.Request) is not { } scope || scope.Key != form["client_id"])
        {
            await FailAsync(http, StatusCodes.Status401Unauthorized, "invalid_client");
            return;
        }

        string token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string hash, (string _, DateTimeOffset expires)) in _tokens)
        {
            if (expires <= now || _tokens.Count >= MaxTokens)
            {
                _tokens.TryRemove(hash, out _);
            }
        }

        _tokens[HashOf(token)] = (scope.Key, now + Lifetime);
        http.Response.Headers.CacheControl = "no-store";
        await WriteAsync(http, json =>
        {
            json.WriteString("access_token"u8, token);
            json.WriteString("token_type"u8, "Bearer"u8);
            json.WriteNumber("expires_in"u8, (int)Lifetime.TotalSeconds);
        });
    }

    private static string HashOf(string token) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(token)));

    private static Task FailAsync(HttpContext http, int status, string error)
    {
        http.Response.StatusCode = status;
        return WriteAsync(http, json => json.WriteString("error"u8, error));
    }

    private static async Task WriteAsync(HttpContext http, Action<Utf8JsonWriter> members)
    {
        using MemoryStream output = new();
        await using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = output.Length;
        output.Position = 0;
        await output.CopyToAsync(http.Response.Body, http.RequestAborted);
    }
}
