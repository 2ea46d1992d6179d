using System.Data.Common;

namespace Adcp.Aot.Storage;

/// <summary>
/// An outbox on SQLite. All that the process writes on its own goes through one <see cref="SqliteOutboxWriter"/>; a worker proves that
/// it lives by the lock of a file beside the database. Thread-safe.
/// </summary>
/// <remarks>
/// The file is in WAL mode, and is read and written through any source of connections; <see cref="SqliteDataSource"/> opens it as it
/// should be.
/// </remarks>
internal sealed partial class SqliteOutboxStore : OutboxStore
{
    private const int MaxPurged = 500;
    private const int MaxCounted = 50_000;

    /// <summary>The time for which the number of a stream is remembered after its last use, in milliseconds.</summary>
    private const long StreamKept = 400L * 24 * 60 * 60 * 1000;

    private static readonly TimeSpan WatchPeriod = TimeSpan.FromMilliseconds(200);

    private readonly SqliteOutboxDatabase _database;
    private readonly SqliteOutboxStatements _sql;
    private readonly SqliteOutboxWriter _writer;
    private readonly TimeSpan _deadKept;
    private volatile SqliteProcessLocks? _locks;
    private volatile Guid[] _others = [];
    private Guid? _installation;

    /// <param name="database">The database.</param>
    /// <param name="tables">The tables.</param>
    /// <param name="warn">Gets a text for each setting of callers' connections that may lose commits.</param>
    /// <param name="minimum">
    /// The oldest library that is accepted; <see langword="null"/> for <see cref="SqliteOutboxDatabase.Minimum"/>.
    /// </param>
    /// <param name="deadKept">
    /// The time for which dead letters are kept; <see langword="null"/> for the default of the options.
    /// </param>
    internal SqliteOutboxStore(
        StoreDatabase database, OutboxTables tables, Action<string>? warn = null, Version? minimum = null, TimeSpan? deadKept = null)
    {
        _deadKept = deadKept ?? SqlWebhookOutboxOptions.DefaultDeadLetterRetention;
        _database = new SqliteOutboxDatabase(database, tables, warn, minimum ?? SqliteOutboxDatabase.Minimum);
        _sql = new SqliteOutboxStatements(tables);
        _writer = new SqliteOutboxWriter(database, _database.OpenWriter);
        Dead = new SqliteOutboxDeadTable(_database, _writer, _sql);
        Switches = new SqliteOutboxSwitchTable(_database, _writer, _sql);
    }

    /// <inheritdoc/>
    internal override TimeSpan? DeathWatch => _others.Length == 0 ? null : WatchPeriod;

    /// <summary>Gets the number of transactions that the writer committed.</summary>
    internal long Commits => _writer.Commits;

    internal override OutboxDeadTable Dead { get; }

    internal override OutboxSwitchTable Switches { get; }

    internal override async ValueTask<Guid> InstallationAsync(CancellationToken cancellationToken)
    {
        if (_installation is { } known)
        {
            return known;
        }

        await CheckAsync(cancellationToken).ConfigureAwait(false);
        return _installation!.Value;
    }

    internal override async ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken)
    {
        _database.CheckLibrary();
        await _database.Schema.ApplyAsync(_database.Source, cancellationToken).ConfigureAwait(false);
        await CheckAsync(cancellationToken).ConfigureAwait(false);
    }

    internal override async ValueTask CheckAsync(CancellationToken cancellationToken)
    {
        _database.CheckLibrary();
        await _database.RequireColumnsAsync(cancellationToken).ConfigureAwait(false);
        using SqliteOutboxSession session = _database.OpenReader();
        try
        {
            using DbDataReader reader = session.Read(_sql.Installation);
            if (!reader.Read())
            {
                throw new InvalidOperationException(
                    $"Table '{_database.Tables.Meta}' of the outbox has no row. Create the outbox's tables anew.");
            }

            if (reader.GetInt64(1) > SqliteOutboxSchema.Format)
            {
                throw new InvalidOperationException(
                    $"The outbox in '{_database.Tables.Meta}' has format {reader.GetInt64(1)}; this program knows "
                    + $"{SqliteOutboxSchema.Format}. Run the newer program.");
            }

            _installation = new Guid((byte[])reader.GetValue(0));
        }
        finally
        {
            session.Close();
        }
    }

    internal override async ValueTask JoinAsync(Guid worker, string name, TimeSpan lease, CancellationToken cancellationToken)
    {
        SqliteProcessLocks? locks = await LocksAsync(cancellationToken).ConfigureAwait(false);
        long hasLock = locks is not null && locks.TryHold(worker) ? 1 : 0;
        HashSet<Guid> workers;
        try
        {
            workers = await WriteAsync(
                session =>
                {
                    session.Execute(_sql.Join, session.Now(), Key(worker), name, Milliseconds(lease), hasLock);
                    return ReadWorkers(session).Select(static row => row.Worker).ToHashSet();
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            locks?.Release(worker);
            throw;
        }

        locks?.Sweep(workers);
    }

    internal override async ValueTask<(bool IsAlive, int Workers)> RenewAsync(
        Guid worker, TimeSpan lease, bool isDraining, OutboxFigures figures, CancellationToken cancellationToken)
    {
        SqliteProcessLocks? locks = await LocksAsync(cancellationToken).ConfigureAwait(false);
        (bool isAlive, List<Guid> buried, List<WorkerRow> workers) = await WriteAsync(
            session =>
            {
                long now = session.Now();
                bool renewed = session.Execute(
                    _sql.Renew, now, Key(worker), Milliseconds(lease), isDraining ? 1L : 0L, (long)figures.InFlight,
                    (long)figures.InMemory, figures.Delivered, figures.Deferred, figures.FencedOff) == 1;
                List<Guid> dead = [];
                using (DbDataReader reader = session.Read(_sql.BuryExpired, now, Key(worker)))
                {
                    while (reader.Read())
                    {
                        dead.Add(new Guid((byte[])reader.GetValue(0)));
                    }
                }

                return (renewed, dead, ReadWorkers(session));
            },
            cancellationToken).ConfigureAwait(false);

        if (!isAlive)
        {
            locks?.Release(worker);
        }

        List<WorkerRow> ended = locks is null
            ? []
            : workers.FindAll(row => row.HasLock && row.Worker != worker && locks.HasEnded(row.Worker));
        if (ended.Count > 0)
        {
            await WriteAsync(
                session =>
                {
                    foreach (WorkerRow row in ended)
                    {
                        session.Execute(_sql.Bury, Key(row.Worker));
                    }

                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }

        _others = [.. workers.Where(row => row.HasLock && row.Worker != worker && !ended.Contains(row)).Select(static row => row.Worker)];
        foreach (Guid dead in buried.Concat(ended.Select(static row => row.Worker)))
        {
            locks?.Release(dead);
        }

        return (isAlive, workers.Count(row => !row.IsDraining && !ended.Contains(row)));
    }

    internal override bool SeesDeadWorker() => _locks is { } locks && Array.Exists(_others, locks.HasEnded);

    internal override ValueTask<IReadOnlyList<(short Lane, int Unclean)>> TakeLanesAsync(
        Guid worker, int most, CancellationToken cancellationToken) =>
        WriteAsync<IReadOnlyList<(short Lane, int Unclean)>>(session => TakeLanes(session, worker, most), cancellationToken);

    internal override ValueTask<IReadOnlyList<(short Lane, int Unclean)>> OwnedLanesAsync(
        Guid worker, CancellationToken cancellationToken) =>
        WriteAsync<IReadOnlyList<(short Lane, int Unclean)>>(
            session =>
            {
                List<(short Lane, int Unclean)> owned = [];
                using DbDataReader reader = session.Read(_sql.OwnedLanes, Key(worker));
                while (reader.Read())
                {
                    owned.Add((reader.GetInt16(0), reader.GetInt32(1)));
                }

                return owned;
            },
            cancellationToken);

    internal override async ValueTask ReturnLaneAsync(Guid worker, short lane, CancellationToken cancellationToken) =>
        await WriteAsync(session => session.Execute(_sql.ReturnLane, Key(worker), (long)lane), cancellationToken).ConfigureAwait(false);

    internal override async ValueTask LeaveAsync(Guid worker, CancellationToken cancellationToken)
    {
        await WriteAsync(
            session => session.Execute(_sql.Bury, Key(worker)) + session.Execute(_sql.ReturnLanes, Key(worker)), cancellationToken)
            .ConfigureAwait(false);
        _locks?.Release(worker);
    }

    internal override OutboxReader OpenReader() => new SqliteOutboxReader(_database, _sql);

    internal override OutboxSettler OpenSettler() => new SqliteOutboxSettler(_writer, _sql, _deadKept);

    /// <summary>Lets the writer finish and removes the lock files of this process.</summary>
    public override async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync().ConfigureAwait(false);
        _locks?.Dispose();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    private static byte[] Key(Guid worker) => worker.ToByteArray();

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    private static TimeSpan Time(long milliseconds) => TimeSpan.FromTicks(milliseconds * TimeSpan.TicksPerMillisecond);

    private List<(short Lane, int Unclean)> TakeLanes(SqliteOutboxSession session, Guid worker, int most)
    {
        List<(short Lane, bool IsOrphan, int Unclean)> free = [];
        if (session.Scalar(_sql.IsAlive, Key(worker)) is null)
        {
            return [];
        }

        using (DbDataReader reader = session.Read(_sql.FreeLanes, (long)most))
        {
            while (reader.Read())
            {
                free.Add((reader.GetInt16(0), reader.GetInt64(1) != 0, reader.GetInt32(2)));
            }
        }

        List<(short Lane, int Unclean)> taken = [];
        long orphans = 0;
        foreach ((short lane, bool isOrphan, int unclean) in free)
        {
            int now = isOrphan ? unclean + 1 : 0;
            orphans |= isOrphan ? 1L << lane : 0;
            session.Execute(_sql.TakeLane, Key(worker), (long)lane, (long)now);
            taken.Add((lane, now));
        }

        if (orphans != 0)
        {
            session.Execute(_sql.CountLog, orphans, (long)OutboxTakeover.MaxScanned, (long)OutboxTakeover.MaxCounted);
            CountParked(session, orphans);
        }

        return taken;
    }

    private void CountParked(SqliteOutboxSession session, long orphans)
    {
        long now = session.Now();
        int counted = 0;
        for (short lane = 0; lane < OutboxLanes.Count; lane++)
        {
            if (((orphans >> lane) & 1) == 0)
            {
                continue;
            }

            for (long next = long.MinValue; counted < OutboxTakeover.MaxCounted; next++)
            {
                using (DbDataReader reader = session.Read(_sql.NextParkedEndpoint, (long)lane, next))
                {
                    if (!reader.Read())
                    {
                        break;
                    }

                    next = reader.GetInt64(0);
                }

                counted += session.Execute(_sql.CountParked, now, (long)lane, next, (long)OutboxEndpoint.FullRamp);
                if (next == long.MaxValue)
                {
                    break;
                }
            }
        }
    }

    private List<WorkerRow> ReadWorkers(SqliteOutboxSession session)
    {
        List<WorkerRow> workers = [];
        using DbDataReader reader = session.Read(_sql.Workers);
        while (reader.Read())
        {
            workers.Add(new WorkerRow(new Guid((byte[])reader.GetValue(0)), reader.GetInt64(1) != 0, reader.GetInt64(2) != 0));
        }

        return workers;
    }

    /// <summary>Returns the locks; <see langword="null"/> if the database has no file.</summary>
    private async ValueTask<SqliteProcessLocks?> LocksAsync(CancellationToken cancellationToken)
    {
        if (_locks is null && _database.FilePath is null)
        {
            // The writer's connection says the path.
            await WriteAsync(static _ => true, cancellationToken).ConfigureAwait(false);
        }

        if (_locks is null && _database.FilePath is { Length: > 0 } file)
        {
            Interlocked.CompareExchange(ref _locks, new SqliteProcessLocks(file), null);
        }

        return _locks;
    }

    private ValueTask<T> WriteAsync<T>(Func<SqliteOutboxSession, T> run, CancellationToken cancellationToken) =>
        _writer.RunAsync(run, 1, 0, cancellationToken);

    private sealed record WorkerRow(Guid Worker, bool IsDraining, bool HasLock);
}
