namespace Adcp.Aot.Storage;

/// <summary>What a store does with callers that nobody authenticated.</summary>
public enum AnonymousCallers
{
    /// <summary>Throws <see cref="AnonymousScopeException"/>. The default.</summary>
    Refused = 0,

    /// <summary>They see each other's rows, and nobody else's. For servers without authentication.</summary>
    ShareOneScope = 1,
}
