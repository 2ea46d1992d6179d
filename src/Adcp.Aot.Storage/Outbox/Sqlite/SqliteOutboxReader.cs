using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// Reads the log by growing ids. SQLite commits one transaction at a time and gives ids in that order, so that a row that is committed
/// later has a higher id. If no other connection has committed since the last read, the tables are not read at all.
/// </summary>
/// <remarks>
/// Rows above a page, and the earlier rows of lanes that join, are segments. They are read beside new rows, which do not wait for their
/// end.
/// </remarks>
internal sealed class SqliteOutboxReader(SqliteOutboxDatabase database, SqliteOutboxStatements sql) : OutboxReader
{
    /// <summary>The most segments of rows that arrived faster than they were read. Above it, new rows wait for those before them.</summary>
    private const int MaxUnread = 8;

    private readonly List<Segment> _segments = [];
    private SqliteOutboxSession? _session;
    private ulong _mask;
    private ulong _joining;
    private long _last = -1;
    private long _seen = -1;

    internal override void Join(IReadOnlyList<short> lanes)
    {
        foreach (short lane in lanes)
        {
            _joining |= Bit(lane) & ~_mask;
        }
    }

    internal override void Leave(short lane)
    {
        _mask &= ~Bit(lane);
        _joining &= ~Bit(lane);
        foreach (Segment segment in _segments)
        {
            segment.Mask &= ~Bit(lane);
        }

        _segments.RemoveAll(static segment => segment.Mask == 0);
    }

    internal override void Reset()
    {
        _mask = 0;
        _joining = 0;
        _segments.Clear();
    }

    internal override ValueTask<bool> ReadAsync(
        List<OutboxRow> rows, int limit, long maxBytes, bool newOnly, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Run(session => Read(session, rows, limit, maxBytes, newOnly), cancellationToken));

    internal override ValueTask<IReadOnlyList<OutboxParkedEndpoint>> ListParkedAsync(short lane, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<OutboxParkedEndpoint>>(Run(session => ListParked(session, lane), cancellationToken));

    internal override ValueTask<TimeSpan?> ReadParkedAsync(
        short lane, long endpoint, (long DueAt, long Id) after, int limit, long maxBytes, List<OutboxRow> rows,
        CancellationToken cancellationToken) =>
        ValueTask.FromResult(Run(session => ReadParked(session, lane, endpoint, after, limit, maxBytes, rows), cancellationToken));

    internal override ValueTask ReadHeadsAsync(
        IReadOnlyList<long> streams, long maxBytes, List<OutboxRow> rows, CancellationToken cancellationToken)
    {
        rows.AddRange(Run(session => ReadHeads(session, streams, maxBytes), cancellationToken));
        return ValueTask.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        Drop();
        return ValueTask.CompletedTask;
    }

    private static ulong Bit(short lane) => 1UL << lane;

    private static TimeSpan Time(long milliseconds) => TimeSpan.FromTicks(milliseconds * TimeSpan.TicksPerMillisecond);

    private static OutboxRow Row(DbDataReader reader, long now, bool isParked)
    {
        long dueAt = reader.GetInt64(6);
        return new OutboxRow
        {
            Id = reader.GetInt64(0),
            Lane = reader.GetInt16(1),
            Endpoint = reader.GetInt64(2),
            Tenant = reader.GetInt64(3),
            Attempts = reader.GetInt32(4),
            Unclean = reader.GetInt32(5),
            IsParked = isParked,
            DueAt = isParked ? dueAt : 0,
            DueIn = Time(dueAt - now),
            TimeLeft = reader.IsDBNull(7) ? null : Time(reader.GetInt64(7) - now),
            KeyId = reader.GetString(8),
            Sealed = (byte[])reader.GetValue(9),
            Stream = reader.IsDBNull(10) ? null : reader.GetInt64(10),
        };
    }

    /// <summary>Reads new rows, then rows of the segment whose turn it is. Rows count as read if all of them were read.</summary>
    private bool Read(SqliteOutboxSession session, List<OutboxRow> rows, int limit, long maxBytes, bool newOnly)
    {
        // Before the rows: a commit in between is seen again.
        long version = session.Number(SqliteOutboxStatements.DataVersion);
        if (version == _seen && (newOnly || _segments.Count == 0) && _joining == 0)
        {
            return _segments.Count > 0;
        }

        long last, now;
        using (DbDataReader reader = session.Read(sql.LastOfLog))
        {
            reader.Read();
            last = reader.GetInt64(0);
            now = session.NowOf(reader.GetInt64(1));
        }

        JoinLanes(last);
        List<OutboxRow> read = [];
        Segment? segment = _segments.Count > 0 && !newOnly ? _segments[0] : null;
        (int rowShare, long byteShare) = segment is null ? (limit, maxBytes) : (limit - (limit / 4), maxBytes - (maxBytes / 4));
        long upTo = ReadLog(session, read, _mask, _last, last, rowShare, byteShare, now);
        int fresh = read.Count;
        long bytesLeft = maxBytes - read.Sum(static row => (long)row.Sealed.Length);
        if (segment is not null && fresh < limit && bytesLeft > 0)
        {
            segment.After = ReadLog(session, read, segment.Mask, segment.After, segment.UpTo, limit - fresh, bytesLeft, now);
            _segments.RemoveAt(0);
            if (segment.After < segment.UpTo)
            {
                _segments.Add(segment);
            }
        }

        if (upTo < last && _segments.Count < MaxUnread)
        {
            _segments.Add(new Segment { Mask = _mask, After = upTo, UpTo = last });
            upTo = last;
        }

        _last = Math.Max(_last, upTo);
        _seen = upTo >= last ? version : -1;
        rows.AddRange(read);
        return _seen < 0 || _segments.Count > 0;
    }

    private void JoinLanes(long last)
    {
        if (_last < 0)
        {
            _last = last;
        }

        if (_joining != 0)
        {
            _segments.Add(new Segment { Mask = _joining, After = 0, UpTo = _last });
            _mask |= _joining;
            _joining = 0;
        }
    }

    /// <summary>Reads rows with ids in a range.</summary>
    /// <returns>The id up to which the range was read.</returns>
    private long ReadLog(
        SqliteOutboxSession session, List<OutboxRow> rows, ulong mask, long after, long upTo, int limit, long maxBytes, long now)
    {
        if (mask == 0 || after >= upTo)
        {
            return upTo;
        }

        int before = rows.Count;
        long bytes = 0;
        using DbDataReader reader = session.Read(sql.ReadLog, after, upTo, (long)mask, (long)limit);
        while (reader.Read())
        {
            rows.Add(Row(reader, now, isParked: false));
            bytes += rows[^1].Sealed.Length;
            if (bytes >= maxBytes)
            {
                return rows[^1].Id;
            }
        }

        return rows.Count - before < limit ? upTo : rows[^1].Id;
    }

    private OutboxParkedEndpoint Sample(SqliteOutboxSession session, short lane, long endpoint, long tenant, TimeSpan dueIn)
    {
        HashSet<long> seen = [];
        long attempts = 0;
        bool wasRefused = false;
        foreach (string statement in new[] { sql.FirstParked, sql.LastParked })
        {
            using DbDataReader reader = session.Read(statement, (long)lane, endpoint);
            while (reader.Read())
            {
                if (seen.Add(reader.GetInt64(0)))
                {
                    attempts += reader.GetInt64(1);
                    wasRefused |= !reader.IsDBNull(2) && reader.GetString(2) == OutboxReasons.CircuitOpen;
                }
            }
        }

        return new OutboxParkedEndpoint(endpoint, tenant, dueIn, attempts, wasRefused);
    }

    private List<OutboxParkedEndpoint> ListParked(SqliteOutboxSession session, short lane)
    {
        long now = session.Now();
        List<OutboxParkedEndpoint> endpoints = [];
        for (long next = long.MinValue; ; next++)
        {
            TimeSpan dueIn;
            long tenant;
            using (DbDataReader reader = session.Read(sql.NextParkedEndpoint, (long)lane, next))
            {
                if (!reader.Read())
                {
                    return endpoints;
                }

                next = reader.GetInt64(0);
                dueIn = Time(Math.Max(0, reader.GetInt64(1) - now));
                tenant = reader.GetInt64(2);
            }

            endpoints.Add(Sample(session, lane, next, tenant, dueIn));

            if (next == long.MaxValue)
            {
                return endpoints;
            }
        }
    }

    private TimeSpan? ReadParked(
        SqliteOutboxSession session, short lane, long endpoint, (long DueAt, long Id) after, int limit, long maxBytes,
        List<OutboxRow> rows)
    {
        long now = session.Now();
        List<OutboxRow> read = [];
        using (DbDataReader reader = session.Read(sql.ReadParked, now, (long)lane, endpoint, after.DueAt, after.Id, (long)limit))
        {
            for (long bytes = 0; bytes < maxBytes && reader.Read(); bytes += read[^1].Sealed.Length)
            {
                read.Add(Row(reader, now, isParked: true));
            }
        }

        (long dueAt, long id) = read.Count > 0 ? (read[^1].DueAt, read[^1].Id) : after;
        object? next = session.Scalar(sql.NextParked, (long)lane, endpoint, dueAt, id);
        rows.AddRange(read);
        return next is long due ? Time(Math.Max(0, due - now)) : null;
    }

    private List<OutboxRow> ReadHeads(SqliteOutboxSession session, IReadOnlyList<long> streams, long maxBytes)
    {
        long now = session.Now();
        List<OutboxRow> heads = [];
        long bytes = 0;
        foreach (long stream in streams.TakeWhile(_ => bytes < maxBytes))
        {
            // Read in two steps. A row that moves from the log to the parked rows between them is found there.
            (OutboxRow Row, long Number)? log = ReadHead(session, sql.ReadHeadOfLog, stream, now, isParked: false);
            (OutboxRow Row, long Number)? parked = ReadHead(session, sql.ReadHeadOfParked, stream, now, isParked: true);
            if ((log is { } first && !(parked?.Number < first.Number) ? first : parked) is { } head)
            {
                heads.Add(head.Row);
                bytes += head.Row.Sealed.Length;
            }
        }

        return heads;
    }

    private static (OutboxRow Row, long Number)? ReadHead(SqliteOutboxSession session, string sql, long stream, long now, bool isParked)
    {
        using DbDataReader reader = session.Read(sql, stream);
        return reader.Read() ? (Row(reader, now, isParked), reader.GetInt64(11)) : null;
    }

    private T Run<T>(Func<SqliteOutboxSession, T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _session ??= Connect();
        try
        {
            return read(_session);
        }
        catch
        {
            Drop();
            throw;
        }
    }

    private SqliteOutboxSession Connect()
    {
        // The version of another connection cannot be compared.
        _seen = -1;
        return database.OpenReader();
    }

    private void Drop()
    {
        _session?.Close();
        _session = null;
    }

    /// <summary>Rows of some lanes with ids in a range: the rest above a full page, or the earlier rows of lanes that joined.</summary>
    private sealed class Segment
    {
        internal ulong Mask { get; set; }

        internal long After { get; set; }

        internal long UpTo { get; init; }
    }
}
