using System.Data.Common;
using System.Transactions;
using Adcp.Aot.Receiving;

namespace Adcp.Aot.Storage;

/// <summary>
/// Keeps claims in the table <c>adcp_webhook_claims</c> of SQLite, PostgreSQL or MySQL/MariaDB. They survive the
/// process, and all receivers that use the database share them. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A webhook costs two statements: one claims it and one completes it. Leases and retention follow the database's
/// clock. If the answer to a statement was lost, the statement runs again and recognises its own claim by a random
/// owner number. Calls run outside the caller's ambient transaction.
/// </para>
/// <para>
/// The number of keys of a sender is counted again each minute. The bound is exact for one process; of several, each
/// further one can pass it by an eighth. Expired rows are deleted by <c>AddAdcpPurge</c> of Adcp.Aot.Hosting, and a
/// batch of them with every 64th new key.
/// </para>
/// <para>
/// A claim is as durable as the database's commit. On SQLite open the file with <see cref="SqliteDataSource"/>, which
/// writes each commit to the disk.
/// </para>
/// </remarks>
public sealed class SqlWebhookClaimStore : IWebhookClaimStore, IExpiringStore, IStoreTables
{
    private const int FingerprintBytes = 32;

    /// <summary>
    /// The number of inserts that are refused although no such row is found. After that, the refusal has another cause.
    /// </summary>
    private const int MaxUnexplained = 3;

    private readonly ClaimStatements _sql;
    private readonly ExpiringTable _table;
    private readonly RowLimit<string> _keys;

    /// <summary>Creates a store. <see cref="CreateIfAbsentAsync"/> creates its table.</summary>
    /// <param name="source">Opens connections. The caller disposes it.</param>
    /// <param name="dialect">The SQL dialect of the database.</param>
    /// <param name="maxKeysPerSender">The most keys of one sender. At least 1, default 1,000,000 (about 400 MB).</param>
    /// <param name="timeProvider">
    /// The clock of waiting and counting; <c>null</c> for the system's. Leases follow the database's clock.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="dialect"/> is not one of the three, or <paramref name="maxKeysPerSender"/> is less than 1.
    /// </exception>
    public SqlWebhookClaimStore(
        DbDataSource source, SqlDialect dialect, int maxKeysPerSender = 1_000_000, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxKeysPerSender, 1);
        TimeProvider time = timeProvider ?? TimeProvider.System;
        StoreDatabase database = new(source, dialect, time);
        _sql = new ClaimStatements(dialect);
        string[] key = ["sender", "idempotency_key"];
        _table = new ExpiringTable(database, ClaimStatements.Table, _sql.Define, key, ClaimStatements.Columns, _sql.Purge);
        _keys = new RowLimit<string>(maxKeysPerSender, (sender, token) => CountAsync(sender, maxKeysPerSender, token), time);
    }

    /// <summary>Gets <c>true</c>.</summary>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public int PurgeBatchSize => ExpiringTable.PurgeBatchSize;

    /// <summary>Creates the table and its indexes if they are absent.</summary>
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
    /// <exception cref="ArgumentException"><paramref name="fingerprint"/> has not 32 bytes.</exception>
    /// <exception cref="DbException">The database refused a statement or cannot be reached.</exception>
    public async ValueTask<WebhookClaim> ClaimAsync(
        string sender, string idempotencyKey, ReadOnlyMemory<byte> fingerprint, TimeSpan lease, TimeSpan retention,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(sender);
        ArgumentNullException.ThrowIfNull(idempotencyKey);
        if (fingerprint.Length != FingerprintBytes)
        {
            throw new ArgumentException("A fingerprint is a SHA-256: 32 bytes.", nameof(fingerprint));
        }

        using TransactionScope? outside = ExpiringTable.Outside();
        Wish wish = new(
            KeyText.Of(sender), KeyText.Of(idempotencyKey), Convert.ToHexStringLower(fingerprint.Span), WebhookClaim.NewOwner(),
            Milliseconds(lease), Milliseconds(retention));
        RowLimit<string>.Share? share = await _keys.TryTakeAsync(wish.Sender, cancellationToken).ConfigureAwait(false);
        bool isAdded = true;
        ClaimStatus status;
        try
        {
            (status, isAdded) = await ClaimAsync(wish, hasRoom: share is not null, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            share?.Settle(isAdded);
        }

        if (isAdded)
        {
            await _table.AddedAsync(cancellationToken).ConfigureAwait(false);
        }

        return new WebhookClaim(sender, idempotencyKey, status == ClaimStatus.Owned ? wish.Owner : 0, status);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> RenewAsync(WebhookClaim claim, TimeSpan lease, CancellationToken cancellationToken) =>
        SettleAsync(claim, _sql.Renew, Milliseconds(lease), cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> CompleteAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
        SettleAsync(claim, _sql.Complete, null, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> ReleaseAsync(WebhookClaim claim, CancellationToken cancellationToken) =>
        SettleAsync(claim, _sql.Release, null, cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default) => _table.PurgeAsync(cancellationToken);

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>
    /// Adds the key, or reads the existing binding and takes it if it is free. Begins again if another caller changed
    /// it in between; each such turn is that caller's progress.
    /// </summary>
    private async ValueTask<(ClaimStatus Status, bool IsAdded)> ClaimAsync(Wish wish, bool hasRoom, CancellationToken cancellationToken)
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
                    wish.Bind(command, isNew: true);
                    (int added, refusal) = await command.TryExecuteAsync(cancellationToken).ConfigureAwait(false);
                    if (added > 0)
                    {
                        return (ClaimStatus.Owned, true);
                    }
                }

                Binding? binding = await ReadAsync(command, wish, cancellationToken).ConfigureAwait(false);
                if (binding is null && !hasRoom)
                {
                    return (ClaimStatus.SenderFull, false);
                }

                if (binding is not { } bound)
                {
                    // A purge came in between.
                    if (refusal is not null && ++unexplained == MaxUnexplained)
                    {
                        throw refusal;
                    }

                    continue;
                }

                if (bound.Owner == wish.Owner && !bound.IsCompleted && bound.IsLeased)
                {
                    // Written by a statement whose answer was lost.
                    return (ClaimStatus.Owned, true);
                }

                if (bound.IsOver && !hasRoom)
                {
                    return (ClaimStatus.SenderFull, false);
                }

                if (bound.Judge() is { } known)
                {
                    return (known, false);
                }

                command.Next(bound.IsOver ? _sql.Replace : _sql.TakeOver);
                wish.Bind(command, isNew: bound.IsOver);
                command.Bind("@seen", bound.Owner);
                if (await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0)
                {
                    return (ClaimStatus.Owned, bound.IsOver);
                }
            }
        }
    }

    private async ValueTask<Binding?> ReadAsync(StoreCommand command, Wish wish, CancellationToken cancellationToken)
    {
        command.Next(_sql.Read);
        wish.BindRow(command);
        command.Bind("@fingerprint", wish.Fingerprint);
        DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                ? new Binding(reader.GetInt64(0), Flag(reader, 1), Flag(reader, 2), Flag(reader, 3), Flag(reader, 4))
                : null;
        }
    }

    private static bool Flag(DbDataReader reader, int ordinal) => reader.Number(ordinal) == 1;

    private async ValueTask<bool> SettleAsync(WebhookClaim claim, string sql, long? lease, CancellationToken cancellationToken)
    {
        if (claim.Status != ClaimStatus.Owned)
        {
            return false;
        }

        using TransactionScope? outside = ExpiringTable.Outside();
        StoreCommand command = await _table.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            command.Bind("@sender", KeyText.Of(claim.Sender));
            command.Bind("@key", KeyText.Of(claim.IdempotencyKey));
            command.Bind("@owner", claim.Owner);
            if (lease is not null)
            {
                command.Bind("@lease", lease);
            }

            return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
        }
    }

    private async ValueTask<int> CountAsync(string sender, int limit, CancellationToken cancellationToken)
    {
        StoreCommand command = await _table.OpenAsync(_sql.Count, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            command.Bind("@sender", sender);
            command.Bind("@limit", limit);
            return await command.CountAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A binding as it was read.</summary>
    private readonly record struct Binding(long Owner, bool IsSamePayload, bool IsCompleted, bool IsLeased, bool IsOver)
    {
        /// <summary>Returns the answer that the binding gives; <c>null</c> if the key is free.</summary>
        internal ClaimStatus? Judge() =>
            IsOver ? null
                : !IsSamePayload ? ClaimStatus.Conflict
                : IsCompleted ? ClaimStatus.Completed
                : IsLeased ? ClaimStatus.InProgress
                : null;
    }

    /// <summary>A claim as it is asked for.</summary>
    private sealed record Wish(string Sender, string Key, string Fingerprint, long Owner, long Lease, long Retention)
    {
        internal void BindRow(StoreCommand command)
        {
            command.Bind("@sender", Sender);
            command.Bind("@key", Key);
        }

        internal void Bind(StoreCommand command, bool isNew)
        {
            BindRow(command);
            command.Bind("@owner", Owner);
            command.Bind("@lease", Lease);
            if (isNew)
            {
                command.Bind("@fingerprint", Fingerprint);
                command.Bind("@retention", Retention);
            }
        }
    }
}
