using System.Data;
using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <summary>Reads new rows by the difference of two snapshots, so that a late commit is never missed. For one loop.</summary>
/// <remarks>
/// <para>
/// The watermark is a snapshot: rows that it sees were read, or are read by a backfill. A round reads the rows that it does not see, in
/// pages. The first page's snapshot limits the later pages, and it is the next watermark. So no row is read twice or missed, whatever is
/// committed or settled between two pages.
/// </para>
/// <para>
/// A backfill reads the rows of lanes that joined, as far as the watermark of that moment sees them. Lanes join between rounds only.
/// State changes after a command has completed: after a fault the same page is read again.
/// </para>
/// </remarks>
internal class PostgreSqlOutboxReader(StoreDatabase database, PostgreSqlOutboxStatements statements) : OutboxReader
{
    private readonly PostgreSqlOutboxConnection _connection = new(database);
    private readonly List<Backfill> _backfills = [];
    private ulong _lanes;
    private ulong _joining;
    private PostgreSqlSnapshot? _watermark;
    private PostgreSqlSnapshot? _round;
    private Key _cursor;
    private bool _backfillIsNext;
    private bool _foundNone;
    private bool _mayLook = true;

    internal override bool CanJoin => _round is null;

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
        _backfills.RemoveAll(backfill => (backfill.Lanes &= others) == 0);
        if (_lanes == 0)
        {
            _watermark = null;
            _round = null;
        }
    }

    internal override void Reset()
    {
        _lanes = 0;
        _joining = 0;
        _backfills.Clear();
        _watermark = null;
        _round = null;
    }

    internal override async ValueTask<bool> ReadAsync(
        List<OutboxRow> rows, int limit, long maxBytes, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (_joining != 0 && CanJoin)
        {
            _watermark ??= await SnapshotAsync(cancellationToken).ConfigureAwait(false);
            _backfills.Add(new Backfill(_watermark) { Lanes = _joining });
            _lanes |= _joining;
            _joining = 0;
        }

        if (_lanes == 0)
        {
            return false;
        }

        // They take turns, so that fresh rows do not wait behind a backlog.
        _backfillIsNext = _backfills.Count > 0 && !_backfillIsNext;
        if (_backfillIsNext)
        {
            await BackfillAsync(_backfills[0], rows, limit, maxBytes, cancellationToken).ConfigureAwait(false);
            return true;
        }

        return await DiscoverAsync(rows, limit, maxBytes, cancellationToken).ConfigureAwait(false)
            || _backfills.Count > 0 || _joining != 0;
    }

    /// <summary>
    /// Looks for rows in one statement if the last round found none. The statement's snapshot is the next watermark if it sees no row that
    /// the watermark does not see.
    /// </summary>
    internal override async ValueTask<bool> MayFindAsync(CancellationToken cancellationToken)
    {
        if (!_foundNone || !_mayLook || _watermark is not { } watermark || _round is not null || _backfills.Count > 0 || _joining != 0)
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
    /// Returns the watermark after a round. It is the first page's snapshot: rows that were committed between the pages may stand before
    /// the page that followed.
    /// </summary>
    private protected virtual PostgreSqlSnapshot Advance(PostgreSqlSnapshot first, PostgreSqlSnapshot last) => first;

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

    /// <summary>Reads a page of the rows that the watermark does not see.</summary>
    /// <returns>Whether there may be more.</returns>
    private async ValueTask<bool> DiscoverAsync(
        List<OutboxRow> rows, int limit, long maxBytes, CancellationToken cancellationToken)
    {
        PostgreSqlSnapshot watermark = _watermark!;
        Key late = _round is null ? Key.First : _cursor;
        Key fresh = late.Transaction < watermark.End ? new Key(watermark.End, -1, 0) : late;
        Page page = new(late, maxBytes);
        string? snapshot = null;
        await _connection.RunAsync(
            async (connection, token) =>
            {
                DbBatch batch = connection.GuardedBatch();
                DbBatchCommand command = batch.Then(watermark.Running is null ? statements.Discover : statements.DiscoverLate);
                fresh.Bind(command.With(DbType.Int64, (long)_lanes))
                    .With(DbType.Int64, (long)limit)
                    .With(DbType.String, _round?.Text)
                    .With(DbType.String, Text(_round?.End ?? ulong.MaxValue));
                if (watermark.Running is not null)
                {
                    late.Bind(command.With(DbType.String, watermark.Running));
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

        rows.AddRange(page.Rows);
        _cursor = page.Last;
        PostgreSqlSnapshot first = _round ?? new PostgreSqlSnapshot(snapshot!);
        if (page.Count == limit || page.IsFull)
        {
            _foundNone = false;
            _round = first;
            return true;
        }

        bool more = _round is not null;
        _foundNone = !more && page.Count == 0;
        _watermark = Advance(first, last: new PostgreSqlSnapshot(snapshot!));
        _round = null;
        return more;
    }

    /// <summary>Reads a page of the rows that a backfill's watermark sees.</summary>
    private async ValueTask BackfillAsync(
        Backfill backfill, List<OutboxRow> rows, int limit, long maxBytes, CancellationToken cancellationToken)
    {
        Page page = new(backfill.Cursor, maxBytes);
        await _connection.RunAsync(
            async (connection, token) =>
            {
                DbBatch batch = connection.GuardedBatch();
                backfill.Cursor.Bind(batch.Then(statements.Backfill).With(DbType.Int64, (long)backfill.Lanes))
                    .With(DbType.Int64, (long)limit)
                    .With(DbType.String, backfill.Watermark.Text)
                    .With(DbType.String, Text(backfill.Watermark.End));
                await batch.CommitAsync(page.Add, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);

        rows.AddRange(page.Rows);
        backfill.Cursor = page.Last;
        if (page.Count < limit && !page.IsFull)
        {
            _backfills.Remove(backfill);
        }
    }

    private static string Text(ulong transaction) => transaction.ToString(CultureInfo.InvariantCulture);

    /// <summary>A position in the log's key.</summary>
    private readonly record struct Key(ulong Transaction, short Lane, long Id)
    {
        internal static Key First => new(0, -1, 0);

        internal DbBatchCommand Bind(DbBatchCommand command) =>
            command.With(DbType.String, Text(Transaction)).With(DbType.Int16, Lane).With(DbType.Int64, Id);
    }

    /// <summary>Lanes that joined together.</summary>
    private sealed class Backfill(PostgreSqlSnapshot watermark)
    {
        internal PostgreSqlSnapshot Watermark { get; } = watermark;

        internal ulong Lanes { get; set; }

        internal Key Cursor { get; set; } = Key.First;
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
