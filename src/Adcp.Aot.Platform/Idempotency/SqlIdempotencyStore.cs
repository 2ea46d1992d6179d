using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using System.Transactions;
using Adcp.Aot.Storage;

namespace Adcp.Aot.Platform.Idempotency;

/// <summary>
/// Keeps requests and answers in the table <c>adcp_requests</c> of SQLite, PostgreSQL or MySQL/MariaDB. They outlive
/// the process, and several processes share them. Of claims that race, one is inserted. Thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// A request costs two statements: one claims it, one keeps its answer. Leases follow the database's clock. Answers are kept independently
/// of the objects that they name, and encrypted if <see cref="IdempotencyStoreOptions.Secrets"/> is set. Identities and fingerprints are
/// kept as HMAC-SHA256 with a random salt, which is in the table too and encrypted likewise.
/// </para>
/// <para>
/// Answers are deleted when <see cref="IdempotencyStoreOptions.ExpiredTimeToLive"/> is over. Unresolved requests are never deleted.
/// </para>
/// </remarks>
public sealed class SqlIdempotencyStore : IIdempotencyStore, IUnresolvedRequestStore, IExpiringStore, IStoreTables
{
    /// <summary>The number of tries of a claim if the database fails.</summary>
    private const int MaxFaults = 3;

    /// <summary>The number of inserts that are refused although no such row is found. After that, the refusal has another cause.</summary>
    private const int MaxUnexplained = 3;

    private const string Sealed = "v1:";

    private readonly StoreDatabase _database;
    private readonly RequestStatements _sql;
    private readonly IdempotencyStoreOptions _options;
    private readonly CountedQuota _quota;
    private byte[]? _salt;

    /// <summary>Creates a store. <see cref="CreateIfAbsentAsync"/> creates its table.</summary>
    /// <param name="source">Opens connections. The caller disposes it.</param>
    /// <param name="dialect">The SQL that they speak.</param>
    /// <param name="options">The times for which answers are kept, and their encryption; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="dialect"/> is not one of the three.</exception>
    public SqlIdempotencyStore(DbDataSource source, SqlDialect dialect, IdempotencyStoreOptions? options = null)
    {
        _options = options ?? new IdempotencyStoreOptions();
        _database = new StoreDatabase(source, dialect, _options.TimeProvider);
        _sql = new RequestStatements(_database);
        _quota = new CountedQuota(_options.MaxRequestsPerTenant, CountAsync, _options.TimeProvider);
    }

    /// <summary>Gets <c>true</c>.</summary>
    public bool IsDurable => true;

    /// <inheritdoc/>
    public TimeSpan ReplayTimeToLive => _options.ReplayTimeToLive;

    /// <inheritdoc/>
    public int PurgeBatchSize => 500;

    /// <summary>Creates table and index if they are absent.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="InvalidOperationException">The database has a newer version of the table than this program knows.</exception>
    /// <exception cref="DbException">A statement failed.</exception>
    public ValueTask CreateIfAbsentAsync(CancellationToken cancellationToken = default) =>
        _database.CreateIfAbsentAsync(RequestStatements.Table, _sql.Define, ["scope", "request"], cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<IdempotencyClaim> ClaimAsync(string tenant, string request, string fingerprint, TimeSpan lease,
        CancellationToken cancellationToken = default)
    {
        using TransactionScope? outside = Outside();
        IdempotencyClaim claim = new(tenant, request, fingerprint, IdempotencyClaimStatus.Owned, NewFence());
        Taking taking = new();
        try
        {
            for (int faults = 0; ;)
            {
                try
                {
                    Row row = await RowOfAsync(claim, cancellationToken).ConfigureAwait(false);
                    taking.HasRoom = taking.HasRoom
                        || await _quota.TryTakeAsync(row.Scope, cancellationToken).ConfigureAwait(false);
                    IdempotencyClaim result = await ClaimAsync(claim, row, lease, taking, cancellationToken).ConfigureAwait(false);
                    taking.IsAdded = result.Status == IdempotencyClaimStatus.Owned;
                    return result;
                }
                catch (DbException) when (++faults < MaxFaults)
                {
                    // A stale connection, or a commit whose answer was lost: reading shows which.
                }
            }
        }
        finally
        {
            if (taking is { HasRoom: true, IsAdded: false })
            {
                _quota.Return(tenant);
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<bool> IsKnownAsync(string tenant, string request, CancellationToken cancellationToken = default)
    {
        using TransactionScope? outside = Outside();
        Row row = await RowOfAsync(new(tenant, request, "", IdempotencyClaimStatus.Owned), cancellationToken).ConfigureAwait(false);
        StoreCommand command = await _database.OpenAsync(_sql.IsKnown, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            row.Bind(command);
            return await command.CountAsync(cancellationToken).ConfigureAwait(false) > 0;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> RenewAsync(IdempotencyClaim claim, TimeSpan lease, CancellationToken cancellationToken = default) =>
        ChangeAsync(claim, _sql.Renew, (command, _) => command.Bind("@lease", Milliseconds(lease)), cancellationToken);

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> NoteTaskAsync(IdempotencyClaim claim, string taskId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(taskId);
        return ChangeAsync(claim, _sql.NoteTask, (command, _) => command.Bind("@task_id", taskId), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<bool> CompleteAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        ArgumentNullException.ThrowIfNull(answer);
        bool isKept = await ChangeAsync(
            claim, _sql.Complete, (command, row) => BindAnswer(command.Bind, command.Bind, row, answer), cancellationToken)
            .ConfigureAwait(false);
        return isKept || (claim.Fence != 0 && await IsKeptAsync(claim, answer, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The transaction has ended.</exception>
    /// <exception cref="DbException">The database refused the statement.</exception>
    public async ValueTask<bool> CompleteAsync(
        IdempotencyClaim claim, string answer, DbTransaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(transaction);
        DbConnection connection = transaction.Connection ?? throw new ArgumentException("The transaction has ended.", nameof(transaction));
        Row row = await RowOfAsync(claim, cancellationToken).ConfigureAwait(false);
        DbCommand command = connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
#pragma warning disable CA2100 // A constant of this assembly.
            command.CommandText = _sql.Complete;
#pragma warning restore CA2100
            command.Transaction = transaction;
            Add("@scope", row.Scope);
            Add("@request", row.Request);
            Add("@owner", claim.Fence);
            BindAnswer(Add, (name, value) => Add(name, value), row, answer);
            return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) > 0;

            void Add(string name, object? value)
            {
                DbParameter parameter = command.CreateParameter();
                (parameter.ParameterName, parameter.Value) = (name, value ?? DBNull.Value);
                command.Parameters.Add(parameter);
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<bool> ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        bool isReleased = await ChangeAsync(claim, _sql.Release, null, cancellationToken).ConfigureAwait(false);
        if (isReleased)
        {
            _quota.Return(claim.Tenant);
        }

        return isReleased;
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public ValueTask<bool> SuspendAsync(IdempotencyClaim claim, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(claim);
        long earlier = claim.EarlierFence == 0 ? claim.Fence : claim.EarlierFence;
        return ChangeAsync(claim, _sql.Suspend, (command, _) => command.Bind("@earlier", earlier), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<RequestsInDoubt> CountUnresolvedAsync(CancellationToken cancellationToken = default)
    {
        StoreCommand command = await _database.OpenAsync(_sql.CountUnresolved, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                    ? new RequestsInDoubt(
                        reader.Number(0) ?? 0, reader.Number(1) is { } oldest ? DateTimeOffset.FromUnixTimeMilliseconds(oldest) : null)
                    : default;
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<IReadOnlyList<RequestInDoubt>> ListUnresolvedAsync(int limit, CancellationToken cancellationToken = default)
    {
        StoreCommand command = await _database.OpenAsync(_sql.ListUnresolved, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            command.Bind("@limit", limit);
            List<RequestInDoubt> requests = [];
            DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    requests.Add(new RequestInDoubt(
                        reader.Text(0)!,
                        reader.Text(1)!,
                        reader.Text(2)!,
                        DateTimeOffset.FromUnixTimeMilliseconds(reader.Number(3)!.Value),
                        reader.IsDBNull(4) ? null : reader.GetString(4)));
                }
            }

            return requests;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The database refused the statement or cannot be reached.</exception>
    public async ValueTask<bool> ResolveAsync(string tenant, string id, string? answer, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        using TransactionScope? outside = Outside();
        Row row = new(StoreScope.Of(tenant).Key, id, "");
        StoreCommand command =
            await _database.OpenAsync(answer is null ? _sql.Forget : _sql.Resolve, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            row.Bind(command);
            if (answer is not null)
            {
                // Another owner: an earlier caller that is still alive changes nothing any more.
                command.Bind("@owner", NewFence());
                BindAnswer(command.Bind, command.Bind, row, answer);
                return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
            }

            bool isForgotten = await command.DeleteAsync(cancellationToken).ConfigureAwait(false);
            if (isForgotten)
            {
                _quota.Return(tenant);
            }

            return isForgotten;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DbException">The table is missing, or the database cannot be reached.</exception>
    public async ValueTask CheckAsync(CancellationToken cancellationToken = default)
    {
        StoreCommand command = await _database.OpenAsync(_sql.Check, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            await command.CountAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<int> PurgeAsync(CancellationToken cancellationToken = default)
    {
        using TransactionScope? outside = Outside();
        StoreCommand command = await _database.OpenAsync(_sql.Purge, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            command.Bind("@limit", PurgeBatchSize);
            return await command.ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    private static long NewFence() => Random.Shared.NextInt64(1, long.MaxValue);

    /// <summary>Leaves the caller's ambient transaction: a claim holds even if that transaction rolls back.</summary>
    private static TransactionScope? Outside() => Transaction.Current is null
        ? null
        : new TransactionScope(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);

    /// <summary>
    /// Adds the request, or reads the known one and takes it over if it is unresolved. Begins again if another caller changed it in
    /// between; each such turn is that caller's progress.
    /// </summary>
    private async ValueTask<IdempotencyClaim> ClaimAsync(
        IdempotencyClaim claim, Row row, TimeSpan lease, Taking taking, CancellationToken cancellationToken)
    {
        StoreCommand command = await _database.OpenAsync(_sql.Insert, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            for (int unexplained = 0; ;)
            {
                DbException? refusal = null;
                if (taking.HasRoom)
                {
                    command.Next(_sql.Insert);
                    row.BindClaim(command, claim.Fence, lease);
                    command.Bind("@fingerprint", row.Fingerprint);
                    command.Bind("@label", IdempotencyRules.Label(claim.Request));
                    (int added, refusal) = await command.TryExecuteAsync(cancellationToken).ConfigureAwait(false);
                    if (added > 0)
                    {
                        return claim;
                    }
                }

                if (await ReadAsync(command, row, cancellationToken).ConfigureAwait(false) is not { } known)
                {
                    if (!taking.HasRoom)
                    {
                        return claim with { Status = IdempotencyClaimStatus.Full, Fence = 0 };
                    }

                    // It was released in between.
                    if (refusal is not null && ++unexplained == MaxUnexplained)
                    {
                        throw refusal;
                    }

                    continue;
                }

                if (known.Owner == claim.Fence && !known.IsAnswered)
                {
                    // Written by a statement whose answer was lost.
                    return taking.Taken ?? claim;
                }

                IdempotencyClaimStatus status = IdempotencyRules.Judge(known.IsSame, known.IsAnswered, known.Left > 0);
                if (status != IdempotencyClaimStatus.Unresolved)
                {
                    return claim with
                    {
                        Status = status,
                        Fence = 0,
                        Answer = status == IdempotencyClaimStatus.Answered ? Reveal(row, known.Answer) : null,
                        Wait = status == IdempotencyClaimStatus.InFlight ? TimeSpan.FromMilliseconds(known.Left) : TimeSpan.Zero,
                    };
                }

                taking.Taken = claim with { Status = status, EarlierFence = known.Owner, TaskId = known.TaskId };
                command.Next(_sql.TakeOver);
                row.BindClaim(command, claim.Fence, lease);
                command.Bind("@seen", known.Owner);
                if (await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0)
                {
                    return taking.Taken;
                }
            }
        }
    }

    private async ValueTask<Known?> ReadAsync(StoreCommand command, Row row, CancellationToken cancellationToken)
    {
        command.Next(_sql.Read);
        row.Bind(command);
        command.Bind("@fingerprint", row.Fingerprint);
        DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                ? new Known(
                    reader.Number(0)!.Value,
                    reader.Number(1) == 1,
                    reader.Number(2) == 1,
                    reader.Number(3)!.Value,
                    reader.IsDBNull(4) ? null : reader.GetString(4),
                    reader.IsDBNull(5) ? null : reader.GetString(5))
                : null;
        }
    }

    /// <summary>Returns whether a claim kept this very answer in an earlier call.</summary>
    private async ValueTask<bool> IsKeptAsync(IdempotencyClaim claim, string answer, CancellationToken cancellationToken)
    {
        Row row = await RowOfAsync(claim, cancellationToken).ConfigureAwait(false);
        StoreCommand command = await _database.OpenAsync(_sql.Read, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            return await ReadAsync(command, row, cancellationToken).ConfigureAwait(false) is { IsAnswered: true } known
                && known.Owner == claim.Fence && Reveal(row, known.Answer) == answer;
        }
    }

    private async ValueTask<bool> ChangeAsync(
        IdempotencyClaim claim, string sql, Action<StoreCommand, Row>? bind, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(claim);
        if (claim.Fence == 0)
        {
            return false;
        }

        using TransactionScope? outside = Outside();
        Row row = await RowOfAsync(claim, cancellationToken).ConfigureAwait(false);
        StoreCommand command = await _database.OpenAsync(sql, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            row.Bind(command);
            command.Bind("@owner", claim.Fence);
            bind?.Invoke(command, row);
            return ReferenceEquals(sql, _sql.Release)
                ? await command.DeleteAsync(cancellationToken).ConfigureAwait(false)
                : await command.ExecuteAsync(cancellationToken).ConfigureAwait(false) > 0;
        }
    }

    private void BindAnswer(Action<string, string?> text, Action<string, long?> number, Row row, string answer)
    {
        TimeSpan replay = _options.ReplayTimeToLive + IdempotencyStoreOptions.Grace;
        text("@answer", _options.Secrets?.Protect(answer, row.Scope, row.Request, "answer") ?? answer);
        number("@replay", Milliseconds(replay));
        number("@keep", Milliseconds(replay + _options.ExpiredTimeToLive));
    }

    /// <exception cref="CryptographicException">The answer is encrypted with a key that is not among the given ones.</exception>
    private string Reveal(Row row, string? answer) =>
        answer is null || !answer.StartsWith(Sealed, StringComparison.Ordinal)
            ? answer ?? ""
            : _options.Secrets?.Reveal(answer, row.Scope, row.Request, "answer")
                ?? throw new CryptographicException("A kept answer is encrypted: set IdempotencyStoreOptions.Secrets.");

    private async ValueTask<int> CountAsync(string tenant, int limit, CancellationToken cancellationToken)
    {
        StoreCommand command = await _database.OpenAsync(_sql.Count, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            command.Bind("@scope", tenant);
            command.Bind("@limit", limit);
            return await command.CountAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<Row> RowOfAsync(IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        string scope = StoreScope.Of(claim.Tenant).Key;
        byte[] salt = _salt ??= await SaltAsync(cancellationToken).ConfigureAwait(false);
        return new Row(scope, Salted("request"), Salted("fingerprint"));

        string Salted(string part) => Convert.ToHexStringLower(HMACSHA256.HashData(
            salt, Encoding.UTF8.GetBytes(part + ":" + (part == "request" ? claim.Request : claim.Fingerprint))));
    }

    /// <summary>Reads the salt, and writes it if this is the first process that needs one.</summary>
    private async ValueTask<byte[]> SaltAsync(CancellationToken cancellationToken)
    {
        StoreCommand command = await _database.OpenAsync(_sql.ReadSalt, cancellationToken).ConfigureAwait(false);
        await using (command.ConfigureAwait(false))
        {
            while (true)
            {
                command.Next(_sql.ReadSalt);
                DbDataReader reader = await command.ReadAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        string kept = reader.GetString(0);
                        return Convert.FromHexString(kept.StartsWith(Sealed, StringComparison.Ordinal)
                            ? _options.Secrets?.Reveal(kept, "salt")
                                ?? throw new CryptographicException(
                                    "The table adcp_requests is encrypted: set IdempotencyStoreOptions.Secrets.")
                            : kept);
                    }
                }

                string salt = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
                command.Next(_sql.InsertSalt);
                command.Bind("@answer", _options.Secrets?.Protect(salt, "salt") ?? salt);
                (_, DbException? refusal) = await command.TryExecuteAsync(cancellationToken).ConfigureAwait(false);
                _ = refusal; // Another process was first: its salt is read.
            }
        }
    }

    /// <summary>The progress of a claim over its tries.</summary>
    private sealed class Taking
    {
        internal bool HasRoom { get; set; }

        internal bool IsAdded { get; set; }

        /// <summary>Gets the claim that took an unresolved request over, or tried to.</summary>
        internal IdempotencyClaim? Taken { get; set; }
    }

    /// <summary>A request as the table has it.</summary>
    private sealed record Known(long Owner, bool IsSame, bool IsAnswered, long Left, string? TaskId, string? Answer);

    /// <summary>The key of a row, and the fingerprint as it is kept.</summary>
    private readonly record struct Row(string Scope, string Request, string Fingerprint)
    {
        internal void Bind(StoreCommand command)
        {
            command.Bind("@scope", Scope);
            command.Bind("@request", Request);
        }

        internal void BindClaim(StoreCommand command, long owner, TimeSpan lease)
        {
            Bind(command);
            command.Bind("@owner", owner);
            command.Bind("@lease", Milliseconds(lease));
        }
    }
}
