namespace Adcp.Aot.Storage;

/// <summary>The choice of a store for callers without authentication.</summary>
public enum AnonymousCallers
{
    /// <summary>Throws <see cref="AnonymousScopeException"/>. The default.</summary>
    Refused = 0,

    /// <summary>Anonymous callers see each other's rows, and no other rows. For servers without authentication.</summary>
    ShareOneScope = 1,
}
