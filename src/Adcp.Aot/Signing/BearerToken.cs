using System.Buffers;
using System.Text;

namespace Adcp.Aot.Signing;

/// <summary>Sends <c>Authorization: Bearer</c> (RFC 6750). It proves nothing about the body; AdCP has deprecated it.</summary>
public sealed class BearerToken : WebhookAuthenticator
{
    private const int MaxLength = 4096;

    private static readonly SearchValues<char> Token68 =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

    private readonly byte[] _value;

    /// <summary>Creates an authenticator for a token.</summary>
    /// <param name="token">1 to 4096 characters of RFC 9110's <c>token68</c>: letters, digits, <c>- . _ ~ + /</c>, then
    /// any number of <c>=</c>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="token"/> is null.</exception>
    /// <exception cref="ArgumentException">The token breaks its rule, for example if it has a line break. The message
    /// never shows it.</exception>
    public BearerToken(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        ReadOnlySpan<char> text = token.AsSpan().TrimEnd('=');
        if (text.IsEmpty || token.Length > MaxLength || text.ContainsAnyExcept(Token68))
        {
            throw new ArgumentException("A bearer token is 1 to 4096 characters of A-Z a-z 0-9 - . _ ~ + / and then any number of =.",
                nameof(token));
        }

        _value = Encoding.ASCII.GetBytes("Bearer " + token);
    }

    internal override string Deprecated => "Bearer";

    internal ReadOnlySpan<byte> Token => _value.AsSpan("Bearer ".Length);

    internal override ValueTask AuthenticateAsync(UnsignedAttempt attempt, AttemptHeaders headers, CancellationToken cancellationToken)
    {
        _value.CopyTo(headers.Buffer(_value.Length));
        headers.Add("Authorization", 0, _value.Length);
        return default;
    }
}
