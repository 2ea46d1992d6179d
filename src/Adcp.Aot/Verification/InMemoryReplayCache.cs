using System.Collections.Concurrent;

namespace Adcp.Aot.Verification;

/// <summary>
/// A replay cache of one process, bounded per key, per sender and in total. A live entry is never evicted. If a key or
/// sender has used up its share, it is refused; other senders lose neither entries nor room. Thread-safe.
/// </summary>
/// <remarks>
/// An entry takes 40 bytes. Tables double as they fill, so 100,000 entries of one key are at most 8 MB. Entries live
/// for at most seven minutes by AdCP's windows. Expired entries are removed every second; the cost depends on their
/// number only. Not enough if more than one process receives: see <see cref="IReplayCache"/>.
/// </remarks>
public sealed class InMemoryReplayCache : IReplayCache, INonBlocking
{
    private const int MaxIdleTables = 1024;

    private readonly ConcurrentDictionary<(string Sender, string KeyId), Entry> _tables = new();
    private readonly ConcurrentDictionary<string, Share> _shares = new(StringComparer.Ordinal);

    /// <summary>Held while a table is added and while shares without a table are removed.</summary>
    private readonly Lock _opening = new();
    private readonly int _maxPerKey;
    private readonly TimeProvider _time;
    private readonly long _maxPerSender;
    private readonly long _maxTotal;
    private long _total;
    private long _lastSweep;

    /// <summary>Creates a cache.</summary>
    /// <param name="maxPerKey">The most live entries of a key. 1 to 10,000,000, default AdCP's 100,000.</param>
    /// <param name="maxTotal">The most live entries in total. 1 to 10,000,000, default 1,000,000.</param>
    /// <param name="timeProvider">The clock for expiry. Default: the system's.</param>
    /// <param name="maxPerSender">
    /// The most live entries of all keys of a sender. 1 to 10,000,000. Default a quarter of <paramref name="maxTotal"/>, but not
    /// less than <paramref name="maxPerKey"/>.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is outside its range.</exception>
    public InMemoryReplayCache(int maxPerKey = 100_000, int maxTotal = 1_000_000, TimeProvider? timeProvider = null,
        int? maxPerSender = null)
    {
        const int Most = 10_000_000;
        int perSender = maxPerSender ?? Math.Max(maxPerKey, maxTotal / 4);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPerKey, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxPerKey, Most);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTotal, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxTotal, Most);
        ArgumentOutOfRangeException.ThrowIfLessThan(perSender, 1, nameof(maxPerSender));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(perSender, Most, nameof(maxPerSender));
        _maxPerKey = maxPerKey;
        _maxPerSender = perSender;
        _maxTotal = maxTotal;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <summary>The number of entries, including expired ones that were not removed yet.</summary>
    public long Count => Volatile.Read(ref _total);

    /// <summary>The number of senders that have a share; for tests.</summary>
    internal int Senders => _shares.Count;

    /// <inheritdoc/>
    public ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(keyId);
        long now = Now();
        Share? share = _shares.GetValueOrDefault(sender);
        if (IsFull(share))
        {
            RemoveExpired(now);
            if (IsFull(share))
            {
                return new(false);
            }
        }

        if (!_tables.TryGetValue((sender, keyId), out Entry? entry))
        {
            return new(true);
        }

        bool hasRoom = entry.Table.HasRoom(now, out int removed);
        Account(entry.Share, -removed);
        return new(hasRoom);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The nonce is not unpadded base64url of 16 bytes or more.</exception>
    public ValueTask<ReplayAdmission> TryAddAsync(
        string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(keyId);
        UInt128 digest = NonceTable.Digest(nonce.Span);
        long now = Now();
        long expires = expiresAt.ToUnixTimeSeconds();
        while (true)
        {
            Entry entry = _tables.TryGetValue((sender, keyId), out Entry? known) ? known : Open(sender, keyId);

            // Room in the total and in the sender's share is reserved before the entry in the table, so that no bound
            // is ever exceeded. Unused room is returned.
            Account(entry.Share, 1);
            if (IsOver(entry.Share))
            {
                RemoveExpired(now);
            }

            ReplayAdmission? admission = entry.Table.TryAdd(digest, expires, now, !IsOver(entry.Share), out int removed);
            Account(entry.Share, -removed - (admission == ReplayAdmission.Added ? 0 : 1));
            if (admission is { } done)
            {
                return new(done);
            }

            // The table was closed a moment ago because it was empty. It never opens again.
            _tables.TryRemove(new((sender, keyId), entry));
        }
    }

    private Entry Open(string sender, string keyId)
    {
        lock (_opening)
        {
            return _tables.GetOrAdd(
                (sender, keyId),
                static (key, cache) =>
                    new Entry(new NonceTable(cache._maxPerKey), cache._shares.GetOrAdd(key.Sender, static _ => new Share())),
                this);
        }
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeSeconds();

    private bool IsFull(Share? share) =>
        Volatile.Read(ref _total) >= _maxTotal || (share is not null && Volatile.Read(ref share.Count) >= _maxPerSender);

    private bool IsOver(Share share) => Volatile.Read(ref _total) > _maxTotal || Volatile.Read(ref share.Count) > _maxPerSender;

    private void Account(Share share, int change)
    {
        if (change != 0)
        {
            Interlocked.Add(ref _total, change);
            Interlocked.Add(ref share.Count, change);
        }
    }

    /// <summary>Removes all expired entries, at most once a second.</summary>
    private void RemoveExpired(long now)
    {
        long last = Volatile.Read(ref _lastSweep);
        if (last >= now || Interlocked.CompareExchange(ref _lastSweep, now, last) != last)
        {
            return;
        }

        foreach (KeyValuePair<(string Sender, string KeyId), Entry> pair in _tables)
        {
            Account(pair.Value.Share, -pair.Value.Table.RemoveExpired(now));
            if (_tables.Count > MaxIdleTables && pair.Value.Table.TryClose())
            {
                _tables.TryRemove(pair);
            }
        }

        ForgetShares();
    }

    /// <summary>Removes the shares of senders without a table, if there are many.</summary>
    private void ForgetShares()
    {
        if (_shares.Count <= MaxIdleTables)
        {
            return;
        }

        lock (_opening)
        {
            HashSet<string> senders = [.. _tables.Keys.Select(static key => key.Sender)];
            foreach (string sender in _shares.Keys.Where(sender => !senders.Contains(sender)))
            {
                _shares.TryRemove(sender, out _);
            }
        }
    }

    /// <summary>The entries of one sender.</summary>
    private sealed class Share
    {
        internal long Count;
    }

    private sealed class Entry(NonceTable table, Share share)
    {
        internal NonceTable Table { get; } = table;

        internal Share Share { get; } = share;
    }
}
