namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Bounds the rate at which an account of a tenant adds requests to the idempotency store: a token bucket for each, in this process.
/// Thread-safe.
/// </summary>
internal sealed class InsertBudget(int perSecond, int burst, TimeProvider time)
{
    private const int MaxAccounts = 10_000;

    private readonly Dictionary<(string Tenant, string Account), (double Room, long At)> _accounts = [];
    private readonly Lock _lock = new();

    /// <summary>Takes the right to add one request.</summary>
    internal bool TryTake(string tenant, string account)
    {
        lock (_lock)
        {
            long now = time.GetTimestamp();
            double room = Room(_accounts.GetValueOrDefault((tenant, account), (burst, now)), now);
            if (room < 1)
            {
                return false;
            }

            if (_accounts.Count >= MaxAccounts && !_accounts.ContainsKey((tenant, account)))
            {
                Forget(now);
            }

            _accounts[(tenant, account)] = (room - 1, now);
            return true;
        }
    }

    /// <summary>Returns a right that was not used, because the request was known.</summary>
    internal void Return(string tenant, string account)
    {
        lock (_lock)
        {
            if (_accounts.TryGetValue((tenant, account), out (double Room, long At) known))
            {
                _accounts[(tenant, account)] = known with { Room = known.Room + 1 };
            }
        }
    }

    private double Room((double Room, long At) known, long now) =>
        Math.Min(burst, known.Room + (time.GetElapsedTime(known.At, now).TotalSeconds * perSecond));

    /// <summary>Forgets the accounts whose buckets are full again; all of them if there are none.</summary>
    private void Forget(long now)
    {
        (string, string)[] full = [.. _accounts.Where(account => Room(account.Value, now) >= burst).Select(account => account.Key)];
        if (full.Length == 0)
        {
            _accounts.Clear();
        }

        Array.ForEach(full, account => _accounts.Remove(account));
    }
}
