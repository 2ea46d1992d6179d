using System.Data.Common;
using System.Text;
using System.Transactions;
using Adcp.Aot.Receiving;
using Adcp.Aot.Verification;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps nonces in the table <c>adcp_webhook_nonces</c> of SQLite, PostgreSQL or MySQL/MariaDB. All receivers that use
/// the database share it: if one of them accepted a signature, the others refuse it. The number of entries is bounded
/// per key, per sender and in total. No entry is forgotten before it expires. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A nonce costs one insert. A random owner number in its row shows whether an insert ran again after a lost answer or
/// the nonce is replayed. Entries expire by the database's clock, a minute later than the verifier asks, so that
/// receivers' clocks may differ by up to a minute. Calls run outside the caller's ambient transaction. If the database
/// is away, a call throws and the receiver answers 503.
/// </para>
/// <para>
/// Entries are counted again each minute. The bounds are exact for one process; of several, each further one can pass
/// them by an eighth. Expired rows are deleted by <c>AddAdcpPurge</c> of Adcp.Aot.Hosting, and a batch of them with
/// every 64th new entry.
/// </para>
/// </remarks>
public sealed class SqlReplayCache : IReplayCache, IExpiringStore, IStoreTables
{
    private const int MinNonceLength = 22;
    private const int Most = 10_000_000;

    /// <summary>
    /// The number of inserts that are refused although no such row is found. After that, the refusal has another cause.
    /// </summary>
    private const int MaxUnexplained = 3;

    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    private readonly NonceStatements _sql;
    private readonly ExpiringTable _table;
    private readonly TimeProvider _time;
    private readonly RowLimit<(string? Sender, string? KeyId)>[] _limits;

    /// <summary>Creates a cache. <see cref="CreateIfAbsentAsync"/> creates its table.</summary>
    /// <param name="source">Opens connections. The caller disposes it.</param>
    /// <param name="dialect">The SQL dialect of the database.</param>
    /// <param name="maxPerKey">The most live entries of a key. 1 to 10,000,000, default AdCP's 100,000.</param>
    /// <param name="maxTotal">The most live entries in total. 1 to 10,000,000, default 1,000,000.</param>
    /// <param name="timeProvider">
    /// The verifier's clock, by which an entry's remaining life is computed; <c>null</c> for the system's. Use the
    /// clock of the verifier's options.
    /// </param>
    /// <param name="maxPerSender">
    /// The most live entries of all keys of a sender. 1 to 10,000,000. Default a quarter of <paramref name="maxTotal"/>, but not
    /// less than <paramref name="maxPerKey"/>.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="dialect"/> is not one of the three, or a bound is outside its range.
    /// </exception>
    public SqlReplayCache(
        DbDataSource source, SqlDialect dialect, int maxPerKey = 100_000, int maxTotal = 1_000_000, TimeProvider? timeProvider = null,
        int? maxPerSender = null)
    {
        int perSender = maxPerSender ?? Math.Max(maxPerKey, maxTotal / 4);
        Require.InRange(maxPerKey, 1, Most, nameof(maxPerKey));
        Require.InRange(maxTotal, 1, Most, nameof(maxTotal));
        Require.InRange(perSender, 1, Most, nameof(maxPerSender));
        _time = timeProvider ?? TimeProvider.System;
        _sql = new NonceStatements(dialect);
        StoreDatabase database = new(source, dialect, _time);
        string[] key = ["sender", "key_id", "nonce"];
        _table = new ExpiringTable(database, NonceStatements.Table, _sql.Define, key, NonceStatements.Columns, _sql.Purge);
        _limits = [Limit(_sql.CountOfKey, maxPerKey), Limit(_sql.CountOfSender, perSender), Limit(_sql.CountOfAll, maxTotal)];
    }

    /// <inheritdoc/>
    public int PurgeBatchSize => ExpiringTable.PurgeBatchSize;

    /// <summary>Creates the table and its index if they are absent.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">
    /// The database has a newer version of the table than this program knows, or there is an ambient transaction.
    /// </exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) => _table.CreateIfAbsentAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The table is missing or lacks a column.</exception>
    /// <exception cref="DbException">The database cannot be reached.</exception>
    public ValueTask CheckAsync(CancellationToken cancellationToken = default) => _table.CheckAsync(cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused a statement or cannot be reached.</exception>
    public async ValueTask<bool> HasRoomAsync(string sender, string keyId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(keyId);
        using TransactionScope? outside = ExpiringTable.Outside();
        (string? Sender, string? KeyId)[] scopes = Scopes(KeyText.Of(sender), KeyText.Of(keyId));
        for (int i = 0; i < scopes.Length; i++)
        {
            if (!await _limits[i].HasRoomAsync(scopes[i], cancellationToken).ConfigureAwait(false))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The nonce is not unpadded base64url of 16 bytes or more.</exception>
    /// <exception cref="DbException">The database refused a statement or cannot be reached.</exception>
    public async ValueTask<ReplayAdmission> TryAddAsync(
        string sender, string keyId, ReadOnlyMemory<char> nonce, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(keyId);
        if (nonce.Length < MinNonceLength || !Ascii.IsValid(nonce.Span))
        {
            throw new ArgumentException("Must be unpadded base64url of at least 16 bytes.", nameof(nonce));
        }

        using TransactionScope? outside = ExpiringTable.Outside();
        TimeSpan left = expiresAt - _time.GetUtcNow();
        Entry entry = new(
            KeyText.Of(sender), KeyText.Of(keyId), KeyText.Of(nonce.ToString()), WebhookClaim.NewOwner(),
            (long)(TimeSpan.FromTicks(Math.Max(left.Ticks, 0)).TotalMilliseconds + ClockTolerance.TotalMilliseconds));
        List<RowLimit<(string? Sender, string? KeyId)>.Share> shares = new(_limits.Length);
        bool isAdded = false;
        try
        {
            bool hasRoom = await TryTakeAsync(shares, entry, cancellationToken).ConfigureAwait(false);

            // The row may exist until the answer shows otherwise.
            isAdded = hasRoom;
            ReplayAdmission admission = await TryAddAsync(entry, hasRoom, cancellationToken).ConfigureAwait(false);
            isAdded = admission == ReplayAdmission.Added;
            if (!isAdded)
            {
                return admission;
            }
        }
        finally
        {
            foreach (RowLimit<(string? Sender, string? KeyId)>.Share share in shares)
            {
                share.Settle(isAdded);
            }
        }

        await _table.AddedAsync(cancellationToken).ConfigureAwait(false);
        return ReplayAdmission.Added;
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default) => _table.PurgeAsync(cancellationToken);

    /// <summary>Names the key, its sender and the whole, in the order of the limits.</summary>
    private static (string? Sender, string? KeyId)[] Scopes(string sender, string keyId) => [(sender, keyId), (sender, null), (null, null)];

    /// <summary>Adds the nonce, or reads the row that is there and replaces it if it has expired.</summary>
    private async ValueTask<ReplayAdmission> TryAddAsync(Entry entry, bool hasRoom, CancellationToken cancellationToken)
    {
        StoreCommand command =
            await _table.OpenAsync(hasRoom ? _sql.Insert : _sql.Read, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            for (int unexplained = 0; ;)
            {
                DbException? refusal = null;
                if (hasRoom)
                {
                    command.Next(_sql.Insert);
                    entry.Bind(command);
                    (int added, refusal) = await command.TryExecuteAsync(cancellationToken).ConfigureAwait(false);
                    if (added > 0)
                    {
                        return ReplayAdmission.Added;
                    }
                }

                (long Owner, bool IsExpired)? stored = await ReadAsync(command, entry, cancellationToken).ConfigureAwait(false);
                if (stored is { IsExpired: false } live)
                {
                    // Our own number: the insert's answer was lost, and it ran again.
                    return live.Owner == entry.Owner ? ReplayAdmission.Added : ReplayAdmission.Replayed;
                }

                if (!hasRoom)
                {
                    return ReplayAdmission.Full;
                }

                if (stored is not { } expired)
                {
                    // A purge came in between.
                    if (refusal is not null && ++unexplained == MaxUnexplained)
                    {
                        throw refusal;
                    }

                    continue;
                }

                command.Next(_sql.Replace);
                entry.Bind(command);
                command.Bind("@seen", expired.Owner);
                if (await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0)
                {
                    return ReplayAdmission.Added;
                }
            }
        }
    }

    private async ValueTask<(long Owner, bool IsExpired)?> ReadAsync(StoreCommand command, Entry entry, CancellationToken cancellationToken)
    {
        command.Next(_sql.Read);
        entry.BindRow(command);
        DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                ? (reader.GetInt64(0), reader.Number(1) == 1)
                : null;
        }
    }

    /// <summary>Takes room in each bound.</summary>
    private async ValueTask<bool> TryTakeAsync(
        List<RowLimit<(string? Sender, string? KeyId)>.Share> shares, Entry entry, CancellationToken cancellationToken)
    {
        (string? Sender, string? KeyId)[] scopes = Scopes(entry.Sender, entry.KeyId);
        for (int i = 0; i < scopes.Length; i++)
        {
            if (await _limits[i].TryTakeAsync(scopes[i], cancellationToken).ConfigureAwait(false) is not { } share)
            {
                return false;
            }

            shares.Add(share);
        }

        return true;
    }

    private RowLimit<(string? Sender, string? KeyId)> Limit(string sql, int limit) =>
        new(limit, (scope, token) => CountAsync(sql, scope, limit, token), _time);

    private async ValueTask<int> CountAsync(
        string sql, (string? Sender, string? KeyId) scope, int limit, CancellationToken cancellationToken)
    {
        StoreCommand command = await _table.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            if (scope.Sender is not null)
            {
                command.Bind("@sender", scope.Sender);
            }

            if (scope.KeyId is not null)
            {
                command.Bind("@key_id", scope.KeyId);
            }

            command.Bind("@limit", limit);
            return await command.CountAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A nonce as it is to be added.</summary>
    private sealed record Entry(string Sender, string KeyId, string Nonce, long Owner, long TimeToLive)
    {
        internal void BindRow(StoreCommand command)
        {
            command.Bind("@sender", Sender);
            command.Bind("@key_id", KeyId);
            command.Bind("@nonce", Nonce);
        }

        internal void Bind(StoreCommand command)
        {
            BindRow(command);
            command.Bind("@owner", Owner);
            command.Bind("@ttl", TimeToLive);
        }
    }
}
