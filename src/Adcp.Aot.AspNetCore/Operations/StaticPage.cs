using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Adcp.Aot.AspNetCore.Operations;

/// <summary>Serves the files of the operator page from the assembly.</summary>
internal static class StaticPage
{
    /// <summary>Only the page's own files and API are allowed, and no page may frame it.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    internal static void Map(RouteGroupBuilder group)
    {
        // The files' addresses are relative to the page, so its own ends in a slash.
        RequestDelegate page = File("index.html", "text/html; charset=utf-8");
        group.MapGet("/", http =>
        {
            if (http.Request.Path.Value is { } path && !path.EndsWith('/'))
            {
                Protect(http.Response.Headers);
                http.Response.Redirect($"{http.Request.PathBase}{http.Request.Path}/");
                return Task.CompletedTask;
            }

            return page(http);
        });
        group.MapGet("page.js", File("page.js", "text/javascript; charset=utf-8"));
        group.MapGet("page.css", File("page.css", "text/css; charset=utf-8"));
    }

    /// <summary>Sets the headers that every answer of page and API has.</summary>
    internal static void Protect(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
    }

    private static RequestDelegate File(string name, string type)
    {
        using Stream resource = typeof(StaticPage).Assembly.GetManifestResourceStream("Operations." + name)!;
        using MemoryStream copy = new();
        resource.CopyTo(copy);
        byte[] bytes = copy.ToArray();
        string tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\"";
        return http =>
        {
            Protect(http.Response.Headers);
            http.Response.Headers.CacheControl = "no-cache";
            http.Response.Headers.ETag = tag;
            if (http.Request.Headers.IfNoneMatch == tag)
            {
                http.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }

            http.Response.ContentType = type;
            http.Response.ContentLength = bytes.Length;
            return http.Response.Body.WriteAsync(bytes, http.RequestAborted).AsTask();
        };
    }
}
