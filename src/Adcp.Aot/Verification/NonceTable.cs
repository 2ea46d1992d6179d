using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Adcp.Aot.Verification;

/// <summary>
/// The live nonces of one key. The entries of a chained hash table are in flat arrays. Stripes by nonce let several
/// threads add at a time. Entries are also linked into a wheel of expiry times, so that expired ones are removed
/// without visiting the others.
/// </summary>
/// <remarks>
/// A nonce is kept as 128 bits: its own bits if its text encodes 16 bytes, as signers usually do, otherwise the first
/// bits of its SHA-256. Only the signer could make two of its own nonces collide, and would harm itself alone. A secret
/// of this process decides the position of an entry, so that a signer cannot choose nonces that lengthen a chain.
/// </remarks>
internal sealed class NonceTable
{
    private const int StripeBits = 3;
    private const int NonceBytes = 16;
    private const int NonceLength = 22;

    private static readonly ulong Seed1 = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
    private static readonly ulong Seed2 = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));

    private readonly Stripe[] _stripes = new Stripe[1 << StripeBits];
    private readonly int _max;
    private int _count;
    private long _lastSweep;

    internal NonceTable(int max)
    {
        _max = max;
        for (int i = 0; i < _stripes.Length; i++)
        {
            _stripes[i] = new Stripe();
        }
    }

    internal static UInt128 Digest(ReadOnlySpan<char> nonce)
    {
        if (nonce.Length < NonceLength || !Ascii.IsValid(nonce))
        {
            throw new ArgumentException("Must be unpadded base64url of at least 16 bytes.", nameof(nonce));
        }

        Span<byte> bytes = stackalloc byte[SHA256.HashSizeInBytes];
        if (nonce.Length != NonceLength || Base64Url.DecodeFromChars(nonce, bytes, out _, out int written) != OperationStatus.Done
            || written != NonceBytes)
        {
            SHA256.HashData(Encoding.ASCII.GetBytes(nonce.ToArray()), bytes);
        }

        return BitConverter.ToUInt128(bytes);
    }

    internal bool HasRoom(long now, out int removed)
    {
        removed = Volatile.Read(ref _count) < _max ? 0 : RemoveExpired(now);
        return Volatile.Read(ref _count) < _max;
    }

    /// <returns><c>null</c> if the table is closed.</returns>
    internal ReplayAdmission? TryAdd(UInt128 nonce, long expires, long now, bool mayAdd, out int removed)
    {
        ulong hash = Hash(nonce);
        removed = 0;
        if (Volatile.Read(ref _count) >= _max)
        {
            removed = RemoveExpired(now);
        }

        Stripe stripe = _stripes[hash >> (64 - StripeBits)];
        lock (stripe.Lock)
        {
            if (stripe.Closed)
            {
                return null;
            }

            int gone = stripe.RemoveExpired(now);
            removed += gone;
            Interlocked.Add(ref _count, -gone);
            if (stripe.Contains(nonce, (uint)hash))
            {
                return ReplayAdmission.Replayed;
            }

            if (!mayAdd || Interlocked.Increment(ref _count) > _max)
            {
                _ = mayAdd ? Interlocked.Decrement(ref _count) : 0;
                return ReplayAdmission.Full;
            }

            stripe.Add(nonce, (uint)hash, expires, now);
            return ReplayAdmission.Added;
        }
    }

    /// <summary>Removes expired entries, at most once a second.</summary>
    internal int RemoveExpired(long now)
    {
        long last = Volatile.Read(ref _lastSweep);
        if (last >= now || Interlocked.CompareExchange(ref _lastSweep, now, last) != last)
        {
            return 0;
        }

        int removed = 0;
        foreach (Stripe stripe in _stripes)
        {
            lock (stripe.Lock)
            {
                removed += stripe.RemoveExpired(now);
            }
        }

        Interlocked.Add(ref _count, -removed);
        return removed;
    }

    /// <summary>Closes the table permanently if it is empty.</summary>
    internal bool TryClose()
    {
        // Takes all locks, always in this order, so that no entry is added behind the check.
        int held = 0;
        try
        {
            for (; held < _stripes.Length; held++)
            {
                _stripes[held].Lock.Enter();
            }

            bool empty = _count == 0;
            foreach (Stripe stripe in _stripes)
            {
                stripe.Closed |= empty;
            }

            return empty;
        }
        finally
        {
            while (held > 0)
            {
                _stripes[--held].Lock.Exit();
            }
        }
    }

    private static ulong Hash(UInt128 nonce)
    {
        ulong high = Math.BigMul((ulong)nonce ^ Seed1, (ulong)(nonce >> 64) ^ Seed2, out ulong low);
        return high ^ low;
    }

    private struct Entry
    {
        internal UInt128 Nonce;
        internal uint Hash;
        internal uint Expires;

        // Also links the next free entry.
        internal int NextInBucket;
        internal int NextInSlot;
    }

    private sealed class Stripe
    {
        private const int SlotSeconds = 4;
        private const int Slots = 128;
        private const int None = -1;

        internal readonly Lock Lock = new();
        internal bool Closed;

        private Entry[] _entries = [];
        private int[] _buckets = [];
        private int[] _wheel = [];
        private int _used;
        private int _free = None;
        private long _swept;

        internal bool Contains(UInt128 nonce, uint hash)
        {
            if (_buckets.Length == 0)
            {
                return false;
            }

            for (int at = _buckets[hash & (_buckets.Length - 1)]; at != None; at = _entries[at].NextInBucket)
            {
                if (_entries[at].Nonce == nonce)
                {
                    return true;
                }
            }

            return false;
        }

        internal void Add(UInt128 nonce, uint hash, long expires, long now)
        {
            if (_wheel.Length == 0)
            {
                _wheel = new int[Slots];
                Array.Fill(_wheel, None);
                _swept = SlotOf(now) - 1;
            }

            int at = _free;
            if (at != None)
            {
                _free = _entries[at].NextInBucket;
            }
            else
            {
                Grow();
                at = _used++;
            }

            ref int bucket = ref _buckets[hash & (_buckets.Length - 1)];
            uint expiry = (uint)Math.Clamp(expires, 0, uint.MaxValue);
            ref int slot = ref _wheel[SlotOf(expiry) % Slots];
            _entries[at] = new Entry { Nonce = nonce, Hash = hash, Expires = expiry, NextInBucket = bucket, NextInSlot = slot };
            bucket = at;
            slot = at;
        }

        internal int RemoveExpired(long now)
        {
            if (_wheel.Length == 0)
            {
                return 0;
            }

            // Visits slots that have passed as a whole; the current one waits.
            int removed = 0;
            long past = SlotOf(now) - 1;
            for (long slot = Math.Max(_swept + 1, past - Slots + 1); slot <= past; slot++)
            {
                removed += RemoveExpired(ref _wheel[slot % Slots], now);
            }

            _swept = Math.Max(_swept, past);
            return removed;
        }

        private static long SlotOf(long seconds) => seconds / SlotSeconds;

        private int RemoveExpired(ref int slot, long now)
        {
            int removed = 0;
            int at = slot;
            slot = None;
            while (at != None)
            {
                ref Entry entry = ref _entries[at];
                int next = entry.NextInSlot;
                if (entry.Expires < now)
                {
                    Unlink(at);
                    removed++;
                }
                else
                {
                    // It expires one turn of the wheel later.
                    entry.NextInSlot = slot;
                    slot = at;
                }

                at = next;
            }

            return removed;
        }

        private void Unlink(int entry)
        {
            ref int link = ref _buckets[_entries[entry].Hash & (_buckets.Length - 1)];
            while (link != entry)
            {
                link = ref _entries[link].NextInBucket;
            }

            link = _entries[entry].NextInBucket;
            _entries[entry].NextInBucket = _free;
            _free = entry;
        }

        private void Grow()
        {
            if (_used < _entries.Length)
            {
                return;
            }

            Array.Resize(ref _entries, Math.Max(16, 2 * _entries.Length));
            _buckets = new int[_entries.Length];
            Array.Fill(_buckets, None);
            for (int i = 0; i < _used; i++)
            {
                ref int bucket = ref _buckets[_entries[i].Hash & (_buckets.Length - 1)];
                _entries[i].NextInBucket = bucket;
                bucket = i;
            }
        }
    }
}
