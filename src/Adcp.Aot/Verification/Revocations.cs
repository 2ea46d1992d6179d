namespace Adcp.Aot.Verification;

/// <summary>The newest revocation list of a sender, shared by whoever reads it and the verifiers that ask it. Thread-safe.</summary>
public sealed class Revocations
{
    private RevocationList _current;

    /// <summary>Begins with a list: a verifier that has none yet would have to accept revoked keys.</summary>
    /// <param name="list">The list.</param>
    /// <exception cref="ArgumentNullException"><paramref name="list"/> is null.</exception>
    public Revocations(RevocationList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        _current = list;
    }

    /// <summary>The newest list.</summary>
    public RevocationList Current => Volatile.Read(ref _current);

    /// <summary>Takes a list that was read anew, unless the one at hand is newer: an old list played back revokes less.</summary>
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
