using Microsoft.AspNetCore.Http;

namespace Adcp.Aot.AspNetCore.Serving;

/// <summary>Who calls, where the application says nothing else.</summary>
internal static class Tenants
{
    internal const string Anonymous = "anonymous";

    internal static string Of(HttpContext http) => http.User.Identity is { IsAuthenticated: true, Name: { Length: > 0 } name } ? name : Anonymous;
}
