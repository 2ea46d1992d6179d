namespace Adcp.Aot.Verification;

/// <summary>A sender's newest revocation list, shared by its reader and the verifiers. Thread-safe.</summary>
public sealed class Revocations
{
    private RevocationList _current;

    /// <summary>Starts with a list: a verifier without one would have to accept revoked keys.</summary>
    /// <param name="list">The list.</param>
    /// <exception cref="ArgumentNullException"><paramref name="list"/> is null.</exception>
    public Revocations(RevocationList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        _current = list;
    }

    /// <summary>The newest list.</summary>
    public RevocationList Current => Volatile.Read(ref _current);

    /// <summary>
    /// Replaces the list, unless the current one is newer: an old list that is replayed revokes less.
    /// </summary>
    /// <param name="list">The list.</param>
    /// <returns><c>true</c> if it is the current one now.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="list"/> is null.</exception>
    public bool TryUpdate(RevocationList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        while (true)
        {
            RevocationList current = Current;
            if (list.Updated < current.Updated)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _current, list, current) == current)
            {
                return true;
            }
        }
    }
}
