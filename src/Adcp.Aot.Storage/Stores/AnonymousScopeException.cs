namespace Adcp.Aot.Storage;

/// <summary>A caller without a name reached a store that refuses such callers.</summary>
public sealed class AnonymousScopeException : UnauthorizedAccessException
{
    /// <summary>Creates the exception. Its message names the option that admits such callers.</summary>
    public AnonymousScopeException()
        : base($"This store refuses unauthenticated callers. Authenticate the caller, or "
            + $"choose {nameof(AnonymousCallers)}.{nameof(AnonymousCallers.ShareOneScope)}.")
    {
    }
}
