using System.Data;
using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>Reads new rows by the difference of two snapshots, so that a late commit is never missed. For one loop.</summary>
/// <remarks>
/// <para>
/// The watermark is a snapshot: rows that it sees were read, or belong to a range that is read in pages. A read of new rows takes those
/// that the watermark does not see. Its own snapshot is the next watermark. If its page is full, the rest of what its snapshot sees becomes
/// a range. So no row is read twice or missed, whatever is committed or settled between two pages.
/// </para>
/// <para>
/// The rows of lanes that join, as far as the watermark of that moment sees them, are a range too. Ranges and new rows take turns: rows
/// that arrive while a backlog is read do not wait for its end.
/// </para>
/// <para>State changes after a command has completed: after a fault the same page is read again.</para>
/// </remarks>
internal class PostgreSqlOutboxReader(StoreDatabase database, PostgreSqlOutboxStatements statements) : OutboxReader
{
    /// <summary>The most ranges of rows that arrived faster than they were read. No new rows are read while there are as many.</summary>
    private const int MaxUnread = 8;

    private readonly PostgreSqlOutboxConnection _connection = new(database);
    private readonly Queue<Range> _ranges = [];
    private ulong _lanes;
    private ulong _joining;
    private PostgreSqlSnapshot? _watermark;
    private bool _rangeIsNext;
    private bool _foundNone;
    private bool _mayLook = true;

    internal override void Join(IReadOnlyList<short> lanes)
    {
        foreach (short lane in lanes)
        {
            _joining |= (1UL << lane) & ~_lanes;
        }
    }

    internal override void Leave(short lane)
    {
        ulong others = ~(1UL << lane);
        _lanes &= others;
        _joining &= others;
        for (int left = _ranges.Count; left > 0; left--)
        {
            Range range = _ranges.Dequeue();
            range.Lanes &= others;
            Keep(range, mayHaveMore: range.Lanes != 0);
        }

        if (_lanes == 0)
        {
            _watermark = null;
        }
    }

    internal override void Reset()
    {
        _lanes = 0;
        _joining = 0;
        _ranges.Clear();
        _watermark = null;
    }

    internal override async ValueTask<bool> ReadAsync(
        List<OutboxRow> rows, int limit, long maxBytes, bool newOnly, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (_joining != 0)
        {
            _watermark ??= await SnapshotAsync(cancellationToken).ConfigureAwait(false);
            _ranges.Enqueue(new Range(null, _watermark, _joining, Key.First));
            _lanes |= _joining;
            _joining = 0;
        }

        if (_lanes == 0)
        {
            return false;
        }

        bool isFull = _ranges.Count(static range => range.After is not null) >= MaxUnread;
        _rangeIsNext = _ranges.Count > 0 && !newOnly && (isFull || !_rangeIsNext);
        if (_rangeIsNext)
        {
            await ReadRangeAsync(rows, limit, maxBytes, cancellationToken).ConfigureAwait(false);
            return true;
        }

        if (!isFull)
        {
            await DiscoverAsync(rows, limit, maxBytes, cancellationToken).ConfigureAwait(false);
        }

        return _ranges.Count > 0;
    }

    /// <summary>
    /// Looks for rows in one statement if the last read found none. The statement's snapshot is the next watermark if it sees no row that
    /// the watermark does not see.
    /// </summary>
    internal override async ValueTask<bool> MayFindAsync(CancellationToken cancellationToken)
    {
        if (!_foundNone || !_mayLook || _watermark is not { } watermark || _ranges.Count > 0 || _joining != 0)
        {
            return true;
        }

        (string snapshot, bool hasRow, bool isReliable) = await _connection.RunAsync(
            async (connection, token) =>
            {
                DbCommand command = connection.Command(watermark.Running is null ? statements.Look : statements.LookLate)
                    .With(DbType.String, Text(watermark.End));
                if (watermark.Running is { } running)
                {
                    command.With(DbType.String, running);
                }

                return await command.OneAsync(
                    static reader => (reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2)), token).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);

        // A server that only reads may lag behind, and a serializable read may make callers' transactions fail.
        _mayLook = isReliable;
        if (hasRow || !isReliable)
        {
            return true;
        }

        _watermark = new PostgreSqlSnapshot(snapshot);
        return false;
    }

    internal override ValueTask<IReadOnlyList<OutboxParkedEndpoint>> ListParkedAsync(short lane, CancellationToken cancellationToken) =>
        _connection.RunAsync<IReadOnlyList<OutboxParkedEndpoint>>(
            async (connection, token) =>
            {
                List<OutboxParkedEndpoint> endpoints = [];
                DbBatch batch = connection.GuardedBatch();
                batch.Then(statements.ListParked).With(DbType.Int16, lane);
                await batch.CommitAsync(
                    reader => endpoints.Add(new OutboxParkedEndpoint(
                        reader.GetInt64(0), reader.GetInt64(1), TimeSpan.FromMilliseconds(reader.GetInt64(2)), reader.GetInt64(3),
                        reader.GetBoolean(4))),
                    token)
                    .ConfigureAwait(false);
                return endpoints;
            },
            cancellationToken);

    internal override ValueTask<TimeSpan?> ReadParkedAsync(
        short lane, long endpoint, (long DueAt, long Id) after, int limit, long maxBytes, List<OutboxRow> rows,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return _connection.RunAsync(
            async (connection, token) =>
            {
                List<OutboxRow> page = [];
                long bytes = 0;
                TimeSpan? next = null;
                DbBatch batch = connection.GuardedBatch();
                batch.Then(statements.ReadParked)
                    .With(DbType.Int16, lane)
                    .With(DbType.Int64, endpoint)
                    .With(DbType.Int64, after.DueAt)
                    .With(DbType.Int64, after.Id)
                    .With(DbType.Int64, limit + 1L);
                await batch.CommitAsync(
                    reader =>
                    {
                        if (next is null)
                        {
                            next = Parked(reader, lane, endpoint, bytes >= maxBytes ? page.Count : limit, page);
                            bytes += page.Count > 0 ? page[^1].Sealed.Length : 0;
                        }
                    },
                    token).ConfigureAwait(false);
                rows.AddRange(page);
                return next;
            },
            cancellationToken);
    }

    internal override async ValueTask ReadHeadsAsync(
        IReadOnlyList<long> streams, long maxBytes, List<OutboxRow> rows, CancellationToken cancellationToken)
    {
        List<OutboxRow> heads = await _connection.RunAsync(
            async (connection, token) =>
            {
                List<OutboxRow> read = [];
                long bytes = 0;
                DbBatch batch = connection.GuardedBatch();
                batch.Then(statements.ReadHeads).With(DbType.String, PostgreSqlCommands.ArrayOf(streams, static stream => stream));
                await batch.CommitAsync(
                    reader =>
                    {
                        if (bytes < maxBytes)
                        {
                            read.Add(Head(reader));
                            bytes += read[^1].Sealed.Length;
                        }
                    },
                    token).ConfigureAwait(false);
                return read;
            },
            cancellationToken).ConfigureAwait(false);
        rows.AddRange(heads);
    }

    public override ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _connection.DisposeAsync();
    }

    private static OutboxRow Head(DbDataReader reader)
    {
        bool isParked = reader.GetBoolean(0);
        return new OutboxRow
        {
            IsParked = isParked,
            Lane = reader.GetInt16(1),
            Transaction = ulong.Parse(reader.GetString(2), NumberStyles.None, CultureInfo.InvariantCulture),
            Id = reader.GetInt64(3),
            Endpoint = reader.GetInt64(4),
            Tenant = reader.GetInt64(5),
            Attempts = reader.GetInt32(6),
            Unclean = reader.GetInt32(7),
            DueAt = isParked ? reader.GetInt64(8) : 0,
            DueIn = TimeSpan.FromMilliseconds(reader.GetInt64(9)),
            TimeLeft = PostgreSqlCommands.Duration(reader, 10),
            KeyId = reader.GetString(11),
            Sealed = reader.GetFieldValue<byte[]>(12),
            Stream = reader.GetInt64(13),
        };
    }

    /// <summary>
    /// Returns the watermark after a page of a range, which is the one before it. Rows that only the page's own snapshot sees may stand
    /// before the page.
    /// </summary>
    private protected virtual PostgreSqlSnapshot Advance(PostgreSqlSnapshot watermark, PostgreSqlSnapshot page) => watermark;

    /// <summary>Adds a parked row to a page.</summary>
    /// <returns>The time until it is due if it does not belong to the page.</returns>
    private static TimeSpan? Parked(DbDataReader reader, short lane, long endpoint, int limit, List<OutboxRow> page)
    {
        TimeSpan dueIn = TimeSpan.FromMilliseconds(reader.GetInt64(5));
        if (dueIn > TimeSpan.Zero || page.Count == limit)
        {
            return dueIn > TimeSpan.Zero ? dueIn : TimeSpan.Zero;
        }

        page.Add(new OutboxRow
        {
            Lane = lane,
            Endpoint = endpoint,
            DueAt = reader.GetInt64(0),
            Id = reader.GetInt64(1),
            Tenant = reader.GetInt64(2),
            Attempts = reader.GetInt32(3),
            Unclean = reader.GetInt32(4),
            DueIn = dueIn,
            TimeLeft = PostgreSqlCommands.Duration(reader, 6),
            KeyId = reader.GetString(7),
            Sealed = reader.GetFieldValue<byte[]>(8),
            Stream = PostgreSqlCommands.Number(reader, 9),
            IsParked = true,
        });
        return null;
    }

    private ValueTask<PostgreSqlSnapshot> SnapshotAsync(CancellationToken cancellationToken) => _connection.RunAsync(
        static async (connection, token) =>
        {
            string? text = await connection.Command("SELECT pg_current_snapshot()::text")
                .OneAsync(static reader => reader.GetString(0), token).ConfigureAwait(false);
            return new PostgreSqlSnapshot(text!);
        },
        cancellationToken);

    /// <summary>Reads the rows that the watermark does not see, and leaves those above a page to a range.</summary>
    private async ValueTask DiscoverAsync(List<OutboxRow> rows, int limit, long maxBytes, CancellationToken cancellationToken)
    {
        Page page = new(Key.First, maxBytes);
        PostgreSqlSnapshot snapshot = await ReadAsync(_watermark, null, _lanes, page, limit, cancellationToken).ConfigureAwait(false);
        rows.AddRange(page.Rows);
        Keep(new Range(_watermark, snapshot, _lanes, page.Last), page.MayHaveMore(limit));
        _watermark = snapshot;
        _foundNone = page.Count == 0;
    }

    /// <summary>Reads a page of the range whose turn it is.</summary>
    private async ValueTask ReadRangeAsync(List<OutboxRow> rows, int limit, long maxBytes, CancellationToken cancellationToken)
    {
        Range range = _ranges.Peek();
        Page page = new(range.Cursor, maxBytes);
        PostgreSqlSnapshot snapshot = await ReadAsync(range.After, range.UpTo, range.Lanes, page, limit, cancellationToken)
            .ConfigureAwait(false);
        rows.AddRange(page.Rows);
        range.Cursor = page.Last;
        Keep(_ranges.Dequeue(), page.MayHaveMore(limit));
        _watermark = Advance(_watermark!, snapshot);
    }

    private void Keep(Range range, bool mayHaveMore)
    {
        if (mayHaveMore)
        {
            _ranges.Enqueue(range);
        }
    }

    /// <summary>Reads a page of the rows that a snapshot sees and another does not.</summary>
    /// <returns>The snapshot of the read itself.</returns>
    private async ValueTask<PostgreSqlSnapshot> ReadAsync(
        PostgreSqlSnapshot? after, PostgreSqlSnapshot? upTo, ulong lanes, Page page, int limit, CancellationToken cancellationToken)
    {
        Key late = page.Last;
        Key fresh = after is not null && late.Transaction < after.End ? new Key(after.End, -1, 0) : late;
        string? snapshot = null;
        await _connection.RunAsync(
            async (connection, token) =>
            {
                DbBatch batch = connection.GuardedBatch();
                DbBatchCommand command = batch.Then(after?.Running is null ? statements.Discover : statements.DiscoverLate);
                fresh.Bind(command.With(DbType.Int64, (long)lanes))
                    .With(DbType.Int64, (long)limit)
                    .With(DbType.String, upTo?.Text)
                    .With(DbType.String, Text(upTo?.End ?? ulong.MaxValue));
                if (after?.Running is not null)
                {
                    late.Bind(command.With(DbType.String, after.Running));
                }

                await batch.CommitAsync(
                    reader =>
                    {
                        snapshot = reader.GetString(12);
                        page.Add(reader);
                    },
                    token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
        return new PostgreSqlSnapshot(snapshot!);
    }

    private static string Text(ulong transaction) => transaction.ToString(CultureInfo.InvariantCulture);

    /// <summary>A position in the log's key.</summary>
    private readonly record struct Key(ulong Transaction, short Lane, long Id)
    {
        internal static Key First => new(0, -1, 0);

        internal DbBatchCommand Bind(DbBatchCommand command) =>
            command.With(DbType.String, Text(Transaction)).With(DbType.Int16, Lane).With(DbType.Int64, Id);
    }

    /// <summary>Rows of some lanes that one snapshot sees and an earlier one does not, read up to a key.</summary>
    private sealed class Range(PostgreSqlSnapshot? after, PostgreSqlSnapshot upTo, ulong lanes, Key cursor)
    {
        /// <summary>Gets the snapshot whose rows do not belong to the range; <see langword="null"/> for lanes that joined.</summary>
        internal PostgreSqlSnapshot? After { get; } = after;

        internal PostgreSqlSnapshot UpTo { get; } = upTo;

        internal ulong Lanes { get; set; } = lanes;

        internal Key Cursor { get; set; } = cursor;
    }

    /// <summary>
    /// The rows of one statement. Rows without bytes are of other lanes, or of transactions that the snapshot does not see.
    /// </summary>
    private sealed class Page(Key last, long maxBytes)
    {
        private long _bytes;

        internal List<OutboxRow> Rows { get; } = [];

        internal int Count { get; private set; }

        /// <summary>Gets whether the rows have as many bytes as a read may give; the rest of the statement's rows is left out.</summary>
        internal bool IsFull => _bytes >= maxBytes;

        internal Key Last { get; private set; } = last;

        internal bool MayHaveMore(int limit) => Count == limit || IsFull;

        internal void Add(DbDataReader reader)
        {
            if (reader.IsDBNull(0) || IsFull)
            {
                return;
            }

            Count++;
            ulong transaction = ulong.Parse(reader.GetString(1), NumberStyles.None, CultureInfo.InvariantCulture);
            Last = new Key(transaction, reader.GetInt16(0), reader.GetInt64(2));
            if (reader.IsDBNull(10))
            {
                return;
            }

            Rows.Add(new OutboxRow
            {
                Lane = Last.Lane,
                Transaction = Last.Transaction,
                Id = Last.Id,
                Endpoint = reader.GetInt64(3),
                Tenant = reader.GetInt64(4),
                Attempts = reader.GetInt32(5),
                Unclean = reader.GetInt32(6),
                DueIn = TimeSpan.FromMilliseconds(reader.GetInt64(7)),
                TimeLeft = PostgreSqlCommands.Duration(reader, 8),
                KeyId = reader.GetString(9),
                Sealed = reader.GetFieldValue<byte[]>(10),
                Stream = PostgreSqlCommands.Number(reader, 11),
            });
            _bytes += Rows[^1].Sealed.Length;
        }
    }
}
