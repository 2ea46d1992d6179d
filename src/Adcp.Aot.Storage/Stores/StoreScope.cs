namespace Adcp.Aot.Storage;

/// <summary>
/// The owner of the rows that a call may touch: one authenticated principal (a tenant, an account, a user), or all
/// callers without a name. Every method of a store takes a scope and every statement filters by it, so rows of another
/// scope look as if they did not exist. Compared ordinally: <c>Acme</c> and <c>acme</c> are two. Immutable.
/// </summary>
public sealed class StoreScope : IEquatable<StoreScope>
{
    /// <summary>The most bytes of a principal in UTF-8.</summary>
    public const int MaxPrincipalBytes = 255;

    private StoreScope(string key) => Key = key;

    /// <summary>
    /// Gets the one scope that all unauthenticated callers share. A store refuses it unless
    /// <see cref="AnonymousCallers.ShareOneScope"/> was chosen.
    /// </summary>
    public static StoreScope Anonymous { get; } = new("");

    /// <summary>Gets whether this is <see cref="Anonymous"/>.</summary>
    public bool IsAnonymous => Key.Length == 0;

    /// <summary>
    /// Gets the text of the scope's column: the principal; empty for <see cref="Anonymous"/>, so that no principal can
    /// be confused with it.
    /// </summary>
    public string Key { get; }

    /// <summary>Returns the scope of an authenticated principal.</summary>
    /// <param name="principal">The principal's stable name, determined by the server and never by the caller: 1 to 255
    /// bytes of UTF-8 without control characters.</param>
    /// <exception cref="ArgumentNullException"><paramref name="principal"/> is null.</exception>
    /// <exception cref="ArgumentException">Empty, too long, or with a control character or a lone surrogate. Use
    /// <see cref="Anonymous"/> if you mean that.</exception>
    public static StoreScope Of(string principal)
    {
        ArgumentException.ThrowIfNullOrEmpty(principal);
        return StoredText.Fits(principal, MaxPrincipalBytes)
            ? new StoreScope(principal)
            : throw new ArgumentException(
                $"A principal has at most {MaxPrincipalBytes} bytes of UTF-8, no control characters and no lone surrogates.",
                nameof(principal));
    }

    /// <summary>Returns the scope. Throws if it is anonymous and the store refuses such callers.</summary>
    /// <param name="scope">The caller's scope.</param>
    /// <param name="anonymous">The store's choice.</param>
    /// <exception cref="ArgumentNullException"><paramref name="scope"/> is null.</exception>
    /// <exception cref="AnonymousScopeException">The caller is anonymous and the store refuses such callers.</exception>
    public static StoreScope Require(StoreScope scope, AnonymousCallers anonymous)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return scope.IsAnonymous && anonymous == AnonymousCallers.Refused ? throw new AnonymousScopeException() : scope;
    }

    /// <inheritdoc/>
    public bool Equals(StoreScope? other) => other is not null && string.Equals(Key, other.Key, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StoreScope);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(Key);

    /// <summary>Returns the principal, or a word for its absence.</summary>
    public override string ToString() => IsAnonymous ? "(anonymous)" : Key;
}
