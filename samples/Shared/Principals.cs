using System.Security.Cryptography;
using System.Text;
using Adcp.Aot.Storage;

namespace Samples;

/// <summary>
/// Authenticates callers: a bearer token names a principal. Without principals every caller is anonymous, and all share
/// one scope.
/// </summary>
internal sealed class Principals
{
    private readonly (byte[] TokenHash, StoreScope Scope)[] _known;

    /// <param name="principals">The principals, each <c>name=token</c>.</param>
    /// <exception cref="ArgumentException">Not of that form; the message does not repeat it.</exception>
    public Principals(IEnumerable<string> principals) => _known =
    [
        .. principals.Select(static text => text.IndexOf('=') is var at and > 0 && at + 16 < text.Length
            ? (SHA256.HashData(Encoding.UTF8.GetBytes(text[(at + 1)..])), StoreScope.Of(text[..at]))
            : throw new ArgumentException("A principal is name=token, with a token of at least 16 characters.")),
    ];

    public bool AreNamed => _known.Length > 0;

    /// <returns><c>null</c> if the caller must authenticate and did not.</returns>
    public StoreScope? ScopeOf(HttpRequest request)
    {
        if (!AreNamed)
        {
            return StoreScope.Anonymous;
        }

        string header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(header[7..]));
        StoreScope? scope = null;
        foreach ((byte[] known, StoreScope of) in _known)
        {
            scope = CryptographicOperations.FixedTimeEquals(known, hash) ? of : scope;
        }

        return scope;
    }
}
