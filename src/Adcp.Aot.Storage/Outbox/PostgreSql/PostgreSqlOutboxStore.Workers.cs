using System.Data;
using System.Data.Common;
using System.Globalization;

namespace Adcp.Aot.Storage;

/// <content>Ownership: workers and lanes.</content>
internal sealed partial class PostgreSqlOutboxStore
{
    private const string MaxPoolSize = "Maximum Pool Size";
    private const string Pooling = "Pooling";
    private const string SerializationFailure = "40001";
    private const string ReadOnlyTransaction = "25006";

    private static readonly TimeSpan DefaultLease = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LeastTimeout = TimeSpan.FromMilliseconds(100);

    private readonly PostgreSqlOutboxConnection _renewals;
    private long _lease = DefaultLease.Ticks;
    private volatile bool _renewsInTransaction;

    /// <summary>Gets 4: reads, results and renewals keep one each, and another is needed for a moment, as when lanes are taken.</summary>
    internal override int WorkerConnections => 4;

    internal override int? PoolSize
    {
        get
        {
            DbConnectionStringBuilder settings = [];
            try
            {
                settings.ConnectionString = _database.Source.ConnectionString;
            }
            catch (ArgumentException)
            {
                // A source of the host's own may have a text of another form.
                return null;
            }

            bool isPooled = !settings.TryGetValue(Pooling, out object? pools) || !bool.TryParse(pools as string, out bool pooled) || pooled;
            return isPooled && settings.TryGetValue(MaxPoolSize, out object? size)
                && int.TryParse(size as string, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                    ? number
                    : null;
        }
    }

    /// <summary>Gets how long a settlement may take on the server: half of the lease, so that a takeover waits no longer.</summary>
    private TimeSpan SettleTimeout => new(Math.Max(Volatile.Read(ref _lease) / 2, LeastTimeout.Ticks));

    internal override async ValueTask JoinAsync(Guid worker, string name, TimeSpan lease, CancellationToken cancellationToken)
    {
        KeepLease(lease);
        string? identifier = await IdentifierAsync(cancellationToken).ConfigureAwait(false);
        await RepeatableAsync(
            async (connection, token) =>
            {
                await RestampAsync(connection, token).ConfigureAwait(false);
                DbBatch batch = connection.GuardedBatch();
                if (identifier is not null)
                {
                    batch.Then(_sql.KeepIdentifier).With(DbType.String, identifier);
                }

                batch.Then(_sql.Join)
                    .With(DbType.Guid, worker)
                    .With(DbType.String, name)
                    .With(DbType.Int64, (long)lease.TotalMilliseconds);
                await batch.CommitAsync(static _ => { }, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    internal override async ValueTask<(bool IsAlive, int Workers)> RenewAsync(
        Guid worker, TimeSpan lease, bool isDraining, OutboxFigures figures, CancellationToken cancellationToken)
    {
        KeepLease(lease);
        Renewal renewed = await _renewals.RepeatableAsync(
            (connection, token) => RenewAsync(connection, worker, lease, isDraining, figures, token), cancellationToken)
            .ConfigureAwait(false);
        _switches.NoteRenewed(renewed.Revision);
        if (renewed.HasExpired)
        {
            // A transaction of its own: two workers that renew themselves and bury each other would wait for each other.
            await _renewals.RepeatableAsync(
                async (connection, token) =>
                {
                    DbBatch batch = connection.GuardedBatch();
                    batch.Then(_sql.Bury).With(DbType.Guid, worker);
                    await batch.CommitAsync(static _ => { }, token).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }

        return (renewed.IsAlive, renewed.Workers);
    }

    internal override async ValueTask<IReadOnlyList<(short Lane, int Unclean)>> TakeLanesAsync(
        Guid worker, int most, CancellationToken cancellationToken)
    {
        // Not repeated after a fault: the caller asks which lanes it owns.
        return await PostgreSqlOutboxConnection.OnceAsync(
            _database,
            mayRepeat: false,
            async (connection, token) =>
            {
                List<short> free = [];
                List<(short Lane, int Unclean)> lanes = [];
                DbTransaction transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, token)
                    .ConfigureAwait(false);
                await using (transaction.ConfigureAwait(false))
                {
                    if (await Command(transaction, _sql.Fence).With(DbType.Guid, worker)
                        .OneAsync(static _ => true, token).ConfigureAwait(false))
                    {
                        free = await Command(transaction, _sql.LockFreeLanes)
                            .With(DbType.Guid, worker)
                            .With(DbType.Int64, (long)most)
                            .AllAsync(static reader => reader.GetInt16(0), token).ConfigureAwait(false);
                    }

                    if (free.Count > 0)
                    {
                        lanes = await Command(transaction, _sql.TakeLanes)
                            .With(DbType.Guid, worker)
                            .With(DbType.String, PostgreSqlCommands.ArrayOf(free, static lane => (long)lane))
                            .AllAsync(static reader => (reader.GetInt16(0), reader.GetInt32(1)), token).ConfigureAwait(false);
                        await CountAsync(transaction, lanes, token).ConfigureAwait(false);
                    }

                    await transaction.CommitAsync(token).ConfigureAwait(false);
                }

                return lanes;
            },
            cancellationToken).ConfigureAwait(false);
    }

    internal override async ValueTask<IReadOnlyList<(short Lane, int Unclean)>> OwnedLanesAsync(
        Guid worker, CancellationToken cancellationToken) =>
        await RepeatableAsync(
            (connection, token) => connection.Command(_sql.OwnedLanes)
                .With(DbType.Guid, worker)
                .AllAsync(static reader => (reader.GetInt16(0), reader.GetInt32(1)), token),
            cancellationToken).ConfigureAwait(false);

    internal override async ValueTask ReturnLaneAsync(Guid worker, short lane, CancellationToken cancellationToken)
    {
        await RepeatableAsync(
            (connection, token) => connection.Command(_sql.ReturnLane)
                .With(DbType.Guid, worker)
                .With(DbType.Int16, lane)
                .ExecuteAsync(token),
            cancellationToken).ConfigureAwait(false);
    }

    internal override async ValueTask LeaveAsync(Guid worker, CancellationToken cancellationToken)
    {
        await EndRenewalsAsync().ConfigureAwait(false);
        await RepeatableAsync(
            async (connection, token) =>
            {
                DbBatch batch = connection.GuardedBatch();
                batch.Then(_sql.Leave).With(DbType.Guid, worker);
                batch.Then(_sql.ReturnLanes).With(DbType.Guid, worker);
                await batch.CommitAsync(static _ => { }, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    internal override ValueTask EndRenewalsAsync() => _renewals.CloseAsync();

    /// <summary>Closes the connection of the renewals.</summary>
    public override async ValueTask DisposeAsync()
    {
        await EndRenewalsAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Renews in one statement, which is a transaction. If a role's transactions are serializable or read-only by default, the first one
    /// that fails is made again in a transaction of the outbox's own, and so are the later ones.
    /// </summary>
    private async ValueTask<Renewal> RenewAsync(
        DbConnection connection, Guid worker, TimeSpan lease, bool isDraining, OutboxFigures figures, CancellationToken cancellationToken)
    {
        if (!_renewsInTransaction)
        {
            try
            {
                return await RunAsync().ConfigureAwait(false);
            }
            catch (DbException fault) when (fault.SqlState is SerializationFailure or ReadOnlyTransaction)
            {
                // Made again below.
            }
        }

        await connection.Command(PostgreSqlCommands.Begin).ExecuteAsync(cancellationToken).ConfigureAwait(false);
        Renewal renewed = await RunAsync().ConfigureAwait(false);
        await connection.Command(PostgreSqlCommands.Commit).ExecuteAsync(cancellationToken).ConfigureAwait(false);
        _renewsInTransaction = true;
        return renewed;

        ValueTask<Renewal> RunAsync() => connection.Command(_sql.Renew)
            .With(DbType.Guid, worker)
            .With(DbType.Int64, (long)lease.TotalMilliseconds)
            .With(DbType.Boolean, isDraining)
            .With(DbType.Int32, figures.InFlight)
            .With(DbType.Int32, figures.InMemory)
            .With(DbType.Int64, figures.Delivered)
            .With(DbType.Int64, figures.Deferred)
            .With(DbType.Int64, figures.FencedOff)
            .OneAsync(
                static reader => new Renewal(
                    reader.GetInt64(0) == 1, (int)reader.GetInt64(1), reader.GetInt64(2) > 0, reader.GetInt64(3)),
                cancellationToken);
    }

    /// <summary>Counts the rows that the dead owners of lanes may have been sending.</summary>
    private async ValueTask CountAsync(
        DbTransaction transaction, List<(short Lane, int Unclean)> lanes, CancellationToken cancellationToken)
    {
        ulong orphans = 0;
        foreach ((short lane, int unclean) in lanes)
        {
            orphans |= unclean > 0 ? 1UL << lane : 0;
        }

        if (orphans == 0)
        {
            return;
        }

        await Command(transaction, PostgreSqlCommands.Guards).OneAsync(static _ => true, cancellationToken).ConfigureAwait(false);
        foreach ((string sql, int most) in new[]
            { (_sql.CountLog, OutboxTakeover.MaxScanned), (_sql.CountParked, OutboxEndpoint.FullRamp) })
        {
            await Command(transaction, sql)
                .With(DbType.Int64, (long)orphans)
                .With(DbType.Int64, (long)most)
                .With(DbType.Int64, (long)OutboxTakeover.MaxCounted)
                .ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void KeepLease(TimeSpan lease)
    {
        if (lease > TimeSpan.Zero)
        {
            Volatile.Write(ref _lease, lease.Ticks);
        }
    }

    /// <summary>Returns the identifier of the cluster; <see langword="null"/> if this role may not read it.</summary>
    private ValueTask<string?> IdentifierAsync(CancellationToken cancellationToken) => RepeatableAsync(
        static async (connection, token) =>
        {
            bool mayRead = await connection.Command("SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")
                .OneAsync(static reader => reader.GetBoolean(0), token).ConfigureAwait(false);
            return mayRead
                ? await connection.Command("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")
                    .OneAsync(static reader => reader.GetString(0), token).ConfigureAwait(false)
                : null;
        },
        cancellationToken);

    /// <summary>
    /// Gives rows of another cluster, restored from a dump, a transaction of this one. Their transactions have not begun here: such a row
    /// would look new to every read.
    /// </summary>
    private async ValueTask RestampAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        bool isForeign = false;
        DbBatch question = connection.GuardedBatch();
        question.Then(_sql.IsForeign);
        await question.CommitAsync(reader => isForeign = reader.GetBoolean(0), cancellationToken).ConfigureAwait(false);
        if (!isForeign)
        {
            return;
        }

        DbBatch batch = connection.GuardedBatch();
        batch.Then(_sql.LockMeta);
        batch.Then(_sql.Restamp);
        batch.Then(_sql.RestampBindings);
        await batch.CommitAsync(static _ => { }, cancellationToken).ConfigureAwait(false);
    }

    private readonly record struct Renewal(bool IsAlive, int Workers, bool HasExpired, long Revision);
}
