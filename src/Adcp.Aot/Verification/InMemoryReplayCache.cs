using System.Collections.Concurrent;

namespace Adcp.Aot.Verification;

/// <summary>
/// A replay cache of one process, bounded for each key and in all. A live entry is never evicted: a key that has used up its share is refused, and no other key loses an
/// entry or a place by it. Thread-safe.
/// </summary>
/// <remarks>
/// An entry takes 40 bytes; tables double as they fill, so 100,000 entries of one key are at most 8 MB. Entries live for at most seven minutes by AdCP's windows, and are
/// taken out by the second, at the cost of those that go. Not enough where more than one process receives: see <see cref="IReplayCache"/>.
/// </remarks>
public sealed class InMemoryReplayCache : IReplayCache
{
    private const int MaxIdleTables = 1024;

    private readonly ConcurrentDictionary<string, NonceTable> _tables = new(StringComparer.Ordinal);
    private readonly int _maxPerKey;
    private readonly TimeProvider _time;
    private readonly long _maxTotal;
    private long _total;
    private long _lastSweep;

    /// <summary>Creates a cache.</summary>
    /// <param name="maxPerKey">The most live entries of a key. 1 to 10,000,000, default AdCP's 100,000.</param>
    /// <param name="maxTotal">The most live entries in all. 1 to 10,000,000, default 1,000,000.</param>
    /// <param name="timeProvider">The clock that entries expire by. Default the system's.</param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is outside its range.</exception>
    public InMemoryReplayCache(int maxPerKey = 100_000, int maxTotal = 1_000_000, TimeProvider? timeProvider = null)
    {
        const int Most = 10_000_000;
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPerKey, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxPerKey, Most);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTotal, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxTotal, Most);
        _maxPerKey = maxPerKey;
        _maxTotal = maxTotal;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <summary>How many entries there are, expired ones included until they are taken out.</summary>
    public long Count => Volatile.Read(ref _total);

    /// <inheritdoc/>
    public ValueTask<bool> HasRoomAsync(string keyId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(keyId);
        long now = Now();
        if (Volatile.Read(ref _total) >= _maxTotal)
        {
            RemoveExpired(now);
            if (Volatile.Read(ref _total) >= _maxTotal)
            {
                return new(false);
            }
        }

        if (!_tables.TryGetValue(keyId, out NonceTable? table))
        {
            return new(true);
        }

        bool hasRoom = table.HasRoom(now, out int removed);
        Interlocked.Add(ref _total, -removed);
        return new(hasRoom);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The nonce is not unpadded base64url of 16 bytes or more.</exception>
    public ValueTask<ReplayAdmission> TryAddAsync(string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(keyId);
        UInt128 digest = NonceTable.Digest(nonce.Span);
        long now = Now();
        long expires = expiresAt.ToUnixTimeSeconds();
        while (true)
        {
            NonceTable table = _tables.GetOrAdd(keyId, static (_, cache) => new NonceTable(cache._maxPerKey), this);
            if (Interlocked.Increment(ref _total) > _maxTotal)
            {
                RemoveExpired(now);
            }

            // The place in the whole is taken before the one in the table, so that neither bound is ever passed; what was not used is given back.
            bool mayAdd = Volatile.Read(ref _total) <= _maxTotal;
            ReplayAdmission? admission = table.TryAdd(digest, expires, now, mayAdd, out int removed);
            Interlocked.Add(ref _total, -removed - (admission == ReplayAdmission.Added ? 0 : 1));
            if (admission is { } done)
            {
                return new(done);
            }

            // The table was closed as empty a moment ago and never opens again.
            _tables.TryRemove(new(keyId, table));
        }
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Takes out what has expired anywhere, at most once a second.</summary>
    private void RemoveExpired(long now)
    {
        long last = Volatile.Read(ref _lastSweep);
        if (last >= now || Interlocked.CompareExchange(ref _lastSweep, now, last) != last)
        {
            return;
        }

        foreach ((string keyId, NonceTable table) in _tables)
        {
            Interlocked.Add(ref _total, -table.RemoveExpired(now));
            if (_tables.Count > MaxIdleTables && table.TryClose())
            {
                _tables.TryRemove(new(keyId, table));
            }
        }
    }
}
