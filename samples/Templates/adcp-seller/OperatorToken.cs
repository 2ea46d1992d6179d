using System.Net.Http.Headers;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace SellerApp;

/// <summary>
/// Admits operators to their page by one token: it is the password in the browser's prompt, and the bearer token of the command. The name
/// in the prompt is recorded with each action. Use the sign-in of your organization if names must be proven.
/// </summary>
internal sealed class OperatorToken(IOptionsMonitor<OperatorToken.Settings> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<OperatorToken.Settings>(options, logger, encoder)
{
    /// <summary>The name of the scheme, and of the policy that asks for it.</summary>
    public const string Policy = "operators";

    private const int MinLength = 32;

    /// <summary>Adds scheme and policy. The token is in the file <c>Operators:TokenFile</c>.</summary>
    public static void AddTo(WebApplicationBuilder builder)
    {
        string file = builder.Configuration["Operators:TokenFile"]
            ?? throw new InvalidOperationException("Operators:TokenFile is missing: the file with the token of operators.");
        string token = File.ReadAllText(Path.Combine(builder.Environment.ContentRootPath, file)).Trim();
        if (token.Length < MinLength)
        {
            throw new InvalidOperationException($"Operators:TokenFile: the token has fewer than {MinLength} characters.");
        }

        builder.Services.AddAuthentication()
            .AddScheme<Settings, OperatorToken>(Policy, options => options.Token = Encoding.UTF8.GetBytes(token));
        builder.Services.AddAuthorizationBuilder()
            .AddPolicy(Policy, policy => policy.AddAuthenticationSchemes(Policy).RequireAuthenticatedUser());
    }

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // The token makes no caller of the seller's tools.
        bool isPage = Context.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>().Any(asked => asked.Policy == Policy) == true;
        if (!isPage || Given() is not (string name, string token))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        ClaimsIdentity identity = new([new Claim(ClaimTypes.Name, name)], Policy);
        return Task.FromResult(CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Options.Token)
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Policy))
            : AuthenticateResult.Fail("Not the token of operators."));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = $"Basic realm=\"{Policy}\", charset=\"UTF-8\"";
        return Task.CompletedTask;
    }

    private (string Name, string Token)? Given()
    {
        if (!AuthenticationHeaderValue.TryParse(Request.Headers.Authorization, out AuthenticationHeaderValue? given))
        {
            return null;
        }

        if (given.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
        {
            return ("operator", given.Parameter ?? "");
        }

        byte[] bytes = new byte[given.Parameter?.Length ?? 0];
        return given.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase)
            && Convert.TryFromBase64String(given.Parameter ?? "", bytes, out int length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2) is [{ Length: > 0 } name, string token]
                ? (name, token)
                : null;
    }

    internal sealed class Settings : AuthenticationSchemeOptions
    {
        public byte[] Token { get; set; } = [];
    }
}
