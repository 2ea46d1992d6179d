namespace Adcp.Aot.Storage;

/// <summary>
/// Bounds the rows of a scope (a sender, a key) in a table that other processes fill too. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// The rows are counted in the database when a scope is first seen, when the last count is a minute old, and when this
/// process has used an eighth of the rows that the last count left. In between, this process adds its own rows to the
/// count. The bound is exact for one process; each further process can exceed it by an eighth.
/// </para>
/// <para>
/// If a row is added during a count, it may be counted twice until the next count. So the rows of this process never
/// exceed the bound, and a scope close to its bound may be refused a moment early.
/// </para>
/// </remarks>
/// <typeparam name="TScope">The scope.</typeparam>
/// <param name="limit">The most rows of a scope.</param>
/// <param name="count">Counts a scope's rows, up to the limit.</param>
/// <param name="time">The clock for the age of a count.</param>
internal sealed class RowLimit<TScope>(int limit, Func<TScope, CancellationToken, ValueTask<int>> count, TimeProvider time)
    where TScope : notnull
{
    private const int MaxScopes = 10_000;

    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FullFreshness = TimeSpan.FromSeconds(1);

    private readonly Dictionary<TScope, Share> _shares = [];
    private readonly Lock _lock = new();

    /// <summary>Returns whether the scope has room for one more row. Read-only.</summary>
    internal async ValueTask<bool> HasRoomAsync(TScope scope, CancellationToken cancellationToken)
    {
        Share share = ShareOf(scope);
        return share.HasRoom(time) ?? await CountAsync(share, scope, takes: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reserves room for one row.</summary>
    /// <returns>The scope's share, to be settled when it is known whether the row was added; <c>null</c> if the scope is full.</returns>
    internal async ValueTask<Share?> TryTakeAsync(TScope scope, CancellationToken cancellationToken)
    {
        Share share = ShareOf(scope);
        bool isTaken = share.TryTake(time) ?? await CountAsync(share, scope, takes: true, cancellationToken).ConfigureAwait(false);
        return isTaken ? share : null;
    }

    private Share ShareOf(TScope scope)
    {
        lock (_lock)
        {
            if (_shares.TryGetValue(scope, out Share? share))
            {
                return share;
            }

            if (_shares.Count >= MaxScopes)
            {
                // They are counted again when they are next seen.
                _shares.Clear();
            }

            share = new Share(limit);
            _shares.Add(scope, share);
            return share;
        }
    }

    /// <summary>
    /// Counts the rows. If several callers ask at the same time, one counts and the others use its result.
    /// </summary>
    private async ValueTask<bool> CountAsync(Share share, TScope scope, bool takes, CancellationToken cancellationToken)
    {
        await share.Counting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if ((takes ? share.TryTake(time) : share.HasRoom(time)) is { } known)
            {
                return known;
            }

            int before = share.Added;
            int counted = await count(scope, cancellationToken).ConfigureAwait(false);
            return share.Count(counted, before, takes, time);
        }
        finally
        {
            share.Counting.Release();
        }
    }

    /// <summary>The rows of a scope as this process knows them. Thread-safe.</summary>
    internal sealed class Share(int limit)
    {
        private readonly Lock _lock = new();
        private int _counted;
        private int _added;
        private int _underWay;
        private long _countedAt;
        private bool _isCounted;

        // Never disposed: it has no wait handle unless a caller asks for one.
        internal SemaphoreSlim Counting { get; } = new(1, 1);

        /// <summary>The rows that this process added since the last count.</summary>
        internal int Added
        {
            get
            {
                lock (_lock)
                {
                    return _added;
                }
            }
        }

        private bool IsFull => (long)_counted + _added + _underWay >= limit;

        /// <summary>Settles a reservation.</summary>
        /// <param name="isAdded"><c>true</c> also if that is not known.</param>
        internal void Settle(bool isAdded)
        {
            lock (_lock)
            {
                _underWay--;
                _added += isAdded ? 1 : 0;
            }
        }

        /// <returns><c>null</c> if the rows must be counted first.</returns>
        internal bool? HasRoom(TimeProvider time)
        {
            lock (_lock)
            {
                return IsFresh(time) ? !IsFull : null;
            }
        }

        /// <inheritdoc cref="HasRoom"/>
        internal bool? TryTake(TimeProvider time)
        {
            lock (_lock)
            {
                return IsFresh(time) ? Take() : null;
            }
        }

        /// <summary>Takes over a count.</summary>
        /// <param name="counted">The rows in the database.</param>
        /// <param name="before">The rows that this process had added before the count, which are among those.</param>
        /// <param name="takes">Whether room for a row is taken.</param>
        /// <param name="time">The clock.</param>
        internal bool Count(int counted, int before, bool takes, TimeProvider time)
        {
            lock (_lock)
            {
                _counted = counted;
                _added -= before;
                _countedAt = time.GetTimestamp();
                _isCounted = true;
                return takes ? Take() : !IsFull;
            }
        }

        private bool Take()
        {
            if (IsFull)
            {
                return false;
            }

            _underWay++;
            return true;
        }

        private bool IsFresh(TimeProvider time)
        {
            if (!_isCounted)
            {
                return false;
            }

            TimeSpan age = time.GetElapsedTime(_countedAt);
            int room = limit - _counted;
            return room <= 0 ? age < FullFreshness : age < Freshness && _added + _underWay < Math.Max(1, room / 8);
        }
    }
}
